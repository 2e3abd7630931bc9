"""Facts from the configurations that transformers itself writes, one class a family.

Each is built with a catalogued model's published numbers and written as its config.json would be;
what is read back has to be what the catalogue has as a literal. `transformers_configs.json` has
them as transformers 5.19 writes them; `KAITO_UPDATE_GOLDEN=1 pytest -m extended` on this file
writes it anew, which takes long only because the library imports torch.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from kaito.catalog.cache_layers import HeadLayers, LatentLayers, StateLayers
from kaito.catalog.config import parse_config
from kaito.catalog.lookup import find_preset
from kaito.catalog.preset import ModelFacts

RECORD = Path(__file__).with_name("transformers_configs.json")


def read(name: str) -> ModelFacts:
    """The facts of a recorded config.json."""
    return parse_config(json.loads(RECORD.read_text())[name], weights_bytes=1)


QWEN3_5: dict[str, Any] = {
    "hidden_size": 5120,
    "num_hidden_layers": 64,
    "num_attention_heads": 24,
    "num_key_value_heads": 4,
    "linear_num_value_heads": 48,
    "mamba_ssm_dtype": "float32",
    "max_position_embeddings": 262_144,
}
GEMMA4: dict[str, Any] = {
    "hidden_size": 5376,
    "num_hidden_layers": 60,
    "num_attention_heads": 32,
    "num_key_value_heads": 16,
    "num_global_key_value_heads": 4,
    "attention_k_eq_v": True,
    "sliding_window": 1024,
    "max_position_embeddings": 262_144,
}
CATALOGUED: dict[str, tuple[str, dict[str, Any]]] = {
    "llama-3.1-8b-instruct": (
        "LlamaConfig",
        {
            "vocab_size": 128_256,
            "num_key_value_heads": 8,
            "max_position_embeddings": 131_072,
        },
    ),
    "phi-3-mini-4k-instruct": ("Phi3Config", {"sliding_window": 2047}),
    "qwen2.5-0.5b-instruct": (
        "Qwen2Config",
        {
            "hidden_size": 896,
            "num_hidden_layers": 24,
            "num_attention_heads": 14,
            "num_key_value_heads": 2,
            "sliding_window": 32_768,
            "use_sliding_window": False,
        },
    ),
    "qwen3-8b-awq": (
        "Qwen3Config",
        {
            "num_hidden_layers": 36,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "max_position_embeddings": 40_960,
            "quantization_config": {"quant_method": "awq", "bits": 4},
        },
    ),
    "qwen3.6-27b": ("Qwen3_5TextConfig", QWEN3_5),
    "qwen3.6-35b-a3b": (
        "Qwen3_5MoeTextConfig",
        {"mamba_ssm_dtype": "float32", "max_position_embeddings": 262_144},
    ),
    "gemma-4-31b-it": ("Gemma4TextConfig", GEMMA4),
    "gemma-4-e2b-it": (
        "Gemma4TextConfig",
        {
            "hidden_size": 1536,
            "num_hidden_layers": 35,
            "num_attention_heads": 8,
            "num_key_value_heads": 1,
            "num_kv_shared_layers": 20,
            "layer_types": (["sliding_attention"] * 4 + ["full_attention"]) * 7,
        },
    ),
    "falcon-7b": (
        "FalconConfig",
        {"num_hidden_layers": 32, "max_position_embeddings": 2048},
    ),
    "falcon-40b": (
        "FalconConfig",
        {
            "hidden_size": 8192,
            "num_hidden_layers": 60,
            "num_attention_heads": 128,
            "num_kv_heads": 8,
            "new_decoder_architecture": True,
        },
    ),
    "gpt-oss-120b": (
        "GptOssConfig",
        {"quantization_config": {"quant_method": "mxfp4"}},
    ),
    "deepseek-v3-0324": (
        "DeepseekV3Config",
        {
            "max_position_embeddings": 163_840,
            "quantization_config": {"quant_method": "fp8"},
        },
    ),
    "deepseek-v3.2": (
        "DeepseekV32Config",
        {"quantization_config": {"quant_method": "fp8"}},
    ),
    "deepseek-v4-flash-0731": (
        "DeepseekV4Config",
        {
            "compress_ratios": [0, 0, *([4, 128] * 20), 4],
            "quantization_config": {"quant_method": "fp8", "bits": 4},
        },
    ),
    "minimax-m2.7": (
        "MiniMaxM2Config",
        {
            "max_position_embeddings": 204_800,
            "quantization_config": {"quant_method": "fp8"},
        },
    ),
    "nvidia-nemotron-3-nano-30b-a3b-bf16": (
        "NemotronHConfig",
        {
            "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
            "hidden_size": 2688,
            "num_attention_heads": 32,
            "num_key_value_heads": 2,
            "mamba_num_heads": 64,
            "n_routed_experts": 128,
            "num_experts_per_tok": 6,
            "max_position_embeddings": 262_144,
        },
    ),
    "glm-5.2-fp8": (
        "GlmMoeDsaConfig",
        {
            "index_topk_freq": 4,
            "index_skip_topk_offset": 3,
            "max_position_embeddings": 1_048_576,
            "quantization_config": {"quant_method": "fp8"},
        },
    ),
}
HYBRIDS: dict[str, tuple[dict[str, Any], tuple[int, int, int, int]]] = {
    "BambaConfig": ({"attn_layer_indices": [9, 18, 27]}, (3, 29, 128, 64 * 256)),
    "Zamba2Config": ({}, (9, 54, 8, 640 * 64)),
    "JambaConfig": ({}, (4, 28, 8192, 16)),
    "GraniteMoeHybridConfig": (
        {"layer_types": ["mamba", "attention"] * 16},
        (16, 16, 128, 64 * 256),
    ),
    "FalconH1Config": ({}, (32, 32, 128, 8 * 256)),
    "Mamba2Config": ({}, (0, 64, 128, 64 * 128)),
    "Qwen3NextConfig": ({}, (12, 36, 32, 128 * 128)),
    "KimiLinearConfig": ({}, (6, 21, 32, 128 * 128)),
}
"""Class to settings, and layers of attention, layers with a state, its heads, a head's elements."""
DEFAULTS: dict[str, tuple[HeadLayers | LatentLayers, ...]] = {
    "MixtralConfig": (HeadLayers(layers=32, kv_heads=8, key_size=128),),
    "GPTBigCodeConfig": (HeadLayers(layers=12, kv_heads=1, key_size=64),),
    "OPTConfig": (HeadLayers(layers=12, kv_heads=12, key_size=64),),
    "Gemma3TextConfig": (
        HeadLayers(layers=22, kv_heads=4, key_size=256, window_tokens=4096),
        HeadLayers(layers=4, kv_heads=4, key_size=256),
    ),
    "Cohere2Config": (
        HeadLayers(layers=30, kv_heads=64, key_size=128, window_tokens=4096),
        HeadLayers(layers=10, kv_heads=64, key_size=128),
    ),
    "MiniCPM3Config": (HeadLayers(layers=62, kv_heads=40, key_size=96),),
    "Mistral4Config": (LatentLayers(layers=36, width=320),),
}
SAME = (
    *("layers", "hidden_size", "attention_heads", "vocabulary", "context_tokens"),
    *("experts", "experts_per_token", "quantization", "kv_bytes_per_token"),
)


@pytest.mark.parametrize("name", CATALOGUED)
def test_what_transformers_writes_is_what_the_catalogue_has(name: str) -> None:
    preset = find_preset(name)
    assert preset is not None
    assert preset.facts is not None
    facts = read(name)
    assert sorted(facts.cache, key=repr) == sorted(preset.facts.cache, key=repr)
    for field in SAME:
        assert getattr(facts, field) == getattr(preset.facts, field), field


@pytest.mark.parametrize("name", HYBRIDS)
def test_hybrids_of_every_make_are_told_apart(name: str) -> None:
    cache = read(name).cache
    attention = sum(g.layers for g in cache if isinstance(g, HeadLayers | LatentLayers))
    states = [g for g in cache if isinstance(g, StateLayers)]
    assert [(attention, g.layers, g.heads, g.head_elements) for g in states] == [HYBRIDS[name][1]]


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_of_other_families_are_read(name: str) -> None:
    assert read(name).cache == DEFAULTS[name]


def test_an_older_file_without_what_transformers_fills_in_says_the_same() -> None:
    written = json.loads(RECORD.read_text())["qwen3.6-27b"]
    short = {key: value for key, value in written.items() if key != "layer_types"}
    older = parse_config({**short, "full_attention_interval": 4}, weights_bytes=1)
    assert older.cache == read("qwen3.6-27b").cache


@pytest.mark.extended
def test_the_record_is_what_transformers_writes_now() -> None:
    written = {name: write(*case, name=name) for name, case in CATALOGUED.items()}
    written |= {name: write(name, settings) for name, (settings, _) in HYBRIDS.items()}
    written |= {name: write(name, {}) for name in DEFAULTS}
    if os.environ.get("KAITO_UPDATE_GOLDEN"):
        lines = (f'"{name}": {json.dumps(values)}' for name, values in sorted(written.items()))
        RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    assert json.loads(RECORD.read_text()) == written


def write(class_name: str, settings: dict[str, Any], *, name: str = "") -> dict[str, Any]:
    """The config.json that such a configuration saves, without what is null."""
    transformers = pytest.importorskip("transformers")
    preset = find_preset(name) if name else None
    vocabulary = preset.facts.vocabulary if preset and preset.facts else 32_000
    config = getattr(transformers, class_name)(**{"vocab_size": vocabulary, **settings})
    values = json.loads(config.to_json_string(use_diff=False))
    return {key: value for key, value in values.items() if value is not None}
