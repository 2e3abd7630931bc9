"""Facts from a model's own config.json."""

from typing import Any

import pytest

from kaito.catalog.config import parse_config

BASE: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 30,
    "hidden_size": 576,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 8192,
}


@pytest.mark.parametrize(
    ("changes", "kv_bytes"),
    [
        ({}, 2 * 30 * 3 * 64 * 2),
        ({"num_key_value_heads": None}, 2 * 30 * 9 * 64 * 2),
        ({"head_dim": 128}, 2 * 30 * 3 * 128 * 2),
        ({"multi_query": True}, 2 * 30 * 1 * 64 * 2),
        ({"kv_lora_rank": 512, "qk_rope_head_dim": 64}, 30 * 576 * 2),
    ],
    ids=["grouped", "all heads", "head size", "one head", "latent"],
)
def test_the_cache_a_token_follows_the_attention(changes: dict[str, Any], kv_bytes: int) -> None:
    assert parse_config({**BASE, **changes}, weights_bytes=1).kv_bytes_per_token == kv_bytes


def test_facts_inside_a_text_config_count() -> None:
    nested = {"architectures": ["X"], "text_config": {**BASE, "architectures": None}}
    facts = parse_config(nested, weights_bytes=7)
    assert (facts.architecture, facts.context_tokens, facts.weights_bytes) == ("X", 8192, 7)


def test_a_missing_fact_is_named() -> None:
    config = {key: value for key, value in BASE.items() if key != "num_hidden_layers"}
    with pytest.raises(ValueError, match="num_hidden_layers"):
        parse_config(config, weights_bytes=1)
