"""Where a GPU's memory goes, and what vLLM takes when it is told nothing."""

import pytest

from kaito.base.quantity import GIB
from kaito.catalog.accelerators import find_accelerator
from kaito.catalog.lookup import find_preset
from kaito.catalog.preset import ModelFacts
from kaito.planner.engine_defaults import Batching, batching_of, in_flight_tokens, utilization_of
from kaito.planner.memory import activation_bytes, expert_share, graph_bytes, weights_per_gpu
from kaito.planner.plan import Demand, Parallelism


def facts_of(name: str) -> ModelFacts:
    preset = find_preset(name)
    assert preset is not None
    assert preset.facts is not None
    return preset.facts


def batching(gpu: str, demand: Demand | None = None) -> Batching:
    accelerator = find_accelerator(gpu)
    assert accelerator is not None
    return batching_of(accelerator, demand or Demand())


@pytest.mark.parametrize(
    ("gpu", "sequences", "tokens", "graphs"),
    [
        ("T4", 256, 2048, 51 + 35),
        ("A100-80GB", 256, 2048, 51 + 35),
        ("H100-80GB", 1024, 8192, 51 + 51),
        ("H200", 1024, 8192, 51 + 51),
        ("B200", 1024, 16_384, 83 + 83),
    ],
)
def test_batches_are_the_engines_own_for_each_kind_of_gpu(
    gpu: str, sequences: int, tokens: int, graphs: int
) -> None:
    assert batching(gpu) == Batching(
        max_sequences=sequences, max_batched_tokens=tokens, graphs=graphs
    )


def test_demanded_batches_count_before_the_engines() -> None:
    found = batching("H100-80GB", Demand(max_sequences=8, max_batched_tokens=512))
    assert (found.max_sequences, found.max_batched_tokens) == (8, 512)
    assert found.graphs == 5 + 4
    assert batching("H100-80GB", Demand(max_batched_tokens=128)).max_sequences == 128
    assert batching("A10", Demand(max_sequences=4096)).max_batched_tokens == 4096
    assert batching("A10", Demand(enforce_eager=True)).graphs == 0


def test_steps_and_stages_overlap() -> None:
    found = batching("A10")
    assert [in_flight_tokens(found, stages) for stages in (1, 2, 4)] == [4096, 4096, 8192]


def test_a_gpu_keeps_what_lies_outside_the_engines_share() -> None:
    a10, t4 = find_accelerator("A10"), find_accelerator("T4")
    assert a10 is not None
    assert t4 is not None
    assert utilization_of(a10, Demand()) == 0.92
    assert utilization_of(t4, Demand(), has_peers=True) == 0.92
    assert utilization_of(a10, Demand(gpu_memory_utilization=0.5)) == 0.5


@pytest.mark.parametrize(
    ("model", "spread", "gib"),
    [
        ("phi-4-mini-instruct", Parallelism(), 7.2),
        ("llama-3.3-70b-instruct", Parallelism(tensor=4), 33.2),
        ("llama-3.3-70b-instruct", Parallelism(tensor=2, data=2), 66.4),
        ("llama-3.3-70b-instruct", Parallelism(pipeline=2), 67.3),
        ("deepseek-r1-0528", Parallelism(tensor=8), 80.2),
        ("gpt-oss-20b", Parallelism(), 14.0),
    ],
)
def test_weights_lie_on_a_gpu_as_they_are_split(
    model: str, spread: Parallelism, gib: float
) -> None:
    assert weights_per_gpu(facts_of(model), spread).total / GIB == pytest.approx(gib, abs=0.1)


@pytest.mark.parametrize("model", ["llama-3.3-70b-instruct", "deepseek-r1-0528", "qwen3.6-27b"])
@pytest.mark.parametrize("spread", [Parallelism(tensor=8), Parallelism(pipeline=3)])
def test_all_gpus_together_hold_at_least_the_weights(model: str, spread: Parallelism) -> None:
    facts = facts_of(model)
    each = weights_per_gpu(facts, spread).total
    assert facts.weights_bytes <= each * spread.gpus <= facts.weights_bytes * 1.2


def test_latent_projections_and_routers_are_on_every_rank() -> None:
    split = weights_per_gpu(facts_of("deepseek-r1-0528"), Parallelism(tensor=8))
    assert 0.8 * GIB < split.replicated < 1.5 * GIB
    assert weights_per_gpu(facts_of("phi-4"), Parallelism()).replicated == 0


def test_copies_of_a_mixture_share_its_experts() -> None:
    facts = facts_of("deepseek-r1-0528")
    assert expert_share(facts) == pytest.approx(0.975, abs=0.01)
    alone = weights_per_gpu(facts, Parallelism(tensor=4)).total
    shared = weights_per_gpu(facts, Parallelism(tensor=4, data=2), experts_on=8).total
    assert alone / 2 < shared < alone * 0.6
    assert expert_share(facts_of("phi-4")) == 0


def test_the_logits_of_many_requests_outweigh_a_small_models_layers() -> None:
    small = facts_of("qwen2.5-0.5b-instruct")
    logits = 256 * small.vocabulary * 16
    assert logits < activation_bytes(small, batching("A10"), 1) < logits * 1.05
    fewer = batching("A10", Demand(max_sequences=8))
    assert activation_bytes(small, fewer, 1) < logits / 4


def test_an_encoder_needs_its_own_pass() -> None:
    gemma = facts_of("gemma-3-4b-it")
    batches = batching("H100-80GB")
    assert activation_bytes(gemma, batches, 1) >= 8192 * 256 * 1024


def test_graphs_grow_with_the_layers_of_a_stage() -> None:
    facts = facts_of("llama-3.3-70b-instruct")
    whole, half = (graph_bytes(facts, batching("A10"), stages) for stages in (1, 2))
    assert half < whole < 2 * half
    assert graph_bytes(facts, batching("A10", Demand(enforce_eager=True)), 1) == 0
