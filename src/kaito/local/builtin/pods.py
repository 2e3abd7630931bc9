"""What workloads ask about pods: which count, which are available, which to give up first."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from kaito.api.core import PODS, Pod
from kaito.api.meta import Object
from kaito.kube.controller.decision import Create, Delete, Note
from kaito.local.builtin.status import find_condition

_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def is_active(pod: Pod) -> bool:
    """Whether the pod still counts: neither ended nor going away."""
    return not pod.is_finished and not pod.metadata.is_deleting


def ready_since(pod: Pod) -> datetime | None:
    """Since when the pod has been ready; None when it is not."""
    found = find_condition(pod.status.conditions, "Ready")
    if found is None or not found.is_true or pod.metadata.is_deleting:
        return None
    return found.last_transition_time or pod.metadata.creation_timestamp


def available_at(pod: Pod, min_ready_seconds: int) -> datetime | None:
    """When the pod counts, or will count, as available; None while it is not ready."""
    since = ready_since(pod)
    return since + timedelta(seconds=min_ready_seconds) if since is not None else None


def is_available(pod: Pod, min_ready_seconds: int, now: datetime) -> bool:
    """Whether the pod has been ready for long enough."""
    if not min_ready_seconds:
        return pod.is_ready and not pod.metadata.is_deleting
    moment = available_at(pod, min_ready_seconds)
    return moment is not None and moment <= now


def seconds_to_available(
    pods: Iterable[Pod], min_ready_seconds: int, now: datetime
) -> float | None:
    """Seconds until the next ready pod becomes available; None when none is on the way."""
    if not min_ready_seconds:
        return None
    moments = (available_at(pod, min_ready_seconds) for pod in pods)
    ahead = [(moment - now).total_seconds() for moment in moments if moment and moment > now]
    return min(ahead, default=None)


def by_dispensability(pod: Pod) -> tuple[bool, int, bool, float, str]:
    """Sort key: the pods to give up first come first.

    Kubernetes' order: not yet placed, not yet running, not ready, then the youngest.
    """
    created = pod.metadata.creation_timestamp
    return (
        bool(pod.spec.node_name),
        _PHASES.get(pod.status.phase, 0),
        pod.is_ready,
        -created.timestamp() if created else 0.0,
        pod.metadata.name,
    )


def create_pod(owner: Object, manifest: dict[str, object], name: str) -> Create:
    """Create a pod for its owner, with the event that Kubernetes writes about it."""
    note = Note(about=owner, reason="SuccessfulCreate", message=f"Created pod: {name}")
    return Create(resource=PODS, manifest=manifest, note=note)


def delete_pod(owner: Object, pod: Pod) -> Delete:
    """Delete a pod of an owner, with the event that Kubernetes writes about it."""
    note = Note(about=owner, reason="SuccessfulDelete", message=f"Deleted pod: {pod.metadata.name}")
    return Delete(resource=PODS, key=pod.key, uid=pod.metadata.uid, note=note)
