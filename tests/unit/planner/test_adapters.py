"""Room for LoRA adapters: its bytes, matrix by matrix, and what is left beside it."""

from dataclasses import replace

import pytest

from kaito.base.quantity import GIB
from kaito.catalog.instances import find_instance_type
from kaito.catalog.lookup import find_preset
from kaito.catalog.preset import ModelFacts
from kaito.planner.adapters import adapter_bytes
from kaito.planner.demand import demand_of
from kaito.planner.gpu import plan_on_gpus
from kaito.planner.machine import Machine, plan_on_machine
from kaito.planner.plan import Demand, Parallelism, Plan, PlanRequest, Refusal

ROOM = Demand(adapter_slots=2, adapter_rank=64)
A10 = "Standard_NV36ads_A10_v5"


def _facts(name: str) -> ModelFacts:
    preset = find_preset(name)
    assert preset is not None
    assert preset.facts is not None
    return preset.facts


def _request(name: str, demand: Demand, instance: str = A10) -> PlanRequest:
    preset, found = find_preset(name), find_instance_type(instance)
    assert preset is not None
    return PlanRequest(preset=preset, facts=_facts(name), instance=found, demand=demand)


def _plan(name: str, demand: Demand, instance: str = A10) -> Plan:
    plan = plan_on_gpus(_request(name, demand, instance))
    assert isinstance(plan, Plan), plan
    return plan


def _stacks(slices: list[tuple[int, int]]) -> int:
    """Bytes of A and B of two adapters of rank 64, by the inputs and outputs of each part."""
    return sum(2 * 64 * (inputs + outputs) * 2 for inputs, outputs in slices)


def _llama_8b(tensor: int) -> int:
    """Llama 3.1 8B as the engine lays it out: A of q, k, v, gate and up whole, as B of the rest."""
    hidden, heads, group, inner, words = 4096, 4096, 1024, 14336, 128256
    layer = [
        (hidden, heads // tensor),
        (hidden, group // tensor),
        (hidden, group // tensor),
        (heads // tensor, hidden),
        (hidden, inner // tensor),
        (hidden, inner // tensor),
        (inner // tensor, hidden),
    ]
    return 32 * _stacks(layer) + _stacks([(words, hidden), (hidden, words)])


@pytest.mark.parametrize("tensor", [1, 2, 4])
def test_a_dense_model_is_counted_matrix_by_matrix(tensor: int) -> None:
    found = adapter_bytes(_facts("llama-3.1-8b-instruct"), Parallelism(tensor=tensor), ROOM)
    # Whether the output embedding is the input's is not in the facts: it is counted once.
    assert 1.0 <= found / _llama_8b(tensor) < 1.06


def test_every_expert_has_stacks_of_its_own() -> None:
    hidden, inner, experts, layers = 2880, 2880, 32, 24
    routed = [(hidden, 2 * inner), (inner, hidden)] * experts
    attention = [(hidden, 4096), (hidden, 512), (hidden, 512), (4096, hidden), (hidden, experts)]
    exact = layers * _stacks(routed + attention)
    found = adapter_bytes(_facts("gpt-oss-20b"), Parallelism(), ROOM)
    assert 1.0 <= found / exact < 1.06


def test_experts_that_are_shared_out_take_their_stacks_along() -> None:
    facts = _facts("gpt-oss-20b")
    alone = adapter_bytes(facts, Parallelism(), ROOM)
    shared = adapter_bytes(facts, Parallelism(data=4), ROOM, experts_on=4)
    assert alone / 4 < shared < alone / 3


def test_nothing_is_set_aside_without_adapters() -> None:
    plan = _plan("llama-3.1-8b-instruct", Demand())
    assert plan.share is not None
    assert plan.share.adapters == 0
    assert not any("LoRA" in line for line in plan.working)


def test_what_adapters_take_the_cache_lacks_and_the_sum_comes_out() -> None:
    without, plan = (_plan("llama-3.1-8b-instruct", demand) for demand in (Demand(), ROOM))
    share, other = plan.share, without.share
    assert share is not None
    assert other is not None
    terms = (share.weights, share.activations, share.graphs, share.engine, share.adapters)
    assert sum(terms) + share.cache == share.usable
    assert other.cache - share.cache == share.adapters + share.graphs - other.graphs
    assert plan.graphs == 2 * without.graphs, "each is captured with adapters and without"
    assert any(line.endswith("room for 2 adapters of rank 64 at once") for line in plan.working)
    assert plan.overrides == ()
    assert plan.memory_bytes > without.memory_bytes, "adapters are kept in main memory too"


def test_a_model_that_fits_only_without_adapters_is_refused_with_their_term() -> None:
    wanted = Demand(context_tokens=32_768, tensor_parallel=1, pipeline_parallel=1)
    assert not isinstance(plan_on_gpus(_request("qwen2.5-coder-7b-instruct", wanted)), Refusal)
    many = replace(wanted, adapter_slots=8, adapter_rank=512)
    refusal = plan_on_gpus(_request("qwen2.5-coder-7b-instruct", many))
    assert isinstance(refusal, Refusal)
    assert " + LoRA " in refusal.message


def test_transformers_counts_them_too() -> None:
    own = replace(ROOM, runtime="transformers")
    plan = _plan("phi-4-mini-instruct", own)
    assert plan.share is not None
    assert plan.share.adapters > 0
    assert any(line.startswith("LoRA ") for line in plan.working)


def test_a_machine_without_gpus_has_stacks_and_adapters_in_one_memory() -> None:
    machine = Machine(name="here", cpus=2, memory_bytes=24 * GIB)
    request = _request("smollm2-135m-instruct", Demand())
    without = plan_on_machine(request, machine)
    found = plan_on_machine(replace(request, demand=ROOM), machine)
    assert isinstance(without, Plan)
    assert isinstance(found, Plan)
    stacks = adapter_bytes(request.facts, Parallelism(), ROOM)
    assert stacks < found.memory_bytes - without.memory_bytes < 2 * stacks
    assert any(line.startswith("LoRA ") for line in found.working)


@pytest.mark.parametrize(
    ("options", "adapters", "room"),
    [
        ({}, 0, (0, 0)),
        ({}, 2, (2, 64)),
        ({"max-lora-rank": 128, "max_loras": "5"}, 2, (5, 128)),
        ({"enable-lora": True}, 0, (1, 16)),
        ({"enable_lora": "true", "max-loras": 4}, 0, (4, 16)),
        ({"enable-lora": False, "max-loras": 4}, 0, (0, 0)),
    ],
)
def test_options_of_the_engine_decide_how_much_room_there_is(
    options: dict[str, object], adapters: int, room: tuple[int, int]
) -> None:
    demand = demand_of("", options, adapters=adapters)
    assert (demand.adapter_slots, demand.adapter_rank) == room
