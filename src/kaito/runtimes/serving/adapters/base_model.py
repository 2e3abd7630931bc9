"""What the base model's files say about the modules an adapter may change: names and shapes.

Read off the headers of its safetensors, so any architecture works and nothing is computed. A model
whose weights are packed (GPTQ, AWQ) or not local gives names without shapes, or nothing at all: the
engine's own checks remain.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from kaito.runtimes.serving.adapters.errors import AdapterInvalid
from kaito.runtimes.serving.adapters.header import read_header

Shape: TypeAlias = tuple[int, ...]
_TAIL = re.compile(r"(?:^|\.)((?:layers|h|blocks|block)\.\d+\..+)$")
_PACKED = (".qweight", ".weight_packed")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModel:
    """The model that adapters are added to."""

    names: tuple[str, ...] = ()
    """What it is called: preset, hub id, folder."""
    shapes: Mapping[str, Shape | None] = field(default_factory=lambda: MappingProxyType({}))
    """Of each module's weight, outputs first; None: not known. Empty: no module is known."""
    tails: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Modules by the part of their name from the layer's number on: what comes before differs
    between releases of transformers, and a vision tower has layers of its own."""

    def find_shapes(self, name: str) -> tuple[Shape | None, ...]:
        """The weights that an adapter's module may mean; none where the model has no such."""
        if name in self.shapes:
            return (self.shapes[name],)
        tail = _TAIL.search(name)
        if tail is not None:
            found = self.tails.get(tail[1], ())
        else:
            found = tuple(known for known in self.shapes if known.endswith(f".{name}"))
        return tuple(self.shapes[known] for known in found)


def observe_base(folder: Path, names: Sequence[str]) -> BaseModel:
    """Read the headers in `folder`; a damaged file there is the engine's to complain about."""
    shapes: dict[str, Shape | None] = {}
    if not (folder / "config.json").is_file():
        # Mistral's own format, with module names of its own.
        return BaseModel(names=tuple(names))
    for path in sorted(folder.glob("*.safetensors")):
        try:
            tensors = read_header(path)
        except (AdapterInvalid, OSError):
            return BaseModel(names=tuple(names))
        for name, tensor in tensors.items():
            if name.endswith(".weight") and len(tensor.shape) == 2:
                # Bytes instead of numbers: several weights are packed into each.
                is_packed = tensor.dtype in {"U8", "I8", "I32"}
                shapes[name.removesuffix(".weight")] = None if is_packed else tensor.shape
            for suffix in _PACKED:
                if name.endswith(suffix):
                    shapes[name.removesuffix(suffix)] = None
    embeddings = next((name for name in shapes if name.endswith("embed_tokens")), None)
    if embeddings and not any(name.endswith("lm_head") for name in shapes):
        shapes["lm_head"] = shapes[embeddings]
    return to_base_model(shapes, names)


def to_base_model(shapes: Mapping[str, Shape | None], names: Sequence[str]) -> BaseModel:
    """The model with these modules."""
    tails: dict[str, tuple[str, ...]] = {}
    for name in shapes:
        if match := _TAIL.search(name):
            tails[match[1]] = (*tails.get(match[1], ()), name)
    return BaseModel(
        names=tuple(names), shapes=MappingProxyType(dict(shapes)), tails=MappingProxyType(tails)
    )
