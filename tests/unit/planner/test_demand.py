"""Options of an inference configuration as a demand, spelled as vLLM takes them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.planner.demand import demand_of
from kaito.planner.plan import Demand


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        (8192, 8192),
        ("8192", 8192),
        ("32k", 32_000),
        ("32K", 32_768),
        ("25.6k", 25_600),
        ("1M", 1_048_576),
        ("auto", 0),
        ("AUTO", 0),
        (-1, 0),
        ("-1", 0),
        (None, 0),
    ],
)
def test_a_length_is_read_as_the_engine_reads_it(value: object, tokens: int) -> None:
    assert demand_of("", {"max-model-len": value}).context_tokens == tokens


def test_every_option_that_sizes_the_model_is_taken() -> None:
    options: dict[str, object] = {
        "tensor_parallel_size": 4,
        "pipeline-parallel-size": "2",
        "data-parallel-size": 1,
        "gpu-memory-utilization": "0.8",
        "max-num-seqs": 64,
        "max-num-batched-tokens": "2k",
        "kv-cache-dtype": "FP8",
        "enforce-eager": "true",
        "swap-space": {"not": "ours"},
    }
    assert demand_of("vllm", options) == Demand(
        runtime="vllm",
        tensor_parallel=4,
        pipeline_parallel=2,
        data_parallel=1,
        gpu_memory_utilization=0.8,
        max_sequences=64,
        max_batched_tokens=2000,
        kv_cache_dtype="fp8",
        enforce_eager=True,
    )


@pytest.mark.parametrize(
    ("value", "is_eager"),
    [(True, True), (False, False), ("False", False), (None, True), ("", True)],
)
def test_a_flag_without_a_value_is_set(value: object, *, is_eager: bool) -> None:
    assert demand_of("", {"enforce-eager": value}).enforce_eager is is_eager


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("max-model-len", "long", "max-model-len is 'long', not a whole number"),
        ("max-model-len", "1.5K", "not a whole number above zero such as 8192, auto or -1"),
        ("max-model-len", 0, "max-model-len is 0"),
        ("max-model-len", True, "max-model-len is True"),
        ("max-model-len", [1], "max-model-len is list"),
        ("max-model-len", 10**30, "max-model-len is a number of many digits"),
        ("tensor-parallel-size", "two", "tensor-parallel-size is 'two'"),
        ("tensor-parallel-size", 2.5, "tensor-parallel-size is 2.5"),
        ("tensor-parallel-size", "2k", "tensor-parallel-size is '2k'"),
        ("gpu-memory-utilization", 90, "not a number above 0 and at most 1"),
        ("gpu-memory-utilization", "nan", "not a number above 0"),
        ("gpu-memory-utilization", True, "gpu-memory-utilization is True"),
        ("kv-cache-dtype", 8, "kv-cache-dtype is 8, not a text such as auto or fp8"),
        ("enforce-eager", "maybe", "enforce-eager is 'maybe', not true or false"),
    ],
)
def test_nonsense_is_one_line_that_names_the_option(key: str, value: object, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        demand_of("", {key: value})
    assert "\n" not in str(caught.value)


KEYS = ("max-model-len", "max-num-seqs", "gpu-memory-utilization", "kv-cache-dtype")


@given(key=st.sampled_from(KEYS), value=st.none() | st.booleans() | st.floats() | st.text())
def test_any_value_is_a_demand_or_one_short_line(key: str, value: object) -> None:
    found: Demand | None = None
    message = ""
    try:
        found = demand_of("", {key: value})
    except ValueError as error:
        message = str(error)
    assert found is not None or message.startswith(f"{key} is ")
    assert len(message) < 160
    assert "\n" not in message
