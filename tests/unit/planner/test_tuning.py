"""Plans of tuning jobs: the fewest GPUs that do, and refusals that say what would."""

from dataclasses import replace

import pytest

from kaito.base.quantity import GIB
from kaito.catalog.instances import INSTANCE_TYPES, find_instance_type
from kaito.catalog.lookup import PRESETS, find_preset
from kaito.catalog.preset import Preset
from kaito.planner.machine import Machine
from kaito.planner.plan import Refusal
from kaito.planner.tuning import (
    TuningPlan,
    plan_tuning_on_gpus,
    plan_tuning_on_machine,
    tell_smaller,
)
from kaito.planner.tuning_fit import TuningRequest
from kaito.planner.tuning_memory import Method, TuningDemand

A100, T4, FOUR_A100 = "Standard_NC24ads_A100_v4", "Standard_NC4as_T4_v3", "Standard_NC96ads_A100_v4"
METHODS: tuple[Method, ...] = ("qlora", "lora", "full")


def request(
    model: str,
    instance: str = "",
    *,
    takes_all: bool = True,
    nodes: int = 1,
    method: Method = "lora",
    demand: TuningDemand | None = None,
) -> TuningRequest:
    preset = find_preset(model)
    assert preset is not None
    assert preset.facts is not None
    return TuningRequest(
        preset=preset,
        facts=preset.facts,
        instance=find_instance_type(instance) if instance else None,
        demand=demand or TuningDemand(method=method),
        takes_all_gpus=takes_all,
        nodes=nodes,
    )


def planned(found: TuningPlan | Refusal) -> TuningPlan:
    assert isinstance(found, TuningPlan), found
    return found


def refused(found: TuningPlan | Refusal) -> str:
    assert isinstance(found, Refusal), found
    return found.message


def test_the_quick_starts_model_fits_its_machine_with_every_adapter_method() -> None:
    plans = [
        planned(plan_tuning_on_gpus(request("phi-3-mini-4k-instruct", A100, method=method)))
        for method in ("qlora", "lora")
    ]
    assert [plan.gpus for plan in plans] == [1, 1]
    assert plans[0].share.weights < plans[1].share.weights / 3


def test_checkpointing_is_planned_only_where_memory_asks_for_it() -> None:
    roomy = planned(plan_tuning_on_gpus(request("phi-3-mini-4k-instruct", A100, method="qlora")))
    tight = planned(plan_tuning_on_gpus(request("phi-3-mini-4k-instruct", T4, method="qlora")))
    assert (roomy.checkpointing, tight.checkpointing) == (False, True)
    assert tight.share.activations < roomy.share.activations


def test_a_model_that_fits_one_gpu_is_trained_by_all_and_one_that_does_not_is_shared() -> None:
    alone = planned(plan_tuning_on_gpus(request("phi-4", FOUR_A100, method="lora")))
    shared = planned(plan_tuning_on_gpus(request("phi-4", FOUR_A100, method="full")))
    assert (alone.gpus, alone.shards) == (4, 1)
    assert (shared.gpus, shared.shards) == (4, 4)


def test_gpus_that_share_a_model_hold_its_parts_and_gather_layers() -> None:
    large, two = "llama-3.3-70b-instruct", "Standard_NC48ads_A100_v4"
    alone = planned(plan_tuning_on_gpus(request(large, two, method="qlora"))).share
    on_two = planned(plan_tuning_on_gpus(request(large, two, nodes=2, method="lora")))
    assert (on_two.nodes, on_two.gpus, on_two.shards) == (2, 2, 4)
    share = on_two.share
    assert alone.gathered == 0 < share.gathered < share.weights
    assert share.total == sum(
        (share.weights, share.trained, share.activations, share.engine, share.gathered)
    )
    assert "gathered layers" in share.in_words()
    more = planned(plan_tuning_on_gpus(request(large, two, nodes=4, method="lora"))).share
    assert more.weights == pytest.approx(share.weights / 2, rel=1e-6)
    # An adapter is whole on every GPU.
    assert more.trained == share.trained


def test_a_model_that_is_trained_whole_needs_main_memory_for_its_checkpoints() -> None:
    found = planned(plan_tuning_on_gpus(request("phi-4", FOUR_A100, method="full")))
    assert found.instance is not None
    elements = found.share.trained * found.shards / 1.1 / 14
    assert found.memory_bytes > 12 * elements
    small = replace(found.instance, memory_bytes=200 * GIB)
    asked = replace(request("phi-4", FOUR_A100, method="full"), instance=small)
    said = refused(plan_tuning_on_gpus(asked))
    assert "of main memory where pods get 160.0 GiB" in said
    planned(plan_tuning_on_gpus(replace(asked, demand=TuningDemand(method="lora"))))


def test_several_nodes_each_hold_a_copy_where_a_gpu_does() -> None:
    found = planned(plan_tuning_on_gpus(request("phi-4", FOUR_A100, nodes=3, method="lora")))
    assert (found.nodes, found.gpus, found.shards) == (3, 4, 1)
    assert found.summary.startswith(f"tuning on 3 nodes of {FOUR_A100}, 4 GPUs each: ")


def test_qlora_is_not_spread_over_gpus_for_the_libraries_keep_it_whole() -> None:
    said = refused(
        plan_tuning_on_gpus(request("llama-3.3-70b-instruct", "Standard_NC24s_v3", method="qlora"))
    )
    assert "gathered" not in said
    assert "resource.count" not in said


def test_a_refusal_names_how_many_nodes_would_do_and_they_do() -> None:
    two = "Standard_NC48ads_A100_v4"
    said = refused(plan_tuning_on_gpus(request("phi-4", two, method="full")))
    assert "resource.count: 2 would fit" in said
    planned(plan_tuning_on_gpus(request("phi-4", two, nodes=2, method="full")))
    beyond = refused(plan_tuning_on_gpus(request("phi-4", T4, nodes=8, method="full")))
    assert "8 nodes: Standard_NC4as_T4_v3 has 1 x T4 with 14.2 GiB to use" in beyond


def test_nodes_that_one_machine_plays_share_its_memory() -> None:
    machine = Machine(name="laptop", cpus=8, memory_bytes=16 * GIB)
    two = planned(plan_tuning_on_machine(request("smollm2-135m-instruct", nodes=2), machine))
    assert two.nodes == 2
    assert 2 * two.memory_bytes <= machine.allocatable_bytes
    said = refused(plan_tuning_on_machine(request("smollm2-135m-instruct", nodes=16), machine))
    assert "machine laptop has 15.0 GiB for workloads, 960 MiB for each of 16 nodes" in said


def test_on_nodes_of_others_it_takes_as_few_gpus_as_will_do() -> None:
    found = plan_tuning_on_gpus(request("phi-4", FOUR_A100, takes_all=False, method="lora"))
    assert planned(found).gpus == 1


def test_a_refusal_has_the_arithmetic_and_what_would_fit() -> None:
    said = refused(plan_tuning_on_gpus(request("phi-4", T4, method="full")))
    assert said.startswith("full of phi-4 needs ")
    assert "1 x T4 with 14.2 GiB to use" in said
    assert "method: qlora" in said
    assert "cheapest that fits: Standard_" in said


@pytest.mark.parametrize("method", METHODS)
def test_what_a_refusal_names_does_fit(method: Method) -> None:
    found = plan_tuning_on_gpus(request("phi-4", T4, method=method))
    if isinstance(found, TuningPlan):
        return
    name = found.message.partition("cheapest that fits: ")[2].partition(" ")[0]
    planned(plan_tuning_on_gpus(request("phi-4", name, method=method)))


@pytest.mark.parametrize("preset", [p for p in PRESETS if p.is_tunable], ids=lambda p: str(p.name))
def test_more_of_anything_never_takes_less_memory(preset: Preset) -> None:
    machine = Machine(name="big", cpus=64, memory_bytes=100_000 * GIB)

    def total(demand: TuningDemand) -> int:
        return planned(
            plan_tuning_on_machine(request(preset.name, demand=demand), machine)
        ).share.total

    small = TuningDemand(batch=1, sequence_tokens=128, rank=8)
    assert total(replace(small, batch=4)) > total(small)
    assert total(replace(small, sequence_tokens=1024)) > total(small)
    assert total(replace(small, rank=64)) > total(small)
    assert total(replace(small, method="full")) > total(small)


def test_one_job_leaves_half_of_a_machine_where_it_can() -> None:
    machine = Machine(name="laptop", cpus=8, memory_bytes=16 * GIB)
    found = planned(plan_tuning_on_machine(request("smollm2-135m-instruct"), machine))
    assert found.memory_bytes <= machine.allocatable_bytes // 2


def test_a_machine_that_is_too_small_is_told_so() -> None:
    machine = Machine(name="tiny", cpus=1, memory_bytes=2 * GIB)
    said = refused(plan_tuning_on_machine(request("phi-4", method="lora"), machine))
    assert "machine tiny has 1.0 GiB for workloads" in said
    assert said.endswith("choose a smaller model: kaito models list")


def test_every_tunable_model_can_be_tuned_on_some_machine_of_the_catalogue() -> None:
    for preset in PRESETS:
        if preset.is_tunable:
            plans = (
                plan_tuning_on_gpus(request(preset.name, instance.name, method="qlora"))
                for instance in INSTANCE_TYPES
            )
            assert any(isinstance(plan, TuningPlan) for plan in plans), preset.name


@pytest.mark.parametrize(
    ("demand", "advice"),
    [
        (TuningDemand(method="lora"), "gradient_checkpointing: true would fit"),
        (
            TuningDemand(method="lora", checkpointing=True, batch=64),
            "per_device_train_batch_size: 1 would fit",
        ),
        (
            TuningDemand(method="full", checkpointing=True, batch=1),
            "method: qlora would fit",
        ),
        (TuningDemand(method="qlora", checkpointing=True, batch=1, sequence_tokens=16), ""),
    ],
)
def test_out_of_memory_names_the_least_change_that_takes_a_quarter_less(
    demand: TuningDemand, advice: str
) -> None:
    preset = find_preset("smollm2-135m-instruct")
    assert preset is not None
    assert preset.facts is not None
    request = TuningRequest(preset=preset, facts=preset.facts, demand=demand)
    assert tell_smaller(request) == advice


@pytest.mark.parametrize(
    ("method", "bytes_each"), [("full", 36), ("lora", 0)], ids=["full", "adapter"]
)
def test_the_disk_has_room_for_three_checkpoints_with_optimizer_states(
    method: Method, bytes_each: int
) -> None:
    asked = request("phi-4-mini-instruct", "Standard_ND96isr_H100_v5", method=method)
    on_node = planned(plan_tuning_on_gpus(asked))
    on_volume = planned(plan_tuning_on_gpus(replace(asked, results_on_node=False)))
    kept = on_node.disk_bytes - on_volume.disk_bytes
    elements = asked.facts.parameters or asked.facts.weights_bytes // 2

    assert kept >= bytes_each * elements
    assert 0 < kept < 3 * GIB or method == "full"
    assert any(line.endswith("on the output volume") for line in on_volume.working)
