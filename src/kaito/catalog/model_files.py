"""A model's facts from its own files: the configuration and the weight files' names and headers.

The caller reads (a folder, a hub, a registry) and hands the bytes over; nothing is opened here. The
weights are counted as the engine loads them: without what it leaves aside, at the size it casts to.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from kaito.catalog.config import parse_config, parse_object
from kaito.catalog.preset import LoadFormat, ModelFacts
from kaito.catalog.safetensors import FLOATS, Tensor, parse_header

CONFIG_NAMES: dict[LoadFormat, str] = {"auto": "config.json", "mistral": "params.json"}
_CONSOLIDATED = re.compile(r"consolidated[\w.-]{0,200}\.safetensors")
_SAFETENSORS = re.compile(r"[\w.-]{1,200}\.safetensors")
_PICKLES = re.compile(r"(pytorch_model|model)[\w.-]{0,200}\.bin")
_LAYER = re.compile(r"(?:^|\.)layers\.(\d{1,6})\.")
_EXPERT = re.compile(r"\.experts\.|\.experts_|_experts\.")
_SPECULATION = ("mtp.", "model.mtp.", "draft.")
_LOADED_BYTES = 2
"""Bytes of an element once loaded, where the weights are not quantised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFile:
    """One weight file of a model."""

    name: str
    """Path within the repository or folder."""
    size_bytes: int
    head: bytes = b""
    """Its first bytes, as many as `safetensors.header_length` says; empty: only the size counts."""


def choose_weight_files(
    names: Iterable[str], *, load_format: LoadFormat = "auto"
) -> tuple[str, ...]:
    """The files that the engine loads, sorted; empty when there is none.

    Only files beside the configuration: copies in folders below (`original/`, `metal/`) are not
    loaded, and names that lead elsewhere are nobody's weights.
    """
    known = sorted(set(names))
    consolidated = [name for name in known if _CONSOLIDATED.fullmatch(name)]
    if load_format == "mistral":
        return tuple(consolidated)
    others = [n for n in known if _SAFETENSORS.fullmatch(n) and n not in consolidated]
    if others:
        return tuple(others)
    return tuple(consolidated or (name for name in known if _PICKLES.fullmatch(name)))


def parse_model(
    config: bytes, files: Iterable[WeightFile], *, load_format: LoadFormat = "auto"
) -> ModelFacts:
    """The facts of a model; `ValueError` says in one line which file is wrong and how.

    `files` may be all that the repository has; those that are loaded are chosen here.
    """
    by_name = {file.name: file for file in files}
    chosen = [by_name[name] for name in choose_weight_files(by_name, load_format=load_format)]
    if not chosen:
        raise ValueError("there are no weights: no .safetensors and no .bin file beside the config")
    where = CONFIG_NAMES[load_format]
    values = parse_object(config, where)
    size = sum(file.size_bytes for file in chosen)
    facts = parse_config(values, weights_bytes=size)
    if not all(file.head for file in chosen):
        return facts
    tensors = [tensor for file in chosen for tensor in _tensors(file)]
    is_tied = _is_tied(values)
    loaded = [tensor for tensor in tensors if _is_loaded(tensor.name, facts.layers, is_tied)]
    return _with_weights(facts, loaded)


def _tensors(file: WeightFile) -> tuple[Tensor, ...]:
    try:
        return parse_header(file.head, file_bytes=file.size_bytes)
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from None


def _is_tied(values: dict[str, object]) -> bool:
    """Whether the output layer is the embedding, so that a copy in the files is not loaded."""
    text = values.get("text_config")
    places = (values, text if isinstance(text, dict) else {})
    return any(place.get("tie_word_embeddings") is True for place in places)


def _is_loaded(name: str, layers: int, is_tied: bool) -> bool:
    """Whether the engine keeps a tensor: not the layers for speculation, nor a tied copy."""
    if name.startswith(_SPECULATION) or name.endswith("rotary_emb.inv_freq"):
        return False
    if is_tied and name.endswith("lm_head.weight"):
        return False
    layer = _LAYER.search(name)
    is_own = name.startswith("model.layers.") or "language_model." in name
    # Encoders have layers too, and numbers of their own.
    return layer is None or not is_own or int(layer[1]) < layers


def _with_weights(facts: ModelFacts, tensors: list[Tensor]) -> ModelFacts:
    """The facts with sizes and parameters counted tensor by tensor."""
    is_plain = facts.quantization is None
    sizes = [_loaded_bytes(tensor, is_plain) for tensor in tensors]
    total = sum(sizes)
    if is_plain:
        parameters = sum(tensor.elements for tensor in tensors)
    else:
        parameters = total * 8 // facts.weight_bits
    return replace(
        facts,
        weights_bytes=total,
        parameters=parameters,
        active_parameters=_active(facts, parameters, list(zip(tensors, sizes, strict=True))),
    )


def _loaded_bytes(tensor: Tensor, is_plain: bool) -> int:
    """Weights that are not quantised are cast to 16 bits, whatever the file has."""
    if is_plain and tensor.dtype in FLOATS:
        return tensor.elements * _LOADED_BYTES
    return tensor.size_bytes


def _active(facts: ModelFacts, parameters: int, sized: list[tuple[Tensor, int]]) -> int:
    """All but the experts that a token is not sent to, in proportion to their bytes."""
    total = sum(size for _, size in sized)
    experts = sum(size for tensor, size in sized if _EXPERT.search(tensor.name))
    if not facts.experts or not total:
        return parameters
    idle = max(facts.experts - facts.experts_per_token, 0)
    return parameters - parameters * experts * idle // (total * facts.experts)
