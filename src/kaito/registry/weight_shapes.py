"""Whether weights are those of the model that their config.json describes.

Told from the tensors' names and shapes alone: the width of the embedding of tokens, and how many
layers there are. What a name, a quantization, or a number that the configuration leaves to its
class's default keeps open counts as right: this finds files that were put together from two models,
and never stands in the way of a layout it does not know. Adapters' files are not looked at: a
folder may hold them beside their base's config.json.
"""

import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any, Final

import msgspec

from kaito.registry.safetensors import Tensor

_MOST_CONFIG_BYTES: Final = 4 << 20
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
_SURE: Final = frozenset({"hidden_size", "d_model", "n_embd"})
"""Of those, the ones that are the embedding's own unless another of them is."""
_TEXT: Final = ("text_config", "llm_config", "language_config", "thinker_config")
_LAYER: Final = re.compile(r"^(?:(.*)\.)?(?:layers|h|blocks)\.(\d+)\.")
_STACK: Final = frozenset(
    {"model", "language_model", "transformer", "decoder", "thinker", "llm", "gpt_neox", "backbone"}
)
"""What the path to a language model's layers is made of; an image tower's has other parts."""
_OTHERWISE: Final = frozenset({"num_hidden_groups", "block_configs"})
"""Of models whose layers share their weights, or may have none."""
_ADAPTER_FILE: Final = "adapter"
_ADAPTER: Final = re.compile(r"^base_model\.|\.lora_")


def require_matching(folder: Path, files: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Raise `ValueError` where the tensors of `files`, by file, are not of config.json's model."""
    try:
        with (folder / "config.json").open("rb") as stream:
            config = msgspec.json.decode(stream.read(_MOST_CONFIG_BYTES), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError):
        return  # whoever needs it says so
    tensors = {
        name: (file, one)
        for file, own in files.items()
        if not file.startswith(_ADAPTER_FILE)
        for name, one in own.items()
        if not _ADAPTER.search(name)
    }
    problem = _width_problem(config, tensors) or _layers_problem(config, tensors)
    if problem:
        raise ValueError(
            f"{problem}: the two are of different models; "
            "take config.json and the weights from the same one"
        )


def _width_problem(config: Mapping[str, Any], tensors: Mapping[str, tuple[str, Tensor]]) -> str:
    parts = _texts(config)
    widths = {width for part in (config, *parts) for width in _own(part, _WIDTHS)}
    if not all(any(_own(part, _SURE)) for part in parts):
        return ""
    found = [
        (name, file, tensor.shape)
        for name, (file, tensor) in tensors.items()
        if name.endswith(_EMBEDDINGS) and tensor.dtype in _PLAIN and len(tensor.shape) == 2
    ]
    # A part that is named otherwise may be what the embedding is of.
    possible = widths | set(_anywhere(config))
    if not found or any(shape[1] in possible for _, _, shape in found):
        return ""
    name, file, shape = found[0]
    said = ", ".join(map(str, sorted(widths)))
    return f"{name[:120]} of {file} is {shape[1]} wide, where config.json says {said}"


def _layers_problem(config: Mapping[str, Any], tensors: Mapping[str, tuple[str, Tensor]]) -> str:
    wanted = _layers(config)
    # The highest number, for layers that were pruned away leave gaps; of any stack, for the number
    # may be another one's.
    most, is_known = 0, False
    for name in tensors:
        if match := _LAYER.match(name):
            most = max(most, int(match[2]) + 1)
            is_known = is_known or _STACK.issuperset((match[1] or "model").split("."))
    if not is_known or most >= wanted:
        return ""
    return f"the weights have {most} layers, where config.json says {wanted}"


def _layers(config: Mapping[str, Any]) -> int:
    """Layers of the language model; 0 where that is not said, or says little of the files."""
    parts = _texts(config)
    if any(_OTHERWISE & part.keys() for part in (config, *parts)):
        return 0
    return min((max(_own(part, {"num_hidden_layers"}), default=0) for part in parts), default=0)


def _texts(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The parts that describe the language model; the whole where there is no such part.

    Only of the whole is everything written down: a part leaves out what its class has anyway.
    """
    inner = [part for key in _TEXT if isinstance(part := config.get(key), dict)]
    return [leaf for part in inner for leaf in _texts(part)] or [config]


def _own(part: Mapping[str, Any], keys: Set[str]) -> list[int]:
    return [value for key, value in part.items() if key in keys and isinstance(value, int)]


def _anywhere(config: Mapping[str, Any]) -> Iterator[int]:
    """Every width that the configuration and its parts name."""
    yield from _own(config, _WIDTHS)
    for value in config.values():
        if isinstance(value, dict):
            yield from _anywhere(value)
