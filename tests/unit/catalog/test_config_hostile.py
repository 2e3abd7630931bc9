"""Configurations that nobody meant well: one clear line, never another exception."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaito.catalog.config import CONFIG_LIMIT, parse_config, parse_config_text

SOUND: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "max_position_embeddings": 8192,
}
# Every key that some family's reading looks at.
KEYS = (
    *("architectures", "model_type", "text_config", "llm_config", "thinker_config", "vocab_size"),
    *("num_hidden_layers", "n_layer", "n_layers", "num_layers", "hidden_size", "d_model", "dim"),
    *("num_attention_heads", "n_head", "n_heads", "num_key_value_heads", "num_kv_heads"),
    *("multi_query", "new_decoder_architecture", "attn_config", "head_dim", "global_head_dim"),
    *("num_global_key_value_heads", "attention_k_eq_v", "v_head_dim", "num_kv_shared_layers"),
    *("layer_types", "layers_block_type", "hybrid_override_pattern", "sliding_window"),
    *("sliding_window_pattern", "use_sliding_window", "max_window_layers", "attn_layer_indices"),
    *("full_attn_idxs", "attn_layer_period", "attn_layer_offset", "full_attention_interval"),
    *("linear_attn_config", "linear_num_value_heads", "linear_value_head_dim", "linear_num_heads"),
    *("linear_num_key_heads", "linear_key_head_dim", "linear_conv_kernel_dim", "conv_L_cache"),
    *("mamba_num_heads", "mamba_head_dim", "mamba_d_head", "ssm_state_size", "n_groups"),
    *("mamba_expand", "conv_kernel", "mamba_ssm_dtype", "kv_lora_rank", "qk_rope_head_dim"),
    *("qk_nope_head_dim", "index_topk", "index_head_dim", "index_topk_freq", "indexer_types"),
    *("index_topk_pattern", "compress_ratios", "block_configs", "per_layer_config"),
    *("max_position_embeddings", "n_positions", "num_experts", "num_experts_per_tok", "moe"),
    *("quantization_config", "compression_config", "quantization", "vision_config"),
)
QUANTIZATION_KEYS = (
    *("quant_method", "bits", "format", "config_groups", "kv_cache_scheme", "quant_algo"),
    *("kv_cache_quant_algo", "load_in_4bit", "quantization", "qformat_weight", "weights"),
    *("num_bits", "attention", "n_heads_in_group", "no_op", "0", "31"),
)
words = st.sampled_from(
    ("full_attention", "sliding_attention", "mamba", "linear_attention", "hybrid", "conv", "MEM*E-")
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 200),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    words,
    st.sampled_from(("mamba2", "falcon_h1", "gemma3", "qwen3_next", "RefinedWeb", "fp8", "LLLG")),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=40),
        st.lists(words, min_size=30, max_size=34),
        st.dictionaries(st.sampled_from((*KEYS, *QUANTIZATION_KEYS)), inner, max_size=6),
        st.dictionaries(st.text(max_size=5), inner, max_size=3),
    ),
    max_leaves=20,
)
configs = st.dictionaries(st.sampled_from(KEYS), values, max_size=8)


def refusal(read: Callable[[], object]) -> str:
    """What is wrong, or nothing; any other exception fails the test."""
    try:
        read()
    except ValueError as error:
        return str(error)
    return ""


def is_bearable(message: str) -> bool:
    """One line, not as long as what it complains of."""
    return "\n" not in message and len(message) < 400


@settings(max_examples=60, deadline=None)
@given(configs, st.booleans(), st.integers(0, 2**45))
def test_no_value_of_any_key_breaks_the_reading(
    config: dict[str, Any], is_based: bool, weights_bytes: int
) -> None:
    whole = {**SOUND, **config} if is_based else config
    assert is_bearable(refusal(lambda: parse_config(whole, weights_bytes=weights_bytes)))


@settings(max_examples=40, deadline=None)
@given(configs)
def test_what_is_read_is_never_negative(config: dict[str, Any]) -> None:
    whole = {**SOUND, **config}
    if refusal(lambda: parse_config(whole, weights_bytes=1)):
        return
    facts = parse_config(whole, weights_bytes=1)
    assert facts.kv_bytes_per_token >= 0
    assert facts.context_tokens > 0
    assert all(group.layers > 0 for group in facts.cache)
    assert all(group.token_bytes() + group.sequence_bytes() >= 0 for group in facts.cache)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_no_bytes_break_the_reading(text: bytes) -> None:
    assert is_bearable(refusal(lambda: parse_config_text(text, weights_bytes=1)))


@settings(max_examples=40, deadline=None)
@given(values)
def test_no_json_value_breaks_the_reading(value: object) -> None:
    text = json.dumps(value).encode()
    assert is_bearable(refusal(lambda: parse_config_text(text, weights_bytes=1)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "config.json is not JSON"),
        (b"[]", "config.json is not an object"),
        (b"null", "config.json is not an object"),
        (b"\xff\xfe{", "config.json is not JSON"),
        (b'{"num_hidden_layers": 32', "config.json is not JSON"),
        (b"[" * 100_000, "config.json is nested too deeply"),
        (b'{"n": ' + b"9" * 5000 + b"}", "config.json is not JSON"),
        (b" " * (CONFIG_LIMIT + 1), "config.json has 16777217 bytes"),
        (b'{"num_hidden_layers": 1e400}', "num_hidden_layers is inf"),
    ],
    ids=["empty", "list", "null", "not text", "cut off", "deep", "digits", "large", "overflow"],
)
def test_a_file_that_is_no_configuration_is_refused_in_one_line(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_config_text(text, weights_bytes=1)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_hidden_layers": 10**12}, "1000000000000 layers are more than 4096"),
        ({"num_hidden_layers": "32"}, "num_hidden_layers is '32'"),
        ({"num_hidden_layers": True}, "num_hidden_layers is True"),
        ({"num_hidden_layers": -1}, "num_hidden_layers is -1"),
        ({"num_hidden_layers": 10**4000}, "a number of many digits"),
        ({"num_attention_heads": 8192}, "more attention heads than elements"),
        ({"layer_types": ["full_attention"]}, "1 layer types for 32 layers"),
        ({"layer_types": "full_attention"}, "layer_types is 'full_attention', not a list"),
        ({"layer_types": ["linear_attention"] * 32}, "32 layers keep a state and no key"),
        ({"architectures": "LlamaForCausalLM"}, "architectures is 'LlamaForCausalLM', not a list"),
        ({"vocab_size": "x" * 10_000}, "vocab_size is 'xxx"),
        ({"kv_lora_rank": 512.5}, "kv_lora_rank is 512.5"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_config({**SOUND, **changes}, weights_bytes=1)
    assert len(str(caught.value)) < 200
