"""How far a pod on its way says it is: its download, and a few words for a condition. Pure.

Of a download only visible steps are told: each is a write of the whole status.
"""

from kaito.api.core import Pod
from kaito.api.report import PodReport, StageReport
from kaito.api.workspace import TransferStatus
from kaito.controllers.workspace.observed import Observed

_STEPS = 25
"""A download is told in so many parts."""
_LONGEST_SOURCE = 200
_SAID = {
    "wait": "another pod is fetching the same weights",
    "look": "looking for the weights",
    "convert": "the weights are being converted",
    "check": "the weights are being checked",
    "import": "the engine is being imported",
    "load": "the engine is loading the model",
    "answer": "the engine answers its first request",
}


def pod_on_its_way(observed: Observed) -> Pod | None:
    """The pod that a start is about: the first that is not ready, else the newest."""
    waiting = (pod for pod in observed.pods if not pod.is_ready)
    return next(waiting, max(observed.pods, key=_created, default=None))


def find_report(observed: Observed, pod: Pod) -> PodReport | None:
    """What this very pod says of the stage that it is in."""
    meta = pod.metadata
    found = (r for r in observed.reports if r.key == meta.key and r.metadata.uid == meta.uid)
    # A report lags: what the weights' program last said is over once Kubernetes says so.
    program = "weights" if _is_fetching(pod) else "serving"
    return next((report for report in found if report.program == program), None)


def describe_progress(observed: Observed, pod: Pod) -> str:
    """How far the pod says it is, as the end of a message; empty where it says nothing."""
    report = find_report(observed, pod)
    running = _running(report)
    if report is None or running is None:
        return ""
    transfer = find_transfer(observed, pod)
    if transfer is not None:
        return describe_transfer(transfer)
    where = f": {running.item[:_LONGEST_SOURCE]}" if running.name == "look" and running.item else ""
    said = _SAID.get(running.name, "")
    return said + where if said else ""


def describe_transfer(transfer: TransferStatus) -> str:
    """`1.2 of 7.6 GB, 3 min left, from hub:microsoft/phi-4@main`."""
    parts = [_amount(transfer)]
    if transfer.eta_seconds:
        parts.append(f"{_rough(transfer.eta_seconds)} left")
    if transfer.source:
        parts.append(f"from {transfer.source}")
    return ", ".join(parts)


def _running(report: PodReport | None) -> StageReport | None:
    last = report.stages[-1] if report is not None and report.stages else None
    return None if last is None or last.is_over else last


def _is_fetching(pod: Pod) -> bool:
    ends = (status.state.terminated for status in pod.status.init_container_statuses)
    return any(end is None or end.exit_code for end in ends)


def _created(pod: Pod) -> float:
    created = pod.metadata.creation_timestamp
    return created.timestamp() if created else 0.0


def find_transfer(observed: Observed, pod: Pod) -> TransferStatus | None:
    """The download under way; what was said before, until it is a visible step further."""
    report = find_report(observed, pod)
    running = _running(report)
    if report is None or running is None or running.name != "download":
        return None
    source = next((s.item for s in reversed(report.stages) if s.name == "look"), "")
    new = TransferStatus(
        done=running.done,
        total=running.total,
        eta_seconds=max(running.eta_seconds, 0),
        source=source[:_LONGEST_SOURCE],
    )
    start = observed.workspace.status.start_up
    old = start.weights if start is not None else None
    is_same = old is not None and (old.total, old.source) == (new.total, new.source)
    if old is not None and is_same and 0 <= new.done - old.done < new.total / _STEPS:
        return old
    return new


def _amount(transfer: TransferStatus) -> str:
    is_large = max(transfer.total, transfer.done) >= 10**9
    unit, size = ("GB", 10**9) if is_large else ("MB", 10**6)
    done = f"{transfer.done / size:.1f}"
    return f"{done} of {transfer.total / size:.1f} {unit}" if transfer.total else f"{done} {unit}"


def _rough(seconds: int) -> str:
    """As exact as an estimate is: `40 s`, `3 min`, `1.5 h`."""
    if seconds < 90:
        return f"{max(round(seconds, -1), 10)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
