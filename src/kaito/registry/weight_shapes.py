"""Whether weights are those of the model that their config.json describes.

Told from the tensors' names and shapes alone: the width of the embedding of tokens, and how many
layers there are. What a name or a quantization leaves open counts as right: this finds files that
were put together from two models, and never stands in the way of a layout it does not know.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

_LENGTH_BYTES: Final = 8
_MOST_CONFIG_BYTES: Final = 4 << 20
_METADATA: Final = "__metadata__"
_PLAIN: Final = frozenset({"BF16", "F16", "F32"})
"""Numbers that are stored one by one; packed ones have shapes of their own."""
_EMBEDDINGS: Final = (
    "embed_tokens.weight", "tok_embeddings.weight", "wte.weight", "word_embeddings.weight",
    "embed_in.weight",
)  # fmt: skip
_WIDTHS: Final = frozenset(
    {
        "hidden_size", "d_model", "n_embd", "dim", "embedding_size", "word_embed_proj_dim",
        "hidden_dim", "model_dim", "d_embed", "emb_dim",
    }
)  # fmt: skip
_TEXT: Final = ("text_config", "llm_config", "language_config", "thinker_config")
_LAYER: Final = re.compile(r"^(.*\b(?:layers|h|blocks))\.(\d+)\.")
_SHARED: Final = frozenset({"num_hidden_groups"})
"""Of models whose layers share their weights."""


class _Tensor(msgspec.Struct):
    dtype: str
    shape: tuple[int, ...]


def require_matching(folder: Path, names: Sequence[str]) -> None:
    """Raise `ValueError` where the safetensors files `names` are not of config.json's model.

    The files must be whole, as `weight_files.require_whole` finds them.
    """
    try:
        with (folder / "config.json").open("rb") as stream:
            config = msgspec.json.decode(stream.read(_MOST_CONFIG_BYTES), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError):
        return  # whoever needs it says so
    tensors = {name: (file, one) for file in names for name, one in _tensors(folder / file)}
    problem = _width_problem(config, tensors) or _layers_problem(config, tensors)
    if problem:
        raise ValueError(
            f"{problem}: the two are of different models; "
            "take config.json and the weights from the same one"
        )


def _tensors(path: Path) -> Iterator[tuple[str, _Tensor]]:
    with path.open("rb") as stream:
        header = stream.read(int.from_bytes(stream.read(_LENGTH_BYTES), "little"))
    for name, entry in msgspec.json.decode(header, type=dict[str, msgspec.Raw]).items():
        if name != _METADATA:
            try:
                yield name, msgspec.json.decode(entry, type=_Tensor)
            except msgspec.MsgspecError:
                continue  # a kind of tensor that is newer than this


def _width_problem(config: Mapping[str, Any], tensors: Mapping[str, tuple[str, _Tensor]]) -> str:
    widths = set(_numbers(config))
    found = [
        (name, file, tensor.shape)
        for name, (file, tensor) in tensors.items()
        if name.endswith(_EMBEDDINGS) and tensor.dtype in _PLAIN and len(tensor.shape) == 2
    ]
    if not (widths and found) or any(shape[1] in widths for _, _, shape in found):
        return ""
    name, file, shape = found[0]
    said = ", ".join(map(str, sorted(widths)))
    return f"{name[:120]} of {file} is {shape[1]} wide, where config.json says {said}"


def _layers_problem(config: Mapping[str, Any], tensors: Mapping[str, tuple[str, _Tensor]]) -> str:
    wanted = _layers(config)
    counted: dict[str, set[str]] = {}
    for name in tensors:
        if match := _LAYER.match(name):
            counted.setdefault(match[1], set()).add(match[2])
    most = max(map(len, counted.values()), default=0)
    if not most or most >= wanted:
        return ""
    return f"the weights have {most} layers, where config.json says {wanted}"


def _layers(config: Mapping[str, Any]) -> int:
    """Layers of the language model; 0 where that is not said, or says little of the files."""
    for part in (config, *(config.get(key) for key in _TEXT)):
        if isinstance(part, dict):
            number = part.get("num_hidden_layers")
            if isinstance(number, int) and not _SHARED & part.keys():
                return number
    return 0


def _numbers(config: Mapping[str, Any]) -> Iterator[int]:
    """Every width that the configuration and its parts name."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _numbers(value)
        elif key in _WIDTHS and isinstance(value, int):
            yield value
