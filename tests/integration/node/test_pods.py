"""Pods that really run: how they start, end, restart and go."""

from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.integration.node.plane import Plane

from kaito.kube.client import Change
from kaito.local.node.addresses import POD_NETWORK
from kaito.local.node.pod import PODS

pytestmark = pytest.mark.usefixtures("agent")

STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.1; done"
OBEDIENT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"


def leftovers(plane: Plane) -> list[Path]:
    return list((plane.state / "pods").glob("*"))


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (1, "Failed")])
async def test_a_program_that_ends_decides_the_phase(plane: Plane, code: int, phase: str) -> None:
    pod = await plane.run_pod("job", "sh", "-c", f"exit {code}", restartPolicy="Never")
    container = await plane.until_phase(pod, phase)
    assert container["state"]["terminated"]["exitCode"] == code


async def test_a_running_pod_has_an_address_and_says_when_it_started(plane: Plane) -> None:
    pod = await plane.run_pod("web", "sleep", "4321")
    await plane.until_ready(pod)
    status = plane.status(pod)
    assert status["phase"] == "Running"
    assert ip_address(status["podIP"]) in POD_NETWORK
    assert status["startTime"]
    assert {c["type"] for c in status["conditions"] if c["status"] == "True"} >= {
        "Ready",
        "ContainersReady",
        "Initialized",
        "PodScheduled",
    }
    await plane.until_event("web", "Started")
    note = await plane.until_event("web", "ImageNotUsed")
    assert "sleep of this machine runs" in note.message


async def test_two_pods_have_two_addresses(plane: Plane) -> None:
    pods = [await plane.run_pod(name, "sleep", "4321") for name in ("a", "b")]
    for pod in pods:
        await plane.until_ready(pod)
    assert len({plane.status(pod)["podIP"] for pod in pods}) == 2


async def test_a_command_that_does_not_exist_is_named_while_it_is_tried_again(
    plane: Plane,
) -> None:
    pod = await plane.run_pod("typo", "pyton3", "serve.py")
    waiting = await plane.until_waiting(pod, "RunContainerError")
    assert '"pyton3": executable file not found in $PATH' in waiting["message"]
    await plane.until_event("typo", "Failed")


async def test_an_image_without_a_command_says_what_to_do(plane: Plane) -> None:
    pod = await plane.run_pod("image", container={"command": [], "image": "nginx"})
    waiting = await plane.until_waiting(pod, "ImageNotRunnable")
    assert "nginx" in waiting["message"]
    assert "set `command`" in waiting["message"]


async def test_a_crashing_program_restarts_and_then_waits(plane: Plane) -> None:
    pod = await plane.run_pod("crash", "sh", "-c", "echo boom; exit 3")
    waiting = await plane.until_waiting(pod, "CrashLoopBackOff")
    container = plane.container(pod)
    assert waiting["message"].startswith("back-off 10s restarting failed container=main")
    assert container["restartCount"] == 1
    assert container["lastState"]["terminated"]["exitCode"] == 3
    await plane.until_event("crash", "BackOff")


async def test_a_pod_that_never_gets_ready_says_why(plane: Plane) -> None:
    probe = {"httpGet": {"port": 9, "path": "/ready"}, "periodSeconds": 1}
    pod = await plane.run_pod("deaf", "sleep", "4321", container={"readinessProbe": probe})
    event = await plane.until_event("deaf", "Unhealthy")
    address = plane.status(pod)["podIP"]
    assert event.message.startswith(f'Readiness probe failed: Get "http://{address}:9/ready"')
    assert "connection refused" in event.message
    assert plane.container(pod)["ready"] is False
    assert plane.container(pod)["started"] is True


async def test_a_pod_is_ready_once_its_probe_passes(plane: Plane) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/box/ready"]}, "periodSeconds": 1}
    pod = await plane.run_pod(
        "slow",
        "sh",
        "-c",
        "sleep 0.5; touch /tmp/box/ready; sleep 4321",
        container={
            "readinessProbe": probe,
            "volumeMounts": [{"name": "box", "mountPath": "/tmp/box"}],
        },
        volumes=[{"name": "box", "emptyDir": {}}],
    )
    await plane.until_ready(pod)


async def test_a_mount_beside_thousands_of_files_costs_no_probe_its_second(
    plane: Plane, tmp_path: Path
) -> None:
    for number in range(3000):
        (tmp_path / f"e{number}").mkdir()
    (tmp_path / "e7" / "word").write_text("here")
    box = tmp_path / "box"
    command = ["sh", "-c", f"test -e {box}/ready && grep here {tmp_path}/e7/word"]
    pod = await plane.run_pod(
        "crowded",
        "sh",
        "-c",
        f"touch {box}/ready; sleep 4321",
        container={
            "readinessProbe": {"exec": {"command": command}, "periodSeconds": 1},
            "volumeMounts": [{"name": "box", "mountPath": str(box)}],
        },
        volumes=[{"name": "box", "emptyDir": {}}],
    )
    await plane.until_ready(pod)
    assert not box.exists()


async def test_a_program_that_is_not_alive_is_restarted(plane: Plane) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
    pod = await plane.run_pod("dead", "sleep", "4321", container={"livenessProbe": probe})
    event = await plane.until_event("dead", "Killing")
    assert event.message == "Container main failed liveness probe, will be restarted"
    await plane.until(lambda: plane.container(pod).get("restartCount"), "a restart")


async def test_init_containers_run_first_and_in_order(plane: Plane) -> None:
    mount = [{"name": "box", "mountPath": "/box"}]
    inits = [
        {"name": name, "image": "x", "command": ["sh", "-c", f"echo {name} >> /box/order"]}
        for name in ("first", "second")
    ]
    pod = await plane.run_pod(
        "ordered",
        "sh",
        "-c",
        "cat /box/order > /dev/termination-log",
        restartPolicy="Never",
        initContainers=[{**init, "volumeMounts": mount} for init in inits],
        container={"volumeMounts": mount},
        volumes=[{"name": "box", "emptyDir": {}}],
    )
    container = await plane.until_phase(pod, "Succeeded")
    assert container["state"]["terminated"]["message"] == "first\nsecond\n"


async def test_a_deleted_pod_ends_in_its_own_time_and_leaves_nothing(plane: Plane) -> None:
    pod = await plane.run_pod("polite", "sh", "-c", OBEDIENT)
    await plane.until_ready(pod)
    await plane.delete_pod(pod)
    assert leftovers(plane) == []


async def test_a_deleted_pod_that_does_not_end_is_killed_after_its_grace(plane: Plane) -> None:
    pod = await plane.run_pod("stubborn", "sh", "-c", STUBBORN)
    await plane.until_ready(pod)
    await plane.delete_pod(pod, grace=1)
    assert plane.processes() == []
    assert leftovers(plane) == []


async def test_a_pod_deleted_by_force_leaves_no_process(plane: Plane) -> None:
    pod = await plane.run_pod("forced", "sh", "-c", STUBBORN)
    await plane.until_ready(pod)
    await plane.delete_pod(pod, grace=0)
    await plane.until_no_process()


async def test_the_pre_stop_hook_runs_before_the_program_is_asked_to_stop(
    plane: Plane, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    hook = {"exec": {"command": ["sh", "-c", f"echo hook >> {told}"]}}
    script = f"trap 'echo term >> {told}; exit 0' TERM; while :; do sleep 0.1; done"
    pod = await plane.run_pod(
        "hooked", "sh", "-c", script, container={"lifecycle": {"preStop": hook}}
    )
    await plane.until_ready(pod)
    await plane.delete_pod(pod)
    assert told.read_text() == "hook\nterm\n"


async def test_a_pod_that_asks_for_more_than_the_machine_has_fails_with_the_arithmetic(
    plane: Plane,
) -> None:
    asked = {"resources": {"requests": {"memory": "900Gi"}}}
    pod = await plane.run_pod("huge", "sleep", "4321", container=asked)
    await plane.until_phase(pod, "Failed")
    assert plane.status(pod)["reason"] == "OutOfmemory"
    assert f"requested: {900 * 1024**3}, used: 0" in plane.status(pod)["message"]


async def test_a_container_whose_definition_changed_is_restarted(plane: Plane) -> None:
    pod = await plane.run_pod("patched", "sleep", "4321")
    await plane.until_ready(pod)
    patch = [{"op": "replace", "path": "/spec/containers/0/image", "value": "y"}]
    await plane.client.patch(PODS, pod, Change(patch, "json"))
    await plane.until(lambda: plane.container(pod).get("restartCount") == 1, "a restart")
