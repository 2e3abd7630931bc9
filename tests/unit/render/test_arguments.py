"""What the server is told, by plan, model and machine; and that its own parser reads it back."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from kaito.api import labels
from kaito.api.runtime import ServingArguments
from kaito.api.workspace import Workspace
from kaito.base.quantity import GIB
from kaito.catalog.instances import INSTANCE_TYPES, find_instance_type
from kaito.catalog.lookup import PRESETS, find_preset
from kaito.catalog.preset import Preset, Serving
from kaito.planner.plan import Parallelism, Plan
from kaito.render.arguments import render_arguments
from kaito.render.served_model import ServedModel


def _workspace(**annotations: str) -> Workspace:
    document = {
        "metadata": {"name": "w", "namespace": "ml", "annotations": annotations},
        "inference": {"preset": {"name": "phi-4"}},
    }
    return msgspec.convert(document, Workspace)


def _model(instance: str = "Standard_NC24ads_A100_v4", **changes: Any) -> ServedModel:
    plan = Plan(
        instance=find_instance_type(instance),
        gpus_per_node=changes.pop("gpus", 1),
        memory_bytes=GIB,
        kv_cache_bytes=GIB,
        context_tokens=4096,
        working=(),
    )
    preset = find_preset(changes.pop("preset", "phi-4"))
    assert preset is not None
    serving = changes.pop("serving", preset.serving)
    return ServedModel(
        preset=replace(preset, serving=serving), plan=replace(plan, **changes), weights_bytes=GIB
    )


def _read(model: ServedModel, **annotations: str) -> ServingArguments:
    return ServingArguments.parse_argv(render_arguments(_workspace(**annotations), model))


@pytest.mark.parametrize("instance", INSTANCE_TYPES, ids=lambda instance: instance.name)
def test_a_gpu_without_bfloat16_is_told_float16_and_no_other(instance: Any) -> None:
    expected = "auto" if instance.accelerator.has_bf16 else "float16"
    assert _read(_model(instance.name)).dtype == expected


def test_a_machine_without_a_gpu_is_told_its_cache_in_bytes_and_a_gpu_is_not() -> None:
    assert _read(_model(gpus=0, instance="none")).kv_cache_bytes == GIB
    on_gpu = _read(_model(gpu_memory_utilization=0.9))
    assert (on_gpu.kv_cache_bytes, on_gpu.gpu_memory_utilization) == (0, 0.9)


def test_the_plans_limits_are_the_servers() -> None:
    found = _read(_model(max_sequences=64, max_batched_tokens=8192, gpus=4))
    assert (found.max_model_len, found.max_num_seqs, found.max_num_batched_tokens) == (
        4096,
        64,
        8192,
    )


def test_pods_that_share_a_model_are_told_their_leader() -> None:
    sizes = Parallelism(tensor=8, pipeline=2)
    found = _read(_model("Standard_ND96isr_H100_v5", nodes=2, gpus=8, parallelism=sizes))
    assert found.distributed is not None
    assert found.distributed.leader == "w-0.w-headless.ml.svc"
    assert found.distributed.gpus == 16
    assert found.distributed_executor_backend == "ray"


def test_settings_of_kernels_are_for_gpus_only() -> None:
    serving = Serving(gdn_prefill_backend="triton", flashinfer_autotune=False, kv_cache_dtype="fp8")
    on_gpu = _read(_model(serving=serving))
    assert on_gpu.engine_option == (
        "gdn-prefill-backend=triton",
        "enable-flashinfer-autotune=false",
    )
    assert on_gpu.kv_cache_dtype == "fp8"
    on_cpu = _read(_model(gpus=0, instance="none", serving=serving))
    assert (on_cpu.engine_option, on_cpu.kv_cache_dtype) == ((), "")


@pytest.mark.parametrize(("gpus", "expected"), [(1, False), (8, True)])
def test_experts_are_spread_where_there_is_something_to_spread_over(
    gpus: int, expected: bool
) -> None:
    serving = Serving(enable_expert_parallel=True)
    sizes = Parallelism(tensor=gpus)
    found = _read(_model(serving=serving, gpus=gpus, parallelism=sizes))
    assert found.enable_expert_parallel is expected


def test_mistrals_own_format_is_said_of_weights_and_config() -> None:
    found = _read(_model(serving=Serving(load_format="mistral", tokenizer_mode="mistral")))
    assert (found.load_format, found.config_format, found.tokenizer_mode) == ("mistral",) * 3


def test_the_performance_mode_is_the_annotations() -> None:
    assert _read(_model(), **{labels.PERFORMANCE_MODE: "throughput"}).performance_mode == (
        "throughput"
    )
    assert _read(_model()).performance_mode == ""


def test_the_transformers_runtime_is_told_nothing_of_vllm() -> None:
    found = _read(_model(runtime="transformers"), **{labels.PERFORMANCE_MODE: "throughput"})
    assert found.runtime == "transformers"
    assert (found.performance_mode, found.tool_call_parser, found.engine_option) == ("", "", ())


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_model_renders_the_same_arguments_each_time_and_never_trusts_remote_code(
    preset: Preset,
) -> None:
    model = _model("Standard_ND96isr_H100_v5", preset=preset.name, gpus=8)
    first, second = (render_arguments(_workspace(), model) for _ in range(2))
    assert first == second
    assert ServingArguments.parse_argv(first).to_argv() == first
    assert "--trust-remote-code=true" not in first
