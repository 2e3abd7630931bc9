"""Mistral's params.json in the words of config.json.

Only what differs in shape; keys that merely have other names are read as they are. After
vllm/transformers_utils/configs/mistral.py.
"""

from collections.abc import Mapping
from typing import Any

_DEFAULT_CONTEXT = 128_000
_MOE_KEYS = {"num_experts": "num_experts", "num_experts_per_tok": "num_experts_per_tok"}


def is_params(config: Mapping[str, Any]) -> bool:
    """Whether it is Mistral's format: that one calls the hidden size `dim`."""
    return "dim" in config and "n_layers" in config and "hidden_size" not in config


def to_config(params: Mapping[str, Any]) -> dict[str, Any]:
    """The same facts as a config.json has them; what is not understood is passed on."""
    config = {key: value for key, value in params.items() if key != "sliding_window"}
    config["num_hidden_layers"] = params.get("n_layers")
    config["architectures"] = [_architecture(params)]
    if config.get("max_position_embeddings") is None:
        config["max_position_embeddings"] = params.get("max_seq_len") or _DEFAULT_CONTEXT
    moe = params.get("moe")
    if isinstance(moe, Mapping):
        config.update({ours: moe.get(theirs) for theirs, ours in _MOE_KEYS.items()})
    return {**config, **_window(params)}


def _architecture(params: Mapping[str, Any]) -> str:
    if params.get("vision_encoder") or params.get("multimodal"):
        return "Mistral3ForConditionalGeneration"
    moe = params.get("moe")
    if isinstance(moe, Mapping):
        return "MistralLarge3ForCausalLM" if moe.get("num_shared_experts") else "MixtralForCausalLM"
    return "MistralForCausalLM"


def _window(params: Mapping[str, Any]) -> dict[str, Any]:
    """One window for all layers, or a list that repeats with null for full attention."""
    window, layers = params.get("sliding_window"), params.get("n_layers")
    if not isinstance(window, list):
        return {"sliding_window": window}
    if not window or not isinstance(layers, int) or layers > _MOST_LAYERS:
        return {}
    kinds = ["full_attention" if size is None else "sliding_attention" for size in window]
    sizes = [size for size in window if size is not None]
    return {
        "sliding_window": sizes[0] if sizes else None,
        "layer_types": [kinds[index % len(kinds)] for index in range(layers)],
    }


_MOST_LAYERS = 4096
