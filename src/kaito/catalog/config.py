"""A model's facts from its own config.json.

Key names differ between model families; each fact is taken from the first key that is there. The
cache a token is 2 x layers x key-value heads x head size x 2 bytes, as vLLM allocates it for full
attention at 16 bits (vllm/v1/kv_cache_interface.py, AttentionSpec).
"""

from collections.abc import Mapping
from typing import Any

from kaito.catalog.preset import ModelFacts

_CONTEXT = ("max_position_embeddings", "n_positions", "n_ctx", "seq_length", "max_seq_len")
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers")
_HIDDEN = ("hidden_size", "n_embd", "d_model", "dim")
_HEADS = ("num_attention_heads", "n_head", "n_heads")
_KV_HEADS = ("num_key_value_heads", "n_head_kv", "n_kv_heads")
_DEFAULT_CONTEXT = 2048


def parse_config(config: Mapping[str, Any], *, weights_bytes: int) -> ModelFacts:
    """The facts; `ValueError` names the key that is missing."""
    inner = config.get("text_config") or config.get("llm_config") or {}
    merged = {**inner, **{key: value for key, value in config.items() if value is not None}}
    architectures = merged.get("architectures") or ["unknown"]
    layers = _number(merged, _LAYERS)
    heads = _number(merged, _HEADS)
    return ModelFacts(
        architecture=str(architectures[0]),
        weights_bytes=weights_bytes,
        kv_bytes_per_token=_kv_bytes_per_token(merged, layers, heads),
        context_tokens=_number(merged, _CONTEXT, default=_DEFAULT_CONTEXT),
    )


def _kv_bytes_per_token(config: Mapping[str, Any], layers: int, heads: int) -> int:
    if "kv_lora_rank" in config:
        # Multi-head latent attention caches one compressed vector and the rotary part.
        return layers * (int(config["kv_lora_rank"]) + int(config["qk_rope_head_dim"])) * 2
    kv_heads = 1 if config.get("multi_query") else _number(config, _KV_HEADS, default=heads)
    head_size = int(config.get("head_dim") or _number(config, _HIDDEN) // heads)
    return 2 * layers * kv_heads * head_size * 2


def _number(config: Mapping[str, Any], keys: tuple[str, ...], *, default: int = 0) -> int:
    for key in keys:
        if isinstance(config.get(key), int):
            return int(config[key])
    if not default:
        raise ValueError(f"config.json has none of the keys {', '.join(keys)}")
    return default
