"""Facts from a model's own config.json or params.json, as dictionaries a family writes them."""

import json
from typing import Any

import pytest

from kaito.catalog.cache_layers import CacheLayers, HeadLayers, LatentLayers
from kaito.catalog.config import parse_config, parse_config_text
from kaito.catalog.lookup import find_preset
from kaito.catalog.quantization import Quantization

BASE: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 30,
    "hidden_size": 576,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 8192,
}
MAMBA = {
    "mamba_num_heads": 64,
    "mamba_head_dim": 64,
    "ssm_state_size": 128,
    "n_groups": 8,
    "conv_kernel": 4,
}


def cache_of(changes: dict[str, Any]) -> tuple[CacheLayers, ...]:
    return parse_config({**BASE, **changes}, weights_bytes=1).cache


@pytest.mark.parametrize(
    ("changes", "kv_bytes"),
    [
        ({}, 2 * 30 * 3 * 64 * 2),
        ({"num_key_value_heads": None}, 2 * 30 * 9 * 64 * 2),
        ({"head_dim": 128}, 2 * 30 * 3 * 128 * 2),
        ({"multi_query": True}, 2 * 30 * 1 * 64 * 2),
        ({"multi_query": True, "new_decoder_architecture": True}, 2 * 30 * 3 * 64 * 2),
        ({"kv_lora_rank": 512, "qk_rope_head_dim": 64}, 30 * 576 * 2),
        ({"attn_config": {"kv_n_heads": 1}}, 2 * 30 * 64 * 2),
        ({"num_kv_shared_layers": 10}, 2 * 20 * 3 * 64 * 2),
    ],
    ids=["grouped", "all", "head size", "one", "new decoder", "latent", "nested", "shared"],
)
def test_the_cache_a_token_follows_the_attention(changes: dict[str, Any], kv_bytes: int) -> None:
    assert parse_config({**BASE, **changes}, weights_bytes=1).kv_bytes_per_token == kv_bytes


def windows(changes: dict[str, Any]) -> dict[int, int]:
    """Layers by the window they look back, 0 for all of the sequence."""
    found: dict[int, int] = {}
    for group in cache_of(changes):
        assert isinstance(group, HeadLayers)
        found[group.window_tokens] = found.get(group.window_tokens, 0) + group.layers
    return found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sliding_window": None}, {0: 30}),
        ({"sliding_window": 0}, {0: 30}),
        ({"sliding_window": 2047}, {2047: 30}),
        ({"sliding_window": 4096, "use_sliding_window": False}, {0: 30}),
        (
            {"sliding_window": 4096, "use_sliding_window": True, "max_window_layers": 20},
            {0: 20, 4096: 10},
        ),
        ({"sliding_window": 512, "sliding_window_pattern": 6}, {512: 25, 0: 5}),
        ({"sliding_window": 512, "sliding_window_pattern": "LLLG"}, {512: 23, 0: 7}),
        ({"sliding_window": 4096, "model_type": "gemma2"}, {4096: 15, 0: 15}),
        ({"sliding_window": 128, "layer_types": ["sliding_attention"] * 30}, {128: 30}),
        ({"layer_types": ["chunked_attention", "full_attention"] * 15}, {0: 30}),
    ],
)
def test_windows_are_where_the_family_puts_them(
    changes: dict[str, Any], expected: dict[int, int]
) -> None:
    assert windows(changes) == expected


@pytest.mark.parametrize(
    ("changes", "attention", "states"),
    [
        ({**MAMBA, "hybrid_override_pattern": "M-M*" + "ME" * 13}, 1, 15),
        ({**MAMBA, "layers_block_type": ["mamba", "attention", "moe"] * 10}, 10, 10),
        ({**MAMBA, "attn_layer_indices": [3, 9]}, 2, 28),
        ({**MAMBA, "full_attn_idxs": [3]}, 1, 29),
        ({**MAMBA, "attn_layer_period": 8, "attn_layer_offset": 4}, 4, 26),
        ({**MAMBA, "layer_types": ["linear_attention", "full_attention"] * 15}, 15, 15),
        ({**MAMBA, "layers_block_type": ["hybrid", "mamba", "mamba"] * 10}, 10, 30),
        ({**MAMBA, "model_type": "falcon_h1"}, 30, 30),
        ({**MAMBA, "model_type": "mamba2"}, 0, 30),
    ],
)
def test_hybrids_keep_states_in_some_layers_and_a_cache_in_others(
    changes: dict[str, Any], attention: int, states: int
) -> None:
    layers = {"HeadLayers": 0, "StateLayers": 0}
    for group in cache_of(changes):
        layers[type(group).__name__] += group.layers
    assert layers == {"HeadLayers": attention, "StateLayers": states}


def test_a_pattern_alone_tells_the_number_of_layers() -> None:
    config = {**BASE, **MAMBA, "num_hidden_layers": None, "hybrid_override_pattern": "M*-M"}
    facts = parse_config(config, weights_bytes=1)
    assert (facts.layers, facts.kv_bytes_per_token) == (4, 2 * 3 * 64 * 2)


def test_layers_that_were_pruned_away_keep_nothing() -> None:
    blocks = [{"attention": {"no_op": True}}, {"attention": {"n_heads_in_group": 9}}] * 15
    assert cache_of({"block_configs": blocks}) == (HeadLayers(layers=15, kv_heads=1, key_size=64),)


def test_an_indexer_is_counted_in_the_layers_that_have_one() -> None:
    changes = {
        "kv_lora_rank": 512,
        "qk_rope_head_dim": 64,
        "index_topk": 2048,
        "index_head_dim": 128,
        "index_topk_freq": 4,
        "index_skip_topk_offset": 3,
    }
    assert cache_of(changes) == (
        LatentLayers(layers=30, width=576, packed_bytes=656),
        LatentLayers(layers=9, packed_bytes=132),
    )
    assert cache_of({**changes, "index_topk_pattern": "FSS" * 10})[1].layers == 10
    assert cache_of({**changes, "indexer_types": ["full", "shared"] * 15})[1].layers == 15


def test_facts_inside_a_text_config_count() -> None:
    nested = {"architectures": ["X"], "text_config": {**BASE, "architectures": None}}
    facts = parse_config(nested, weights_bytes=7)
    assert (facts.architecture, facts.context_tokens, facts.weights_bytes) == ("X", 8192, 7)
    deeper = {"architectures": ["X"], "thinker_config": {"text_config": BASE}}
    assert parse_config(deeper, weights_bytes=7).context_tokens == 8192


def test_a_model_with_eyes_says_so() -> None:
    assert not parse_config(BASE, weights_bytes=1).is_multimodal
    config = {"text_config": BASE, "vision_config": {"num_hidden_layers": 3}}
    assert parse_config(config, weights_bytes=1).is_multimodal


def test_a_missing_fact_is_named() -> None:
    config = {key: value for key, value in BASE.items() if key != "num_hidden_layers"}
    with pytest.raises(ValueError, match="num_hidden_layers"):
        parse_config(config, weights_bytes=1)


@pytest.mark.parametrize(
    ("config", "quantization"),
    [
        ({"quant_method": "fp8"}, Quantization(method="fp8", bits=8)),
        ({"quant_method": "awq", "bits": 4}, Quantization(method="awq", bits=4)),
        ({"quant_method": "gptq", "bits": 8}, Quantization(method="gptq", bits=8)),
        ({"quant_method": "mxfp4"}, Quantization(method="mxfp4", bits=4)),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True},
            Quantization(method="bitsandbytes", bits=4),
        ),
        (
            {"quant_method": "compressed_tensors", "format": "nvfp4-pack-quantized"},
            Quantization(method="compressed-tensors", bits=4, format="nvfp4-pack-quantized"),
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "float-quantized",
                "config_groups": {"group_0": {"weights": {"num_bits": 8}}},
                "kv_cache_scheme": {"num_bits": 8, "type": "float"},
            },
            Quantization(
                method="compressed-tensors", bits=8, format="float-quantized", cache_bits=8
            ),
        ),
        (
            {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4"}},
            Quantization(method="modelopt_fp4", bits=4, format="nvfp4"),
        ),
        (
            {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"},
            Quantization(method="modelopt", bits=8, format="fp8", cache_bits=8),
        ),
        (
            {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"},
            Quantization(method="modelopt_mixed", bits=8, format="mixed_precision"),
        ),
    ],
)
def test_quantised_weights_are_named_as_the_engine_names_them(
    config: dict[str, Any], quantization: Quantization
) -> None:
    facts = parse_config({**BASE, "quantization_config": config}, weights_bytes=800)
    assert facts.quantization == quantization
    assert facts.parameters == 800 * 8 // quantization.bits
    assert facts.cache_element_bytes == quantization.cache_bits // 8


def test_infinity_in_a_config_counts_as_nothing() -> None:
    # Nemotron's own time_step_limit is [0.0, Infinity].
    text = json.dumps({**BASE, "time_step_limit": [0.0, float("inf")], "head_dim": float("nan")})
    assert "Infinity" in text
    assert parse_config_text(text.encode(), weights_bytes=1).kv_bytes_per_token == 2 * 30 * 3 * 128


PARAMS = {
    "dim": 4096,
    "n_layers": 34,
    "head_dim": 128,
    "hidden_dim": 14_336,
    "n_heads": 32,
    "n_kv_heads": 8,
    "vocab_size": 131_072,
    "max_position_embeddings": 262_144,
    "quantization": {"qformat_weight": "fp8_e4m3", "qscheme_act": "TENSOR"},
    "vision_encoder": {"hidden_size": 1024, "num_hidden_layers": 24},
}


def test_mistrals_own_format_is_read_like_the_other() -> None:
    preset = find_preset("mistralai/Ministral-3-8B-Instruct-2512")
    assert preset is not None
    assert preset.facts is not None
    facts = parse_config(PARAMS, weights_bytes=preset.facts.weights_bytes)
    for name in ("architecture", "cache", "layers", "context_tokens", "quantization"):
        assert getattr(facts, name) == getattr(preset.facts, name)


def test_mistrals_windows_repeat_and_its_experts_are_found() -> None:
    params = {**PARAMS, "sliding_window": [None, 4096], "moe": {"num_experts": 128}}
    facts = parse_config(params, weights_bytes=1)
    assert facts.experts == 128
    assert [(group.layers, group.window_tokens) for group in facts.cache] == [(17, 0), (17, 4096)]
