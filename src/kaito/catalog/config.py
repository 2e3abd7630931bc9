"""A model's facts from its own config.json, or from Mistral's params.json.

Key names differ between families and formats; each fact is taken from the first key that is there.
What the layers keep is worked out in `config_cache`. Everything here was written by somebody else:
whatever is wrong with it is one `ValueError` with one line.
"""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from kaito.catalog.cache_layers import token_bytes
from kaito.catalog.config_cache import HEADS, HIDDEN, cache_layers
from kaito.catalog.config_layers import layer_kinds
from kaito.catalog.config_quantization import read_quantization
from kaito.catalog.keys import Keys
from kaito.catalog.mistral_params import is_params, to_config
from kaito.catalog.preset import ModelFacts

CONFIG_LIMIT = 16 * 1024**2
"""Bytes; the largest real ones list every tensor's quantisation and stay under a tenth of it."""
_CONTEXT = (
    "max_position_embeddings",
    "n_positions",
    "n_ctx",
    "seq_length",
    "max_seq_len",
    "max_sequence_length",
    "model_max_length",
)
_DEFAULT_CONTEXT = 2048
_EXPERTS = ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts")
_EXPERTS_PER_TOKEN = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "top_k_experts",
    "moe_topk",
    "moe_top_k",
)
_TEXT_CONFIGS = ("text_config", "llm_config", "language_config")
_OTHER_SENSES = ("vision_config", "audio_config", "vision_encoder", "multimodal", "sound_config")


def parse_config_text(text: bytes, *, weights_bytes: int) -> ModelFacts:
    """The facts from the file's bytes; `ValueError` for anything that is no such file.

    Python's writers put Infinity and NaN into JSON where they mean none; they count as null.
    """
    if len(text) > CONFIG_LIMIT:
        raise ValueError(f"config.json has {len(text)} bytes, more than {CONFIG_LIMIT}")
    return parse_config(parse_object(text, "config.json"), weights_bytes=weights_bytes)


def parse_config(config: Mapping[str, Any], *, weights_bytes: int) -> ModelFacts:
    """The facts; `ValueError` names the key that is missing or wrong."""
    outer = Keys(to_config(config) if is_params(config) else config)
    text = (outer.nested("thinker_config") or outer).nested(*_TEXT_CONFIGS)
    keys = outer if text is None else outer.over(text)
    cache = cache_layers(keys)
    experts = keys.find_number(*_EXPERTS) or 0
    quantization = read_quantization(outer, keys)
    parameters = weights_bytes * 8 // (quantization.bits if quantization else 16)
    return ModelFacts(
        architecture=next(iter(outer.texts("architectures")), "unknown"),
        weights_bytes=weights_bytes,
        kv_bytes_per_token=token_bytes(cache),
        context_tokens=keys.number(*_CONTEXT, default=_DEFAULT_CONTEXT),
        cache=cache,
        layers=len(layer_kinds(keys)),
        hidden_size=keys.find_number(*HIDDEN) or 0,
        attention_heads=keys.find_number(*HEADS) or 0,
        vocabulary=keys.find_number("vocab_size") or 0,
        parameters=parameters,
        experts=experts,
        experts_per_token=(keys.find_number(*_EXPERTS_PER_TOKEN) or 0) if experts else 0,
        quantization=quantization,
        is_multimodal=any(name in outer for name in _OTHER_SENSES),
    )


def parse_object(text: bytes, where: str) -> dict[str, Any]:
    """A JSON object, strict but for Infinity and NaN; `ValueError` in one line otherwise."""
    try:
        found = json.loads(text, parse_constant=_to_none)
    except RecursionError:
        _refuse(where, "is nested too deeply")
    except ValueError as error:
        _refuse(where, f"is not JSON: {_first_line(error)}")
    if not isinstance(found, dict):
        _refuse(where, "is not an object")
    return found


def _to_none(_: str) -> None:
    """What JSON has no word for is not there."""


def _refuse(where: str, what: str) -> NoReturn:
    # The parser's own error would drag the whole text along.
    raise ValueError(f"{where} {what}") from None


def _first_line(error: ValueError) -> str:
    return (str(error).splitlines() or ["empty"])[0][:100]
