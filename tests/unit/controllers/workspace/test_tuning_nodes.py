"""A tuning Workspace on several nodes: one indexed Job, whose pods begin and fail together."""

from typing import Any

import pytest
from tests.unit.controllers.workspace.world import (
    IN_CLUSTER,
    KEY,
    READY,
    SETTINGS,
    World,
    new_world,
    settled,
)

from kaito.api import labels
from kaito.api.core import JOBS, PODS, SERVICES
from kaito.api.meta import Key, Manifest
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.report import REPORTS, PodReport, StageReport, TuningReport
from kaito.api.runtime import ExitCode
from kaito.api.workspace import WORKSPACES
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.kube.controller.decision import Apply, Create, Delete

TUNING: Manifest = {
    "preset": {"name": "smollm2-135m-instruct"},
    "method": "lora",
    "input": {"urls": ["https://example.com/train.jsonl"]},
    "output": {"image": "registry.example.com/adapter:1"},
}
SERVICE = Key("default", "w-headless")
RUNNING: dict[str, Any] = {"state": {"running": {}}}
PEERS = "another process of this training is gone"
KILLED = {"exitCode": 137, "reason": "OOMKilled", "message": ""}


def resource(count: int) -> Manifest:
    return {
        "instanceType": "Standard_NC6s_v3",
        "count": count,
        "labelSelector": {"matchLabels": {"apps": "w"}},
    }


def tuned_world(count: int = 2, settings: WorkspaceSettings = SETTINGS, **tuning: Any) -> World:
    """A Workspace whose nodes are ready and whose Job has been created."""
    world = settled(new_world(settings, resource=resource(count), tuning={**TUNING, **tuning}))
    world.launch()
    return settled(world)


def job_of(world: World) -> Manifest:
    return world.objects[(str(JOBS), KEY)]


def start_pod(world: World, index: int, *, restarts: int = 0, **state: Any) -> None:
    """The Job's pod of that number, with its trainer in this state."""
    job_of(world)["metadata"]["uid"] = "j1"
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "w", "uid": "j1"}
    meta = {
        "name": f"w-{index}-abcde",
        "namespace": "default",
        "labels": {labels.WORKSPACE: "w"},
        "annotations": {labels.COMPLETION_INDEX: str(index)},
        "ownerReferences": [{**owner, "controller": True}],
    }
    trainer = {"name": "tuning", "restartCount": restarts, **state}
    world.put(
        PODS,
        {
            "metadata": meta,
            "status": {**READY, "phase": "Running", "containerStatuses": [trainer]},
        },
    )


def ended(code: int, message: str) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "message": message, "reason": "Error"}}


def test_two_nodes_are_asked_for_and_get_one_job_after_its_service() -> None:
    world = settled(new_world(resource=resource(2), tuning=TUNING))
    assert len([name for name, _ in world.objects if name == str(NODECLAIMS)]) == 2
    assert (str(JOBS), KEY) not in world.objects
    world.launch()
    actions = [a for a in world.decide().actions if isinstance(a, Create | Apply)]
    made = [action.manifest["kind"] for action in actions]
    assert made[-1] == "Job"
    settled(world)

    service = world.objects[(str(SERVICES), SERVICE)]["spec"]
    assert (service["clusterIP"], service["publishNotReadyAddresses"]) == ("None", True)
    spec = job_of(world)["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 2, 2)
    assert spec["successPolicy"] == {"rules": [{"succeededIndexes": "0"}]}
    pod = spec["template"]["spec"]
    assert pod["subdomain"] == SERVICE.name
    (trainer,) = pod["containers"]
    assert "--nodes=2" in trainer["args"]
    assert "--first-node=w-0.w-headless.default.svc:29500" in trainer["args"]
    (key,) = [one for one in trainer["args"] if one.startswith("--group-key=")]
    assert len(key) == len("--group-key=") + 32
    (apart,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert apart["topologyKey"] == "kubernetes.io/hostname"
    assert world.observe().workspace.status.target_node_count == 2


def test_one_node_needs_no_service_and_the_job_is_a_plain_one() -> None:
    world = tuned_world(1)
    assert (str(SERVICES), SERVICE) not in world.objects
    spec = job_of(world)["spec"]
    assert "completionMode" not in spec
    assert "subdomain" not in spec["template"]["spec"]


def test_a_service_of_somebody_else_under_the_name_is_neither_taken_nor_overwritten() -> None:
    world = new_world(resource=resource(2), tuning=TUNING)
    world.put(SERVICES, {"metadata": {"name": SERVICE.name, "namespace": "default"}})
    settled(world).launch()
    settled(world)
    assert world.ready[1] == "NameConflict"
    assert (str(JOBS), KEY) not in world.objects


def test_training_is_told_by_the_first_pod_and_waits_for_all() -> None:
    world = tuned_world()
    start_pod(world, 0, **RUNNING)
    settled(world)
    assert world.ready[2] == "1 of the job's 2 pods are created, which begin together"
    start_pod(world, 1, state={"waiting": {"reason": "ContainerCreating"}})
    world.objects[(str(PODS), Key("default", "w-1-abcde"))]["status"]["phase"] = "Pending"
    settled(world)
    assert "w-1-abcde" in world.ready[2]
    start_pod(world, 1, **RUNNING)
    meta = {"name": "w-0-abcde", "namespace": "default", "labels": {labels.WORKSPACE: "w"}}
    said = PodReport(
        program="tuning", stages=(StageReport(name="train"),), tuning=TuningReport(step=3, steps=9)
    )
    import msgspec

    world.put(REPORTS, {**msgspec.to_builtins(said), "metadata": meta})
    settled(world)
    status = world.observe().workspace.status.tuning
    assert status is not None
    assert (status.phase, status.step) == ("Training", 3)


def test_the_cause_is_what_ended_first_and_not_that_its_peers_miss_it() -> None:
    world = tuned_world()
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    start_pod(world, 0, restarts=1, state=waiting, lastState=ended(ExitCode.PEERS, PEERS))
    start_pod(world, 1, restarts=1, state=waiting, lastState={"terminated": KILLED})
    settled(world)
    assert world.ready[1] == "ContainerOOMKilled"
    assert world.ready[2].startswith("pod w-1-abcde: the trainer took more memory")
    assert world.ready[2].endswith("; try 2 of 7 follows")
    start_pod(world, 0, restarts=1, **RUNNING, lastState=ended(ExitCode.PEERS, PEERS))
    start_pod(world, 1, restarts=1, **RUNNING, lastState=ended(70, "it fell over"))
    settled(world)
    assert world.ready[2] == "the trainer runs again, try 2: before, it fell over"


def test_what_only_an_edit_can_mend_is_told_of_whichever_pod_says_it() -> None:
    world = tuned_world()
    start_pod(world, 0, restarts=1, **RUNNING, lastState=ended(ExitCode.PEERS, PEERS))
    start_pod(world, 1, state=ended(65, "data.jsonl has no row"))
    settled(world)
    assert world.observe().workspace.status.state == "Failed"
    assert world.ready[1:] == ("InvalidData", "data.jsonl has no row")


def test_each_failure_counts_once_though_all_pods_restart() -> None:
    world = tuned_world(3)
    assert job_of(world)["spec"]["backoffLimit"] == 18
    for index in range(3):
        start_pod(world, index, restarts=4, **RUNNING, lastState=ended(ExitCode.PEERS, PEERS))
    settled(world)
    status = world.observe().workspace.status.tuning
    assert status is not None
    assert status.restarts == 4


def test_another_number_of_nodes_ends_the_job_and_starts_one_of_that_many() -> None:
    world = tuned_world()
    start_pod(world, 0, **RUNNING)
    start_pod(world, 1, **RUNNING)
    settled(world)
    world.objects[(str(WORKSPACES), KEY)]["resource"]["count"] = 1
    world.carry_out(world.decide())
    assert "JobReplaced" in str(world.events)
    for index in range(2):
        del world.objects[(str(PODS), Key("default", f"w-{index}-abcde"))]
    settled(world).launch()
    settled(world)
    assert job_of(world)["spec"]["completions"] == 1
    assert len([name for name, _ in world.objects if name == str(NODECLAIMS)]) == 1


def test_a_disk_that_only_one_node_can_attach_is_refused_for_two() -> None:
    disk = {"azureDisk": {"diskName": "d", "diskURI": "u"}}
    world = settled(
        new_world(
            IN_CLUSTER,
            resource=resource(2),
            tuning={**TUNING, "output": {"volumeSource": disk}},
        )
    )
    assert world.ready[1] == "InvalidWorkspace"
    assert "azureDisk can be attached to one node only" in world.ready[2]
    assert not [name for name, _ in world.objects if name == str(NODECLAIMS)]


def test_a_model_that_no_gpu_holds_is_shared_by_the_processes_of_all_nodes() -> None:
    world = new_world(
        IN_CLUSTER,
        resource={**resource(2), "instanceType": "Standard_NC48ads_A100_v4"},
        tuning={**TUNING, "preset": {"name": "phi-4"}, "method": "full"},
    )
    settled(world).launch()
    settled(world)
    plan = world.observe().workspace.status.plan
    assert plan is not None
    assert (plan.nodes, plan.gpus_per_node, plan.data_parallel_size) == (2, 2, 1)
    (trainer,) = job_of(world)["spec"]["template"]["spec"]["containers"]
    assert "--shares-model=true" in trainer["args"]


def end_second(world: World) -> None:
    """The second pod heard that the result was delivered, and ended well."""
    start_pod(world, 1, state={"terminated": {"exitCode": 0, "finishedAt": "2026-05-01T12:00:00Z"}})
    world.objects[(str(PODS), Key("default", "w-1-abcde"))]["status"]["phase"] = "Succeeded"


@pytest.mark.parametrize("keeps", [False, True])
def test_a_first_pod_that_is_lost_after_the_others_ended_begins_with_new_ones(keeps: bool) -> None:
    volume = {"volumeSource": {"hostPath": {"path": "/data"}}}
    world = tuned_world(output=volume if keeps else TUNING["output"])
    start_pod(world, 0, **RUNNING)
    end_second(world)
    first = world.objects[(str(PODS), Key("default", "w-0-abcde"))]
    first["metadata"]["creationTimestamp"] = "2026-05-01T11:00:00Z"
    settled(world)
    assert (str(JOBS), KEY) in world.objects, "it only ends a moment later"
    first["metadata"]["creationTimestamp"] = "2026-05-01T12:06:00Z"
    deletes = [action for action in world.decide().actions if isinstance(action, Delete)]
    # From a volume, the first delivers alone what is trained.
    assert [delete.resource for delete in deletes] == ([] if keeps else [JOBS])
    if not keeps:
        world.carry_out(world.decide())
        assert "its first pod was lost when the others had ended" in str(world.events)


def test_a_job_whose_first_pod_has_delivered_waits_for_no_other() -> None:
    world = tuned_world()
    start_pod(world, 0, state={"terminated": {"exitCode": 0, "message": ""}})
    met = {"type": "SuccessCriteriaMet", "status": "True", "reason": "SuccessPolicy"}
    job_of(world)["status"] = {"completedIndexes": "0", "conditions": [met]}
    settled(world)
    assert world.observe().workspace.status.state == "Succeeded"


def test_a_job_is_paused_although_its_service_was_taken_by_somebody_else() -> None:
    world = tuned_world()
    for index in range(2):
        start_pod(world, index, **RUNNING)
    world.objects[(str(SERVICES), SERVICE)]["metadata"]["ownerReferences"] = []
    world.objects[(str(WORKSPACES), KEY)]["metadata"]["annotations"] = {labels.PAUSED: "true"}
    settled(world)
    assert world.ready[1] == "NameConflict"
    assert job_of(world)["spec"]["suspend"] is True
