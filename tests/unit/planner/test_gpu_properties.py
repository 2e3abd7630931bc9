"""What holds for any plan, whatever the model, the machine and the demand."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kaito.base.quantity import GIB, MIB
from kaito.catalog.accelerator import Accelerator
from kaito.catalog.accelerators import ACCELERATORS
from kaito.catalog.cache_layers import CacheLayers, HeadLayers, LatentLayers, StateLayers
from kaito.catalog.instance_type import InstanceType
from kaito.catalog.instances import INSTANCE_TYPES
from kaito.catalog.lookup import PRESETS
from kaito.catalog.preset import ModelFacts, Preset
from kaito.planner.on_instance import plan_on_instance
from kaito.planner.plan import Demand, Plan, PlanRequest, Refusal

GPUS = st.sampled_from([each for each in ACCELERATORS if each.runtime == "vllm"])


def one_of(heads: int) -> st.SearchStrategy[CacheLayers]:
    return st.one_of(
        st.builds(
            HeadLayers,
            layers=st.integers(1, 40),
            kv_heads=st.sampled_from([size for size in (1, 2, 4, 8) if heads % size == 0]),
            key_size=st.sampled_from((64, 128)),
            window_tokens=st.sampled_from((0, 1024)),
        ),
        st.builds(LatentLayers, layers=st.integers(1, 40), width=st.just(576)),
        st.builds(
            StateLayers,
            layers=st.integers(1, 40),
            heads=st.just(heads),
            head_elements=st.integers(1, 16_384),
        ),
    )


@st.composite
def models(draw: st.DrawFn) -> ModelFacts:
    heads = draw(st.sampled_from((8, 24, 32, 71)))
    groups = draw(st.lists(one_of(heads), min_size=1, max_size=3))
    hidden = heads * 64
    return ModelFacts(
        architecture="A",
        weights_bytes=draw(st.integers(MIB, 900 * GIB)),
        context_tokens=draw(st.integers(1, 1_048_576)),
        cache=tuple(groups),
        layers=sum(group.layers for group in groups),
        hidden_size=hidden,
        attention_heads=heads,
        vocabulary=draw(st.integers(1000, 262_144)),
        parameters=draw(st.integers(0, 10**12)),
        is_multimodal=draw(st.booleans()),
    )


DEMANDS = st.builds(
    Demand,
    context_tokens=st.integers(0, 65_536),
    concurrency=st.integers(0, 64),
    tensor_parallel=st.sampled_from((0, 0, 1, 2, 3, 8)),
    pipeline_parallel=st.sampled_from((0, 0, 1, 2, 3)),
    data_parallel=st.sampled_from((0, 0, 1, 2)),
    gpu_memory_utilization=st.sampled_from((0.0, 0.5, 0.95)),
    kv_cache_dtype=st.sampled_from(("", "auto", "fp8", "bfloat16")),
    max_sequences=st.sampled_from((0, 1, 64, 512)),
    max_batched_tokens=st.sampled_from((0, 512, 16_384)),
    enforce_eager=st.booleans(),
)


def asked(facts: ModelFacts, instance: InstanceType, demand: Demand) -> Plan | Refusal:
    preset = Preset(name="m", hub_id="org/m", facts=facts, runtimes=("vllm", "transformers"))
    return plan_on_instance(
        PlanRequest(preset=preset, facts=facts, instance=instance, demand=demand)
    )


def with_gpus(accelerator: Accelerator, count: int) -> InstanceType:
    return InstanceType(name="any", cloud="azure", accelerator=accelerator, gpus=count)


@given(facts=models(), instance=st.sampled_from(INSTANCE_TYPES), demand=DEMANDS)
def test_a_plan_stays_within_the_gpu_and_holds_what_was_asked(
    facts: ModelFacts, instance: InstanceType, demand: Demand
) -> None:
    plan = asked(facts, instance, demand)
    if isinstance(plan, Refusal):
        assert plan.message
        assert "\n" not in plan.message
        return
    assert plan.share is not None
    share = plan.share
    parts = share.weights + share.activations + share.graphs + share.engine + share.cache
    assert parts == share.usable <= share.total
    assert share.cache > 0
    assert 0 < plan.context_tokens <= facts.context_tokens
    assert plan.context_tokens == demand.context_tokens or not demand.context_tokens
    assert plan.concurrency >= max(demand.concurrency, 1)
    assert plan.gpus_per_node <= instance.gpus
    assert plan.nodes * plan.gpus_per_node == plan.parallelism.gpus
    assert facts.can_split(plan.parallelism.tensor)
    assert plan.parallelism.tensor <= plan.gpus_per_node


@given(facts=models(), gpu=GPUS, count=st.sampled_from((1, 2, 4, 8)), more=st.integers(1, 300))
def test_more_memory_never_makes_a_plan_a_refusal(
    facts: ModelFacts, gpu: Accelerator, count: int, more: int
) -> None:
    larger = replace(gpu, memory_bytes=gpu.memory_bytes + more * GIB)
    if isinstance(asked(facts, with_gpus(gpu, count), Demand()), Plan):
        assert isinstance(asked(facts, with_gpus(larger, count), Demand()), Plan)


@given(
    facts=models(),
    gpu=GPUS,
    count=st.sampled_from((1, 2, 4, 8)),
    contexts=st.tuples(st.integers(1, 262_144), st.integers(1, 262_144)),
)
def test_a_longer_demanded_context_never_takes_fewer_nodes(
    facts: ModelFacts, gpu: Accelerator, count: int, contexts: tuple[int, int]
) -> None:
    shorter, longer = (
        asked(facts, with_gpus(gpu, count), Demand(context_tokens=context))
        for context in sorted(contexts)
    )
    if isinstance(longer, Plan):
        assert isinstance(shorter, Plan)
        assert (shorter.nodes, shorter.gpus_per_node) <= (longer.nodes, longer.gpus_per_node)


@given(preset=st.sampled_from(PRESETS), instance=st.sampled_from(INSTANCE_TYPES), demand=DEMANDS)
def test_the_same_question_has_the_same_answer(
    preset: Preset, instance: InstanceType, demand: Demand
) -> None:
    assert preset.facts is not None
    request = PlanRequest(preset=preset, facts=preset.facts, instance=instance, demand=demand)
    assert plan_on_instance(request) == plan_on_instance(request)
