"""Engine options judged without the engine."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kaito.api.engine_options import (
    OURS,
    REPLACED,
    check_vllm_options,
    known_vllm_options,
)
from kaito.api.inference_config import parse_inference_config


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("max-modle-len: 4", "does not know; did you mean max-model-len"),
        ("swap-space: 4", "no longer has; remove it"),
        ("num-scheduler-steps: 8", "no longer has; remove it: async-scheduling"),
        ("max-seq-len-to-capture: 8192", "no longer has; use max-cudagraph-capture-size"),
        ("served_model_name: x", "the Workspace decides"),
        ("port: 1", "the Workspace decides"),
        ("config: /x", "no meaning in a pod"),
        ("enforce-eager: 'yes'", "write true or false"),
        ("no-enforce-eager: true", "write enforce-eager: false"),
        ("dtype: bfloat61", "did you mean bfloat16"),
        ("cpu-offload-gb: lots", "write a number"),
        ("block-size: [1]", "write a whole number"),
        ("compilation-config: '{'", "write a map"),
        ("max-num-seqs: {a: 1}", "must be an integer"),
    ],
)
def test_nonsense_is_refused_with_what_to_do(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"vllm sets|must be") as caught:
        parse_inference_config(f"vllm: {{{line}}}")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "max-model-len: 4k",
        "max_model_len: auto",
        "enable-prefix-caching: false",
        "gpu-memory-utilization: '0.9'",
        "compilation-config: {mode: 3}",
        "compilation-config.pass_config.fuse_allreduce_rms: false",
        "hf-overrides: {rope_parameters: {}}",
        "middleware: [a.b]",
        "speculative-config: {method: ngram, num_speculative_tokens: 3}",
        "quantization: ",
    ],
)
def test_what_the_engine_takes_is_let_through(line: str) -> None:
    assert len(parse_inference_config(f"vllm: {{{line}}}").vllm) == 1


def test_another_engine_may_know_more_but_never_decides_what_the_workspace_does() -> None:
    text = "vllm: {brand-new: 1}"
    assert parse_inference_config(text, knows_engine=False).vllm == {"brand-new": 1}
    with pytest.raises(ValueError, match="the Workspace decides"):
        parse_inference_config("vllm: {model: x}", knows_engine=False)


def test_the_transformers_runtime_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean continuous-batching"):
        parse_inference_config("transformers: {continuous_bacthing: true}")
    with pytest.raises(ValueError, match="write true or false"):
        parse_inference_config("transformers: {continuous-batching: 3}")
    with pytest.raises(ValueError, match="sets 'dtype' to 'fp16'; write auto or bfloat16 or"):
        parse_inference_config("transformers: {dtype: fp16}")
    with pytest.raises(ValueError, match="write bnb-4bit or bnb-8bit"):
        parse_inference_config("transformers: {quantization: awq}")


def test_nothing_is_both_known_and_gone() -> None:
    assert set(REPLACED).isdisjoint(known_vllm_options())
    assert set(known_vllm_options()) >= OURS


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.integers())))
def test_whatever_is_written_is_judged_in_one_line(options: dict[str, object]) -> None:
    assume(not set(options) <= set(known_vllm_options()))
    with pytest.raises(ValueError, match="vllm sets") as caught:
        check_vllm_options(options)
    assert "\n" not in str(caught.value)
