"""Plans of known models on known machines, and what is refused with which words."""

import pytest

from kaito.base.quantity import GIB
from kaito.catalog.instance_type import InstanceType
from kaito.catalog.instances import find_instance_type
from kaito.catalog.lookup import find_preset
from kaito.catalog.node_labels import from_node_labels
from kaito.planner.demand_check import MULTI_NODE_TRANSFORMERS
from kaito.planner.gpu import plan_on_gpus
from kaito.planner.plan import Demand, Parallelism, Plan, PlanRequest, Refusal

A10, A100 = "Standard_NV36ads_A10_v5", "Standard_NC24ads_A100_v4"
A100X2, A100X4 = "Standard_NC48ads_A100_v4", "Standard_NC96ads_A100_v4"
H200X8, V100, T4X4 = "Standard_ND96isr_H200_v5", "Standard_NC6s_v3", "Standard_NC64as_T4_v3"


def ask(model: str, machine: str | InstanceType, demand: Demand | None = None) -> PlanRequest:
    preset = find_preset(model)
    instance = find_instance_type(machine) if isinstance(machine, str) else machine
    assert preset is not None
    assert preset.facts is not None
    assert instance is not None
    return PlanRequest(
        preset=preset, facts=preset.facts, instance=instance, demand=demand or Demand()
    )


def plan(model: str, machine: str | InstanceType, demand: Demand | None = None) -> Plan:
    outcome = plan_on_gpus(ask(model, machine, demand))
    assert isinstance(outcome, Plan), outcome
    return outcome


def refusal(model: str, machine: str | InstanceType, demand: Demand | None = None) -> Refusal:
    outcome = plan_on_gpus(ask(model, machine, demand))
    assert isinstance(outcome, Refusal), outcome
    return outcome


def labelled(product: str, mebibytes: int, count: int = 1, **extra: str) -> InstanceType:
    labels = {
        "nvidia.com/gpu.product": product,
        "nvidia.com/gpu.count": str(count),
        "nvidia.com/gpu.memory": str(mebibytes),
    }
    return from_node_labels(
        labels | {f"nvidia.com/{key.replace('_', '.')}": value for key, value in extra.items()}
    )


# Model, machine; runtime, nodes, GPUs of a node, tensor and pipeline, whether the context is whole.
KNOWN = (
    ("phi-4-mini-instruct", A100, "vllm", 1, 1, (1, 1), True),
    ("phi-4-mini-instruct", A10, "vllm", 1, 1, (1, 1), False),
    ("llama-3.1-8b-instruct", A100, "vllm", 1, 1, (1, 1), True),
    ("llama-3.3-70b-instruct", A100X4, "vllm", 1, 2, (2, 1), False),
    ("llama-3.3-70b-instruct", A100X2, "vllm", 1, 2, (2, 1), False),
    ("llama-3.3-70b-instruct", A100, "vllm", 2, 1, (1, 2), False),
    ("deepseek-r1-0528", H200X8, "vllm", 1, 8, (8, 1), True),
    ("gpt-oss-120b", A100, "vllm", 1, 1, (1, 1), False),
    ("gpt-oss-20b", A10, "vllm", 1, 1, (1, 1), True),
    ("phi-3-mini-4k-instruct", V100, "transformers", 1, 1, (1, 1), True),
    ("phi-3-mini-128k-instruct", V100, "transformers", 1, 1, (1, 1), False),
    ("qwen3-8b-awq", T4X4, "vllm", 1, 1, (1, 1), True),
    # 71 heads divide by nothing: layers are split instead.
    ("falcon-7b", T4X4, "vllm", 1, 2, (1, 2), True),
    ("nvidia-nemotron-nano-9b-v2", A100, "vllm", 1, 1, (1, 1), True),
    ("glm-5.2-fp8", H200X8, "vllm", 1, 8, (8, 1), False),
)


@pytest.mark.parametrize(
    ("model", "machine", "runtime", "nodes", "gpus", "spread", "is_whole"), KNOWN
)
def test_a_known_model_is_planned_as_it_is_run(
    model: str,
    machine: str,
    runtime: str,
    nodes: int,
    gpus: int,
    spread: tuple[int, int],
    is_whole: bool,
) -> None:
    found = plan(model, machine)
    assert (found.runtime, found.nodes, found.gpus_per_node) == (runtime, nodes, gpus)
    assert (found.parallelism.tensor, found.parallelism.pipeline) == spread
    preset = find_preset(model)
    assert preset is not None
    assert preset.facts is not None
    assert (found.context_tokens == preset.facts.context_tokens) is is_whole
    assert found.concurrency >= 1


def test_the_memory_of_a_gpu_adds_up_to_what_the_engine_may_take() -> None:
    share = plan("phi-4-mini-instruct", A100).share
    assert share is not None
    assert share.total == 80 * GIB
    assert share.usable == int(80 * GIB * 0.92)
    parts = share.weights + share.activations + share.graphs + share.engine + share.cache
    assert parts == share.usable
    assert 62 * GIB < share.cache < 65 * GIB


def test_a_gpu_too_old_for_the_default_engine_gets_the_other_and_says_so() -> None:
    found = plan("phi-3-mini-4k-instruct", V100)
    assert found.runtime == "transformers"
    assert found.gpu_memory_utilization == 0
    assert found.notes[0] == (
        "vLLM needs compute capability 7.5 and V100-16GB has 7.0: the transformers runtime serves "
        "instead"
    )
    assert "V100-16GB has no bfloat16: the model is computed in float16" in found.notes


def test_a_model_that_only_the_default_engine_runs_is_refused_there() -> None:
    found = refusal("granite-4.1-8b", V100)
    assert found.reason == "UnsupportedAccelerator"
    assert "vLLM is the only runtime of this model" in found.message
    assert {A10, A100} < set(found.fits)


@pytest.mark.parametrize(
    ("model", "machine", "words"),
    [
        ("gpt-oss-20b", V100, "quantised with mxfp4, whose kernels need compute capability 8.0"),
        ("glm-5.2-fp8", "Standard_ND96amsr_A100_v4", "needs kernels for compute capability 9.0"),
        ("gemma-3-4b-it", T4X4, "it overflows float16, and T4 has no bfloat16"),
        ("phi-4", "Standard_NG32ads_V620_v1", "our images are built for NVIDIA's CUDA"),
        ("phi-4", "inf2.xlarge", "a chip of AWS"),
        ("phi-4", "Standard_NC6", "compute capability 3.7, which no current engine supports"),
    ],
)
def test_an_accelerator_that_cannot_is_refused_with_one_that_can(
    model: str, machine: str, words: str
) -> None:
    found = refusal(model, machine)
    assert found.reason == "UnsupportedAccelerator"
    assert words in found.message
    assert found.fits
    assert f"cheapest that fits: {found.fits[0]}" in found.message or " x " in found.message


def test_too_little_memory_is_refused_with_the_sum_and_the_cheapest_that_do() -> None:
    found = refusal("llama-3.3-70b-instruct", "Standard_NC4as_T4_v3")
    assert found.reason == "InsufficientMemory"
    assert "weights" in found.message
    assert "KV cache" in found.message
    assert "T4 of Standard_NC4as_T4_v3 has 13.8 GiB to use" in found.message
    assert found.message.count("USD/h") == 3
    assert "\n" not in found.message
    named = [find_instance_type(name) for name in found.fits]
    assert all(each is not None and each.cloud == "azure" for each in named)


def test_what_fits_nowhere_says_what_to_ask_for_instead() -> None:
    demand = Demand(context_tokens=131_072, concurrency=100_000)
    found = refusal("llama-3.3-70b-instruct", A100, demand)
    assert found.fits == ()
    assert found.message.endswith("ask for less context, or a smaller model")


def test_a_demand_of_requests_takes_more_gpus_of_the_node() -> None:
    alone = plan("phi-4-mini-instruct", A100X4)
    many = plan("phi-4-mini-instruct", A100X4, Demand(context_tokens=131_072, concurrency=16))
    assert alone.parallelism == Parallelism()
    assert many.parallelism == Parallelism(tensor=4)
    assert many.concurrency >= 16
    assert many.overrides == ()


def test_a_cut_context_says_what_the_rest_of_the_node_would_give() -> None:
    notes = " ".join(plan("llama-3.3-70b-instruct", A100X4).notes)
    assert "of the model's 131072: no more fits; 131072 on 4 GPUs" in notes


def test_every_override_is_listed_against_the_planners_choice() -> None:
    demand = Demand(
        tensor_parallel=2,
        data_parallel=2,
        gpu_memory_utilization=0.8,
        kv_cache_dtype="fp8",
        max_sequences=64,
        enforce_eager=True,
    )
    found = plan("phi-4-mini-instruct", A100X4, demand)
    assert found.overrides == (
        "tensor-parallel-size 2 instead of 1",
        "data-parallel-size 2 instead of 1",
        "gpu-memory-utilization 0.8 instead of 0.92",
        "max-num-seqs 64 instead of 256",
        "kv-cache-dtype fp8 instead of auto",
        "enforce-eager true instead of false",
    )
    assert (found.gpus_per_node, found.graphs) == (4, 0)


def test_an_override_that_is_the_planners_own_choice_is_none() -> None:
    assert plan("phi-4", A100, Demand(tensor_parallel=1, max_sequences=256)).overrides == ()


def test_an_eight_bit_cache_holds_twice_as_much() -> None:
    whole = plan("phi-4-mini-instruct", A100)
    half = plan("phi-4-mini-instruct", A100, Demand(kv_cache_dtype="fp8"))
    assert half.cache_tokens == pytest.approx(2 * whole.cache_tokens, rel=0.001)


@pytest.mark.parametrize(
    ("model", "machine", "demand", "words"),
    [
        (
            "phi-4-mini-instruct",
            A100,
            Demand(context_tokens=131_073),
            "a context of 131073 tokens is asked for, the model was made for 131072",
        ),
        (
            "phi-4-mini-instruct",
            A100X4,
            Demand(tensor_parallel=3),
            "model's heads (24 of queries, 8 of keys and values); it can be 1, 2, 4 or 8",
        ),
        ("phi-4", A100, Demand(tensor_parallel=2), "is more than the 1 GPU of one node"),
        (
            "phi-4-mini-instruct",
            A100X4,
            Demand(tensor_parallel=2, pipeline_parallel=2, data_parallel=2),
            "= 8 GPUs, more than the 4 GPUs of one node",
        ),
        ("phi-4", A100, Demand(pipeline_parallel=41), "is more than the model's 40 layers"),
        (
            "phi-4",
            A100,
            Demand(runtime="transformers", pipeline_parallel=2),
            MULTI_NODE_TRANSFORMERS,
        ),
        (
            "phi-4",
            A100X2,
            Demand(runtime="transformers", data_parallel=2),
            "data-parallel-size 2 is vLLM's",
        ),
        ("granite-4.1-8b", A100, Demand(runtime="transformers"), "has no runtime 'transformers'"),
        ("phi-4", A100, Demand(gpu_memory_utilization=1.5), "is not between 0 and 1"),
        ("phi-4", A100, Demand(max_sequences=64, max_batched_tokens=32), "max-num-seqs 64 is more"),
        ("phi-4", A100, Demand(concurrency=-1), "which is below zero"),
    ],
)
def test_a_contradiction_is_refused_before_any_sum(
    model: str, machine: str, demand: Demand, words: str
) -> None:
    found = refusal(model, machine, demand)
    assert found.reason == "InvalidDemand"
    assert words in found.message
    assert "\n" not in found.message


def test_a_demanded_pipeline_goes_over_nodes() -> None:
    found = plan("phi-4", A100, Demand(pipeline_parallel=2))
    assert (found.nodes, found.gpus_per_node) == (2, 1)
    assert found.parallelism == Parallelism(pipeline=2)


def test_smaller_batches_are_taken_before_another_gpu() -> None:
    tight = labelled("NVIDIA-H100-80GB-HBM3", 81_559, 2)
    found = plan("gpt-oss-120b", tight, Demand(context_tokens=32_768, concurrency=1))
    assert (found.gpus_per_node, found.max_sequences, found.max_batched_tokens) == (1, 256, 2048)


def test_a_slice_of_a_gpu_is_planned_by_its_own_memory() -> None:
    node = labelled("NVIDIA-A100-SXM4-80GB-MIG-3g.40gb", 40_192, 2)
    found = plan("llama-3.1-8b-instruct", node)
    assert found.share is not None
    assert found.share.total == 40_192 * 1024**2
    assert found.gpus_per_node == 1
    too_small = refusal("phi-4", labelled("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", 9728, 7))
    assert too_small.reason == "InsufficientMemory"


def test_a_small_model_takes_the_smallest_slice_of_a_mixed_node() -> None:
    node = labelled(
        "NVIDIA-A100-SXM4-80GB",
        81_920,
        1,
        **{"mig-1g_10gb_count": "3", "mig-3g_40gb_count": "1"},
    )
    assert plan("qwen2.5-1.5b-instruct", node).gpu_resource == "nvidia.com/mig-1g.10gb"
    assert plan("phi-4", node).gpu_resource == "nvidia.com/mig-3g.40gb"
    assert plan("gpt-oss-120b", node).gpu_resource == "nvidia.com/gpu"


def test_a_small_slice_keeps_room_for_what_the_engine_does_not_count() -> None:
    node = labelled("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", 4864, 7)
    found = plan("smollm2-135m-instruct", node)
    assert found.gpu_memory_utilization < 0.92
    assert found.share is not None
    assert found.share.total - found.share.usable >= 480 * 1024**2


def test_a_disk_that_is_too_small_is_said() -> None:
    small = plan("phi-4", "Standard_NC64as_T4_v3")
    assert not [note for note in small.notes if "local disk" in note]
    large = plan("qwen3.5-122b-a10b", "g6e.xlarge")
    assert large.disk_bytes == pytest.approx(273 * GIB, rel=0.01)
    assert (
        "the local disk of 232.8 GiB is smaller than the 273.0 GiB of weights, image and room: "
        "give the node a larger one"
    ) in large.notes


def test_without_an_instance_type_there_is_nothing_to_plan_for() -> None:
    preset = find_preset("phi-4")
    assert preset is not None
    assert preset.facts is not None
    found = plan_on_gpus(PlanRequest(preset=preset, facts=preset.facts))
    assert isinstance(found, Refusal)
    assert found.reason == "InvalidDemand"
