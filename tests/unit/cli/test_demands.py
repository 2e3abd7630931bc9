"""The demand options of `kaito plan`."""

import argparse

import pytest

from kaito.base.errors import UsageError
from kaito.cli.demands import add_demand_options, merge_demands, read_demand
from kaito.planner.plan import Demand


def _read(*words: str) -> Demand:
    parser = argparse.ArgumentParser()
    add_demand_options(parser)
    return read_demand(parser.parse_args(words))


def test_nothing_asked_leaves_everything_to_the_planner() -> None:
    assert _read() == Demand()


def test_every_option_reaches_the_demand_under_the_engine_s_name() -> None:
    words = "--context 32k --concurrency 4 --runtime vllm --tensor-parallel-size 2"
    more = "--pipeline-parallel-size 3 --data-parallel-size 4 --gpu-memory-utilization 0.8"
    rest = "--kv-cache-dtype fp8 --max-num-seqs 5 --max-num-batched-tokens 6 --enforce-eager"
    assert _read(*words.split(), *more.split(), *rest.split()) == Demand(
        context_tokens=32768,
        concurrency=4,
        runtime="vllm",
        tensor_parallel=2,
        pipeline_parallel=3,
        data_parallel=4,
        gpu_memory_utilization=0.8,
        kv_cache_dtype="fp8",
        max_sequences=5,
        max_batched_tokens=6,
        enforce_eager=True,
    )


def test_the_engine_s_own_option_is_read_as_the_engine_reads_it() -> None:
    assert _read("--max-model-len", "32k").context_tokens == 32000
    assert _read("--max-model-len", "32K").context_tokens == 32768
    assert _read("--max-model-len", "auto").context_tokens == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--concurrency 0", "--concurrency '0' is not a whole number above 0"),
        ("--concurrency=-3", "--concurrency '-3' is not a whole number above 0"),
        ("--tensor-parallel-size two", "--tensor-parallel-size is 'two', not a whole number"),
        ("--tensor-parallel-size=-2", "--tensor-parallel-size is '-2', not a whole number"),
        ("--max-num-seqs 1e3", "--max-num-seqs is '1e3', not a whole number"),
        ("--context=-1", "--context '-1' is not a number of tokens"),
        ("--gpu-memory-utilization 90", "--gpu-memory-utilization is '90', not a number"),
        ("--gpu-memory-utilization nan", "--gpu-memory-utilization is 'nan', not a number"),
        ("--gpu-memory-utilization x", "--gpu-memory-utilization is 'x', not a number"),
    ],
)
def test_a_value_that_is_none_is_refused_with_an_example(words: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        _read(*words.split())
    assert str(raised.value).startswith(said)
    assert raised.value.hint


def test_what_is_asked_above_counts_before_what_is_asked_below() -> None:
    below = Demand(context_tokens=1024, concurrency=2, enforce_eager=True)
    above = Demand(context_tokens=2048, kv_cache_dtype="fp8")
    assert merge_demands(below, above) == Demand(
        context_tokens=2048, concurrency=2, enforce_eager=True, kv_cache_dtype="fp8"
    )
