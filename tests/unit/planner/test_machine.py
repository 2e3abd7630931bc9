"""What fits on one machine."""

from hypothesis import given
from hypothesis import strategies as st

from kaito.base.quantity import GIB
from kaito.catalog.preset import ModelFacts, Preset
from kaito.planner.machine import Machine, plan_on_machine
from kaito.planner.plan import Demand, Plan, PlanRequest, Refusal

LAPTOP = Machine(name="laptop", cpus=4, memory_bytes=16 * GIB)


def _facts(weights: int, per_token: int = 23_040, context: int = 8192) -> ModelFacts:
    return ModelFacts(
        architecture="A",
        weights_bytes=weights,
        kv_bytes_per_token=per_token,
        context_tokens=context,
    )


def _plan(
    facts: ModelFacts, machine: Machine, name: str = "m", demand: Demand | None = None
) -> Plan | Refusal:
    preset = Preset(name=name, hub_id=f"org/{name}", facts=facts)
    request = PlanRequest(preset=preset, facts=facts, demand=demand or Demand())
    return plan_on_machine(request, machine)


def test_a_small_model_gets_its_whole_context() -> None:
    plan = _plan(_facts(269_060_552), LAPTOP)
    assert isinstance(plan, Plan)
    assert (plan.context_tokens, plan.kv_cache_bytes) == (8192, GIB)
    assert plan.working[-1] == "needed 3.8 GiB of 15.0 GiB on laptop"


def test_a_long_context_is_cut_to_the_cache_that_fits() -> None:
    facts = _facts(int(7.12 * GIB), per_token=393_216, context=131_072)
    plan = _plan(facts, LAPTOP)
    assert isinstance(plan, Plan)
    # Whole blocks of 128 tokens, of which the engine keeps one back.
    assert plan.context_tokens == (plan.kv_cache_bytes // 393_216 // 128 - 1) * 128
    assert plan.memory_bytes <= LAPTOP.allocatable_bytes
    assert plan.notes == (f"context {plan.context_tokens} of the model's 131072: no more fits",)


def test_what_is_too_large_is_refused_with_every_term() -> None:
    refusal = _plan(_facts(20 * GIB), LAPTOP, "big")
    assert refusal == Refusal(
        "InsufficientMemory",
        "big needs 23.5 GiB (weights 20.0 GiB + KV cache 1.0 GiB + engine 2.5 GiB); machine laptop "
        "has 15.0 GiB for workloads (16.0 GiB less 1.0 GiB for the system). Choose a smaller "
        "model: kaito models list",
    )


def test_a_demanded_context_is_what_the_plan_takes() -> None:
    plan = _plan(_facts(GIB), LAPTOP, demand=Demand(context_tokens=2000, concurrency=3))
    assert isinstance(plan, Plan)
    assert plan.context_tokens == 2000
    assert plan.concurrency >= 3
    assert not plan.notes


def test_a_demanded_context_that_does_not_fit_is_refused() -> None:
    facts = _facts(int(7.12 * GIB), per_token=393_216, context=131_072)
    refusal = _plan(facts, LAPTOP, demand=Demand(context_tokens=32_768))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "InsufficientMemory"
    assert "KV cache 13.0 GiB" in refusal.message


def test_a_context_that_the_model_was_not_made_for_is_invalid() -> None:
    refusal = _plan(_facts(GIB), LAPTOP, demand=Demand(context_tokens=8193))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "InvalidDemand"
    assert "8193" in refusal.message
    assert "8192" in refusal.message


@given(
    weights=st.integers(1, 64 * GIB),
    per_token=st.integers(1, 2**20),
    context=st.integers(1, 2**20),
    memory=st.integers(GIB, 256 * GIB),
)
def test_a_plan_never_exceeds_the_machine_and_its_context_fits_its_cache(
    weights: int, per_token: int, context: int, memory: int
) -> None:
    machine = Machine(name="m", cpus=1, memory_bytes=memory)
    plan = _plan(_facts(weights, per_token, context), machine)
    if isinstance(plan, Plan):
        assert plan.memory_bytes <= machine.allocatable_bytes
        assert plan.context_tokens * per_token <= plan.kv_cache_bytes
        assert 0 < plan.context_tokens <= context
