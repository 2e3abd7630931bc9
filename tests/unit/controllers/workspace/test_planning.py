"""What the plan follows from, what it changes, and what is said of it."""

from typing import Any

import pytest
from tests.unit.controllers.workspace.world import (
    IN_CLUSTER,
    KEY,
    ON_EXISTING,
    READY,
    World,
    new_world,
    settled,
)

from kaito.api import labels
from kaito.api.core import CONFIGMAPS, NODES, STATEFULSETS
from kaito.api.meta import Key, Manifest
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import WORKSPACES, PlanStatus

A100 = {
    "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
    "nvidia.com/gpu.count": "8",
    "nvidia.com/gpu.memory": "81920",
}


def _cluster(preset: str, instance: str, **inference: Any) -> World:
    world = new_world(IN_CLUSTER, inference={"preset": {"name": preset}, **inference})
    world.objects[(str(WORKSPACES), KEY)]["resource"]["instanceType"] = instance
    return settled(world)


def _plan(world: World) -> PlanStatus:
    plan = world.observe().workspace.status.plan
    assert plan is not None
    return plan


def _configure(world: World, text: str) -> None:
    meta = {"name": "settings", "namespace": "default"}
    world.put(CONFIGMAPS, {"metadata": meta, "data": {"inference_config.yaml": text}})


def _pod(world: World) -> Manifest:
    spec: Manifest = world.objects[(str(STATEFULSETS), KEY)]["spec"]["template"]["spec"]
    return spec


def _told(world: World, reason: str) -> list[str]:
    return [event for event in world.events if event.startswith(f"{reason}: ")]


def test_the_plan_is_in_the_status_and_told_once() -> None:
    world = _cluster("phi-4-mini-instruct", "Standard_NC24ads_A100_v4")
    plan = _plan(world)
    assert (plan.version, plan.runtime, plan.nodes, plan.gpus_per_node) == (1, "vllm", 1, 1)
    assert plan.instance_type == "Standard_NC24ads_A100_v4"
    assert plan.memory_per_gpu is not None
    assert plan.working
    assert plan.inputs_hash
    assert world.observe().workspace.status.target_node_count == 1
    (said,) = _told(world, "Planned")
    assert "Standard_NC24ads_A100_v4" in said


def test_a_context_cut_to_what_fits_is_a_warning_unless_it_was_asked_for() -> None:
    (said,) = _told(_cluster("phi-4-mini-instruct", "Standard_NV36ads_A10_v5"), "ContextReduced")
    assert "of the model's 131072: no more fits" in said
    roomy = _cluster("phi-4-mini-instruct", "Standard_NC24ads_A100_v4")
    assert not _told(roomy, "ContextReduced")


def test_an_edit_of_the_context_is_planned_anew_and_says_from_what_to_what() -> None:
    world = _cluster("phi-4-mini-instruct", "Standard_NC24ads_A100_v4", config="settings")
    _configure(world, "vllm: {max-model-len: 32768}")
    settled(world)
    before = _plan(world)
    assert before.context_tokens == 32768
    _configure(world, "vllm: {max-model-len: 8192}")
    settled(world)
    after = _plan(world)
    assert after.context_tokens == 8192
    assert after.inputs_hash != before.inputs_hash
    (said,) = _told(world, "PlanChanged")
    assert "contextTokens 32768 -> 8192" in said


def test_a_count_that_grows_is_followed_by_claims() -> None:
    world = _cluster("phi-4-mini-instruct", "Standard_NC24ads_A100_v4", config="settings")
    _configure(world, "vllm: {}")
    settled(world)
    assert _plan(world).nodes == 1
    _configure(world, "vllm: {pipeline-parallel-size: 2}")
    settled(world)
    assert _plan(world).nodes == 2
    assert world.observe().workspace.status.target_node_count == 2
    assert len([name for name, _ in world.objects if name == str(NODECLAIMS)]) == 2


def test_options_that_cannot_be_read_keep_the_running_plan_and_name_the_option() -> None:
    world = _cluster("phi-4-mini-instruct", "Standard_NC24ads_A100_v4", config="settings")
    _configure(world, "vllm: {max-model-len: 8192}")
    settled(world)
    world.launch()
    settled(world)
    before = _plan(world)
    _configure(world, "vllm: {max-model-len: many}")
    settled(world)
    status, reason, message = world.ready
    assert (status, reason) == ("False", "InvalidConfig")
    assert "default/settings" in message
    assert "max-model-len" in message
    assert _plan(world) == before
    assert world.observe().workspace.status.target_node_count == 1


def test_a_model_that_no_gpus_of_the_type_can_share_names_types_that_would_do() -> None:
    world = _cluster("falcon-40b-instruct", "Standard_NC6s_v3")
    status, reason, message = world.ready
    assert (status, reason) == ("False", "InsufficientMemory")
    assert "cheapest that fits: " in message


def test_an_unknown_instance_type_is_refused_before_any_claim() -> None:
    world = _cluster("phi-4-mini-instruct", "Standard_NC24ads_A100_v5")
    status, reason, message = world.ready
    assert (status, reason) == ("False", "UnknownInstanceType")
    assert "Standard_NC24ads_A100_v4" in message
    assert [name for name, _ in world.objects] == [str(WORKSPACES)]


def test_an_older_gpu_gets_another_runtime_and_half_precision() -> None:
    world = _cluster("phi-3-mini-4k-instruct", "Standard_NC6s_v3")
    assert _plan(world).runtime == "transformers"
    assert _plan(world).notes
    world.launch()
    settled(world)
    arguments = _pod(world)["containers"][0]["args"]
    assert "--runtime=transformers" in arguments
    assert "--dtype=float16" in arguments


def test_remote_code_runs_only_when_the_user_says_so() -> None:
    world = _cluster("kimi-k2.5", "Standard_ND96isr_H200_v5", config="settings")
    _configure(world, "vllm: {}")
    settled(world)
    assert world.ready[1] == "RemoteCodeNotAllowed"
    assert [name for name, _ in world.objects if name == str(NODECLAIMS)] == []
    _configure(world, "vllm: {trust-remote-code: true}")
    settled(world)
    assert world.ready[1] != "RemoteCodeNotAllowed"


def test_on_one_machine_the_status_says_what_a_cluster_would_need() -> None:
    world = new_world(inference={"preset": {"name": "smollm2-135m-instruct"}})
    world.objects[(str(WORKSPACES), KEY)]["resource"]["instanceType"] = "Standard_NC24ads_A100_v4"
    settled(world)
    plan = _plan(world)
    assert plan.instance_type == ""
    assert "in a cluster this would be vllm on 1 x Standard_NC24ads_A100_v4" in plan.in_cluster
    (said,) = _told(world, "Planned")
    assert plan.in_cluster in said


def test_a_model_too_large_for_this_machine_is_told_what_a_cluster_would_need() -> None:
    world = new_world(inference={"preset": {"name": "llama-3.3-70b-instruct"}})
    world.objects[(str(WORKSPACES), KEY)]["resource"]["instanceType"] = "Standard_NC96ads_A100_v4"
    settled(world)
    assert world.ready[1] == "InsufficientMemory"
    assert "in a cluster this would be vllm on 1 x Standard_NC96ads_A100_v4" in world.ready[2]


def _add_node(world: World, name: str, held: dict[str, str]) -> None:
    meta = {"name": name, "labels": {"apps": "w", **held}}
    status = {**READY, "allocatable": {labels.NVIDIA_GPU: "8"}}
    world.put(NODES, {"metadata": meta, "status": status})


def _existing(**resource: Any) -> World:
    world = new_world(ON_EXISTING, inference={"preset": {"name": "phi-4-mini-instruct"}})
    spec = world.objects[(str(WORKSPACES), KEY)]["resource"]
    del spec["instanceType"]
    spec.update(resource)
    return world


def test_nodes_that_are_there_are_planned_for_by_their_labels() -> None:
    world = settled(_existing())
    assert world.ready[1] == "NodeNotReady"
    assert "kubectl label node NODE apps=w" in world.ready[2]
    _add_node(world, "n1", A100)
    settled(world)
    assert _plan(world).gpus_per_node == 1
    assert (str(STATEFULSETS), KEY) in world.objects


def test_nodes_of_two_kinds_are_refused_with_both() -> None:
    world = _existing()
    _add_node(world, "n1", A100)
    _add_node(world, "n2", {**A100, "nvidia.com/gpu.product": "NVIDIA-L4"})
    settled(world)
    status, reason, message = world.ready
    assert (status, reason) == ("False", "NonUniformNodes")
    assert "Non-uniform GPU product: n1 has NVIDIA-A100-SXM4-80GB, n2 has NVIDIA-L4" in message


@pytest.mark.parametrize(
    ("partition", "said"),
    [
        ({"mode": "accelerator", "count": 16}, "count is 16 and the nodes have 8 GPUs"),
        ({"mode": "mig", "profile": "1g.10gb"}, "offer no MIG slice"),
    ],
)
def test_a_part_that_the_nodes_do_not_offer_is_refused(
    partition: dict[str, Any], said: str
) -> None:
    world = _existing(partition=partition)
    _add_node(world, "n1", A100)
    settled(world)
    assert world.ready[1] == "PartitionNotOffered"
    assert said in world.ready[2]


def test_a_slice_is_asked_for_by_its_own_resource() -> None:
    world = _existing(partition={"mode": "mig", "profile": "3g.40gb"})
    slices = {"nvidia.com/mig-3g.40gb.count": "2", "nvidia.com/mig-3g.40gb.memory": "40192"}
    _add_node(world, "n1", {**A100, **slices})
    node = world.objects[(str(NODES), Key("", "n1"))]
    node["status"]["allocatable"] = {"nvidia.com/mig-3g.40gb": "2"}
    settled(world)
    resources = _pod(world)["containers"][0]["resources"]
    assert resources["limits"] == {"nvidia.com/mig-3g.40gb": "1"}
    tolerated = {toleration["key"] for toleration in _pod(world)["tolerations"]}
    assert "nvidia.com/mig-3g.40gb" in tolerated


def test_a_model_that_fills_several_slices_is_refused() -> None:
    world = _existing(partition={"mode": "mig", "profile": "1g.10gb"})
    world.objects[(str(WORKSPACES), KEY)]["inference"] = {"preset": {"name": "phi-4"}}
    slices = {"nvidia.com/mig-1g.10gb.count": "7", "nvidia.com/mig-1g.10gb.memory": "9728"}
    _add_node(world, "n1", {**A100, **slices})
    settled(world)
    assert world.ready[0] == "False"
    assert world.ready[1] == "InsufficientMemory"
