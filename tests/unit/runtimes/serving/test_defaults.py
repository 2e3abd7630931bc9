"""The options that follow from the arguments and the device."""

from kaito.api.runtime import ServingArguments
from kaito.runtimes.serving.defaults import decide_defaults, decide_options


def test_a_cpu_is_eager_with_a_stated_kv_cache() -> None:
    defaults = decide_defaults("cpu")
    assert defaults["enforce-eager"] is True
    assert defaults["dtype"] == "bfloat16"
    assert defaults["kv-cache-memory-bytes"] == 1024**3
    assert not {"enforce-eager", "dtype", "kv-cache-memory-bytes"} & set(decide_defaults("gpu"))


def test_memory_is_said_in_the_devices_own_terms() -> None:
    arguments = ServingArguments(model="/m", kv_cache_bytes=5, gpu_memory_utilization=0.84)
    on_cpu, on_gpu = decide_options(arguments, "cpu"), decide_options(arguments, "gpu")
    assert on_cpu["kv-cache-memory-bytes"] == 5
    assert "gpu-memory-utilization" not in on_cpu
    assert on_gpu["gpu-memory-utilization"] == 0.84
    assert "kv-cache-memory-bytes" not in on_gpu


def test_what_the_arguments_leave_open_is_left_to_the_engine() -> None:
    options = decide_options(ServingArguments(model="/m"), "cpu")
    assert options == {"model": "/m", "port": 5000}


def test_adapters_and_tools_bring_what_they_need() -> None:
    arguments = ServingArguments(model="/m", adapters_file="/a.json", tool_call_parser="hermes")
    options = decide_options(arguments, "cpu")
    assert options["enable-lora"] is True
    assert options["enable-auto-tool-choice"] is True


def test_limits_and_modes_go_to_the_engine_under_its_own_names() -> None:
    arguments = ServingArguments(
        model="/m",
        max_num_seqs=64,
        max_num_batched_tokens=8192,
        performance_mode="throughput",
        enable_expert_parallel=True,
    )
    options = decide_options(arguments, "gpu")
    assert options["max-num-seqs"] == 64
    assert options["max-num-batched-tokens"] == 8192
    assert options["performance-mode"] == "throughput"
    assert options["enable-expert-parallel"] is True


def test_parallelism_of_one_is_not_said() -> None:
    arguments = ServingArguments(model="/m", tensor_parallel_size=4, pipeline_parallel_size=2)
    options = decide_options(arguments, "gpu")
    assert options["tensor-parallel-size"] == 4
    assert options["pipeline-parallel-size"] == 2
    assert "data-parallel-size" not in options
