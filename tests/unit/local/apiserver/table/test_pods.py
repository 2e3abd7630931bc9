"""The STATUS of a pod in one word."""

from typing import Any

import pytest

from kaito.local.apiserver.table.pods import pod_reason

RUNNING = {"ready": True, "state": {"running": {}}}
READY = [{"type": "Ready", "status": "True"}]


def ended(code: int, **more: Any) -> dict[str, Any]:
    return {"state": {"terminated": {"exitCode": code, **more}}}


def waiting(reason: str) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason}}}


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({"phase": "Pending"}, "Pending"),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        ({"phase": "Running", "containerStatuses": [RUNNING]}, "Running"),
        ({"phase": "Running", "containerStatuses": [waiting("CrashLoopBackOff")]},
         "CrashLoopBackOff"),
        ({"phase": "Succeeded", "containerStatuses": [ended(0, reason="Completed")]}, "Completed"),
        ({"phase": "Failed", "containerStatuses": [ended(3)]}, "ExitCode:3"),
        ({"phase": "Failed", "containerStatuses": [ended(137, signal=9)]}, "Signal:9"),
        ({"phase": "Running", "conditions": READY,
          "containerStatuses": [RUNNING, ended(0, reason="Completed")]}, "Running"),
        ({"phase": "Running", "containerStatuses": [RUNNING, ended(0, reason="Completed")]},
         "NotReady"),
        ({"phase": "Pending", "initContainerStatuses": [RUNNING]}, "Init:0/2"),
        ({"phase": "Pending", "initContainerStatuses": [ended(0), waiting("PodInitializing")]},
         "Init:1/2"),
        ({"phase": "Pending", "initContainerStatuses": [ended(1)]}, "Init:ExitCode:1"),
        ({"phase": "Pending", "initContainerStatuses": [waiting("ImageNotRunnable")]},
         "Init:ImageNotRunnable"),
    ],
)  # fmt: skip
def test_the_reason_that_tells_most(status: dict[str, Any], word: str) -> None:
    spec: dict[str, Any] = {"containers": [{}], "initContainers": [{}, {}]}
    assert pod_reason({"spec": spec, "status": status}) == word


def test_a_deleted_pod_is_terminating_unless_it_has_ended() -> None:
    meta = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert pod_reason({"metadata": meta, "status": {"phase": "Running"}}) == "Terminating"
    lost = {"phase": "Running", "reason": "NodeLost"}
    assert pod_reason({"metadata": meta, "status": lost}) == "Unknown"
