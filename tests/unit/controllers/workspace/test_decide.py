"""The Workspace's decisions, scenario by scenario: what is there, what is wanted, what is said."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.unit.controllers.workspace.world import (
    KEY,
    NOW,
    READY,
    World,
    new_world,
    settled,
    workspace,
)

from kaito.api import conditions, labels
from kaito.api.core import (
    CONFIGMAPS,
    PODS,
    SERVICES,
    STATEFULSETS,
)
from kaito.api.meta import Key
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.controllers.workspace.decide import decide
from kaito.kube.controller.decision import Create, Patch


def test_the_finalizer_comes_before_anything_else_is_made() -> None:
    world = new_world(metadata={"finalizers": ["theirs"]})
    gate, claim = world.decide().actions
    assert isinstance(gate, Patch)
    assert gate.is_gate, "what comes after it must not be made for a Workspace that has gone"
    assert gate.patch == {
        "metadata": {"finalizers": ["theirs", labels.WORKSPACE_FINALIZER], "resourceVersion": "7"}
    }
    assert isinstance(claim, Create)
    assert claim.resource == NODECLAIMS


def test_with_the_finalizer_all_is_decided_as_it_was_without() -> None:
    new, adopted = new_world(metadata={"finalizers": []}), new_world()
    assert len(new.decide().actions) == 1 + len(adopted.decide().actions)
    assert new.decide().why == adopted.decide().why
    assert new.decide().status == adopted.decide().status


def test_a_new_workspace_asks_for_one_node_and_waits_for_it() -> None:
    world = settled(new_world())
    claim = world.claim()
    assert claim["metadata"]["labels"] == {
        "apps": "w",
        labels.NODEPOOL: "kaito",
        labels.WORKSPACE: "w",
        labels.WORKSPACE_NAMESPACE: "default",
    }
    assert claim["spec"]["resources"]["requests"]["memory"] == "3841Mi"
    assert (str(STATEFULSETS), KEY) not in world.objects
    status, reason, message = world.ready
    assert (status, reason) == ("False", "NodeClaimNotReady")
    assert message.endswith("is not Launched yet")


def test_a_claim_that_somebody_deleted_is_told_of_until_it_is_gone() -> None:
    world = new_world()
    settled(world)
    world.launch()
    settled(world)
    world.claim()["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    settled(world)
    message = conditions.find(world.observe().workspace.status.conditions, "NodeClaimReady")
    assert message is not None
    assert message.message.endswith("is being deleted, and asked for again when it is gone")


def test_claims_have_the_same_name_however_often_they_are_decided() -> None:
    names = {
        action.manifest["metadata"]["name"] for _ in range(3) for action in _creates(new_world())
    }
    assert len(names) == 1


def _creates(world: World) -> list[Create]:
    return [action for action in world.decide().actions if isinstance(action, Create)]


def test_a_failed_claim_is_reported_in_the_providers_own_words() -> None:
    world = settled(new_world())
    said = "12.0 GiB asked, 3.0 GiB left"
    world.claim()["status"] = {
        "conditions": [
            {
                "type": "Launched",
                "status": "False",
                "reason": "InsufficientCapacity",
                "message": said,
            }
        ]
    }
    settled(world)
    status, reason, message = world.ready
    assert (status, reason) == ("False", "InsufficientCapacity")
    assert message.endswith(said)


def test_the_workload_starts_once_the_node_is_ready() -> None:
    world = settled(new_world())
    world.launch()
    settled(world)
    assert (str(STATEFULSETS), KEY) in world.objects
    assert (str(SERVICES), KEY) in world.objects
    assert (str(SERVICES), Key("default", "w-headless")) in world.objects
    assert world.observe().workspace.status.worker_nodes == ("n1",)


def test_a_name_that_no_pod_can_have_is_told_where_a_statefulset_was_already_made() -> None:
    world = settled(new_world())
    world.launch()
    observed = settled(world).observe()
    meta = msgspec.structs.replace(observed.workspace.metadata, name="a" * 53)
    long = replace(observed, workspace=msgspec.structs.replace(observed.workspace, metadata=meta))
    decision = decide(long, world.settings, NOW)
    assert decision.actions == ()
    told = next(why for why in decision.why if why.startswith("ResourceReady"))
    assert "InvalidWorkspace: metadata.name: the name must be at most 52" in told
    # Where the pods are there after all, it goes on.
    world.start_pod(phase="Running", **READY)
    running = replace(long, pods=world.observe().pods)
    assert not any("InvalidWorkspace" in why for why in decide(running, world.settings, NOW).why)


def test_it_is_ready_when_its_pod_answers_and_not_ready_when_it_stops() -> None:
    world = settled(new_world())
    world.launch()
    settled(world)
    world.start_pod(phase="Running", **READY)
    settled(world)
    assert world.ready[0] == "True"
    assert world.observe().workspace.status.state == "Ready"
    world.start_pod(phase="Running", containerStatuses=[{"name": "w", "state": {"running": {}}}])
    settled(world)
    assert world.ready[:2] == ("False", "StartingEngine")
    assert world.observe().workspace.status.state == "NotReady"


def _ended(code: int, message: str = "", reason: str = "Error") -> dict[str, Any]:
    return {"exitCode": code, "message": message, "reason": reason}


POD_CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "unschedulable": (
        {
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/1 nodes are available",
                }
            ]
        },
        "Unschedulable",
        "0/1 nodes are available",
    ),
    "weights on their way": (
        {"initContainerStatuses": [{"name": "weights", "state": {"running": {}}}]},
        "FetchingWeights",
        "the weights are being put in place",
    ),
    "no source of the weights": (
        {
            "initContainerStatuses": [
                {
                    "name": "weights",
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": _ended(69, "weights of 'x' are not available")},
                }
            ]
        },
        "ModelUnavailable",
        "weights of 'x' are not available",
    ),
    "engine loading": (
        {
            "initContainerStatuses": [{"name": "weights", "state": {"terminated": _ended(0)}}],
            "containerStatuses": [{"name": "w", "state": {"running": {}}}],
        },
        "StartingEngine",
        "the engine is loading the model",
    ),
    "bad engine setting": (
        {
            "containerStatuses": [
                {
                    "name": "w",
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": _ended(78, "unknown argument 'max-model-lenn'")},
                }
            ]
        },
        "InvalidConfig",
        "unknown argument 'max-model-lenn'",
    ),
    "peers that stay away": (
        {"containerStatuses": [{"name": "w", "state": {"terminated": _ended(75, "8 of 16 GPUs")}}]},
        "PeersUnreachable",
        "8 of 16 GPUs",
    ),
    "crash loop": (
        {
            "containerStatuses": [
                {"name": "w", "state": {"terminated": _ended(1)}},
            ]
        },
        "ContainerCrashLoopBackOff",
        "ended with exit code 1 (Error)",
    ),
    "killed for memory": (
        {
            "containerStatuses": [
                {"name": "w", "state": {"terminated": _ended(137, "", "OOMKilled")}}
            ]
        },
        "ContainerOOMKilled",
        "exit code 137",
    ),
    "image that cannot run": (
        {
            "containerStatuses": [
                {
                    "name": "w",
                    "state": {
                        "waiting": {"reason": "ImageNotRunnable", "message": "give a command"}
                    },
                }
            ]
        },
        "ImagePullError",
        "give a command",
    ),
}


@pytest.mark.parametrize("case", POD_CASES.values(), ids=POD_CASES.keys())
def test_the_pods_trouble_is_the_workspaces_reason(case: tuple[dict[str, Any], str, str]) -> None:
    status, reason, said = case
    world = settled(new_world())
    world.launch()
    settled(world)
    world.start_pod(phase="Pending", **status)
    settled(world)
    found = world.ready
    assert found[:2] == ("False", reason)
    assert said in found[2]


def test_a_model_larger_than_the_machine_is_refused_with_the_arithmetic_before_any_claim() -> None:
    world = settled(new_world(inference={"preset": {"name": "llama-3.3-70b-instruct"}}))
    assert [name for name, _ in world.objects] == [str(WORKSPACES)]
    status, reason, message = world.ready
    assert (status, reason) == ("False", "InsufficientMemory")
    assert "weights 131.4 GiB + KV cache 1.0 GiB + engine 2.5 GiB" in message
    assert "23.0 GiB for workloads (24.0 GiB less 1.0 GiB for the system)" in message


def test_a_missing_config_map_is_named_before_any_claim_and_an_edit_rolls_out() -> None:
    world = new_world(inference={"preset": {"name": "smollm2-135m-instruct"}, "config": "settings"})
    settled(world)
    assert "ConfigMap default/settings" in world.ready[2]
    assert [name for name, _ in world.objects] == [str(WORKSPACES)]
    meta = {"name": "settings", "namespace": "default"}
    world.put(CONFIGMAPS, {"metadata": meta, "data": {"inference_config.yaml": "vllm: {}"}})
    settled(world)
    world.launch()
    settled(world)
    before = world.objects[(str(STATEFULSETS), KEY)]["spec"]["template"]
    world.put(
        CONFIGMAPS,
        {
            "metadata": meta,
            "data": {"inference_config.yaml": "vllm: {enable-prefix-caching: false}"},
        },
    )
    settled(world)
    assert world.objects[(str(STATEFULSETS), KEY)]["spec"]["template"] != before


def test_an_object_that_belongs_to_somebody_else_is_neither_adopted_nor_overwritten() -> None:
    world = settled(new_world())
    world.launch()
    foreign = {
        "kind": "Service",
        "metadata": {"name": "w", "namespace": "default", "uid": "foreign"},
        "spec": {"ports": [{"port": 1}]},
    }
    world.put(SERVICES, foreign)
    settled(world)
    assert world.objects[(str(SERVICES), KEY)] is foreign
    assert world.ready[:2] == ("False", "NameConflict")


def test_deletion_waits_for_the_pods_then_the_nodes_then_lets_go() -> None:
    world = settled(new_world())
    world.launch()
    settled(world)
    world.start_pod(phase="Running", **READY)
    settled(world)
    world.objects[(str(STATEFULSETS), KEY)]["metadata"]["uid"] = "s1"
    world.objects[(str(WORKSPACES), KEY)]["metadata"]["deletionTimestamp"] = NOW
    world.carry_out(world.decide())
    assert (str(STATEFULSETS), KEY) not in world.objects
    assert world.claim(), "the node stays while its pod ends"
    deleting = conditions.find(world.observe().workspace.status.conditions, "WorkspaceDeleting")
    assert deleting is not None
    assert "pod w-0" in deleting.message
    del world.objects[(str(PODS), Key("default", "w-0"))]
    world.carry_out(world.decide())
    world.carry_out(world.decide())
    assert (str(WORKSPACES), KEY) not in world.objects
    left = {name for name, _ in world.objects}
    assert str(NODECLAIMS) not in left


def test_each_transition_is_told_once() -> None:
    world = new_world()
    first = world.decide()
    assert [note.reason for note in first.notes] == ["Planned"]
    world.carry_out(first)
    assert world.decide().notes == ()


def test_a_workspace_of_the_first_version_reads_the_same() -> None:
    document = workspace()
    document["apiVersion"] = "kaito.sh/v1alpha1"
    assert msgspec.convert(document, Workspace).preset_name == "smollm2-135m-instruct"
