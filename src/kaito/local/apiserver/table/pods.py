"""The row of a Pod: its state in one word, as kubectl's users know it.

The word is what `printPod` of kubernetes/pkg/printers/internalversion derives: the reason that
tells most about why the pod is not simply running.
"""

from datetime import datetime
from typing import Any

from kaito.api.meta import Manifest
from kaito.local.apiserver.objects import is_deleting
from kaito.local.apiserver.table.cells import NONE, at, computed, text, timed
from kaito.local.apiserver.table.render import AGE, NAME, Cell, age_of


def pod_reason(pod: Manifest) -> str:
    """The STATUS column."""
    status = pod.get("status") or {}
    word = status.get("reason") or status.get("phase") or "Unknown"
    initializing = _init_reason(pod)
    word = initializing or _container_reason(status, word)
    if is_deleting(pod):
        if status.get("phase") in {"Succeeded", "Failed"} and not initializing:
            return word
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return word


def _init_reason(pod: Manifest) -> str:
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    total = len(spec.get("initContainers") or ())
    for index, container in enumerate(status.get("initContainerStatuses") or ()):
        state = container.get("state") or {}
        ended = state.get("terminated")
        if ended is not None and ended.get("exitCode") == 0:
            continue
        if ended is not None:
            return f"Init:{_ended(ended)}"
        waiting = (state.get("waiting") or {}).get("reason") or ""
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}"
        return f"Init:{index}/{total}"
    return ""


def _container_reason(status: Manifest, word: str) -> str:
    has_running = False
    for container in reversed(status.get("containerStatuses") or ()):
        state = container.get("state") or {}
        waiting = (state.get("waiting") or {}).get("reason")
        if waiting:
            word = waiting
        elif state.get("terminated") is not None:
            word = _ended(state["terminated"])
        elif container.get("ready") and state.get("running") is not None:
            has_running = True
    if word == "Completed" and has_running:
        return "Running" if _is_ready(status) else "NotReady"
    return word


def _ended(ended: Manifest) -> str:
    if reason := ended.get("reason"):
        return str(reason)
    if signal := ended.get("signal"):
        return f"Signal:{signal}"
    return f"ExitCode:{ended.get('exitCode', 0)}"


def _is_ready(status: Manifest) -> bool:
    conditions = status.get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _statuses(pod: Manifest) -> list[Any]:
    return list(at(pod, "status", "containerStatuses") or ())


def _ready(pod: Manifest) -> Cell:
    total = len(at(pod, "spec", "containers") or ())
    return f"{sum(bool(c.get('ready')) for c in _statuses(pod))}/{total}"


def _restarts(pod: Manifest, now: datetime) -> Cell:
    count = sum(int(c.get("restartCount") or 0) for c in _statuses(pod))
    ends = [at(c, "lastState", "terminated", "finishedAt") for c in _statuses(pod)]
    last = max((end for end in ends if end), default="")
    return f"{count} ({age_of(last, now)} ago)" if count and last else str(count)


def _gates(pod: Manifest) -> Cell:
    gates = at(pod, "spec", "readinessGates") or ()
    if not gates:
        return NONE
    conditions = {c["type"]: c["status"] for c in at(pod, "status", "conditions") or ()}
    passed = sum(conditions.get(gate["conditionType"]) == "True" for gate in gates)
    return f"{passed}/{len(gates)}"


POD_COLUMNS = (
    NAME,
    computed("Ready", _ready),
    computed("Status", pod_reason),
    timed("Restarts", _restarts),
    AGE,
    text("IP", "status", "podIP", wide=True),
    text("Node", "spec", "nodeName", wide=True),
    text("Nominated Node", "status", "nominatedNodeName", wide=True),
    computed("Readiness Gates", _gates, wide=True),
)
