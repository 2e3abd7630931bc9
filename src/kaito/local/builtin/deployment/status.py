"""What a Deployment reports: counts, Available and Progressing, in kubectl's words."""

from datetime import datetime, timedelta

import msgspec

from kaito.local.builtin.deployment.observed import Observed
from kaito.local.builtin.deployment.replicasets import Generations, Limits
from kaito.local.builtin.kinds import DeploymentCondition, DeploymentStatus
from kaito.local.builtin.status import find_condition, whole_seconds, with_condition

_LEAST_PERIOD = 1.0
"""Seconds; never look again sooner than this at a deadline."""


def derive_status(
    observed: Observed, generations: Generations, limits: Limits, *, now: datetime
) -> DeploymentStatus:
    """The status that the ReplicaSets amount to."""
    found = observed.deployment
    counts = _count(observed, generations)
    conditions = found.status.conditions
    for new in (_available(counts, limits), _progressing(observed, generations, counts, now)):
        if new is not None:
            conditions = _set(conditions, new, now)
    return msgspec.structs.replace(counts, conditions=conditions)


def seconds_to_deadline(
    status: DeploymentStatus, observed: Observed, now: datetime
) -> float | None:
    """When the rollout has to have moved; None when it is done, given up, or waits for nothing."""
    progressing = find_condition(status.conditions, "Progressing")
    if progressing is None or progressing.reason in _SETTLED or not progressing.last_update_time:
        return None
    limit = timedelta(seconds=observed.deployment.spec.progress_deadline_seconds)
    ahead = (progressing.last_update_time + limit - now).total_seconds()
    return max(ahead, _LEAST_PERIOD)


_SETTLED = frozenset({"NewReplicaSetAvailable", "ProgressDeadlineExceeded", "DeploymentPaused"})


def _count(observed: Observed, generations: Generations) -> DeploymentStatus:
    states = [r.status for r in generations.all]
    available = sum(s.available_replicas for s in states)
    total = sum(r.spec.replicas for r in generations.all)
    return DeploymentStatus(
        observed_generation=observed.deployment.metadata.generation,
        replicas=sum(s.replicas for s in states),
        updated_replicas=generations.new.status.replicas if generations.new else 0,
        ready_replicas=sum(s.ready_replicas for s in states),
        available_replicas=available,
        unavailable_replicas=max(total - available, 0),
    )


def _available(counts: DeploymentStatus, limits: Limits) -> DeploymentCondition:
    if counts.available_replicas >= limits.least:
        return DeploymentCondition(
            type="Available",
            status="True",
            reason="MinimumReplicasAvailable",
            message="Deployment has minimum availability.",
        )
    return DeploymentCondition(
        type="Available",
        status="False",
        reason="MinimumReplicasUnavailable",
        message="Deployment does not have minimum availability.",
    )


def _progressing(
    observed: Observed, generations: Generations, counts: DeploymentStatus, now: datetime
) -> DeploymentCondition | None:
    """None keeps what was reported before."""
    found = observed.deployment
    before = find_condition(found.status.conditions, "Progressing")
    if found.spec.paused:
        return _progress("Unknown", "DeploymentPaused", "Deployment is paused")
    if generations.new is None:
        return _progress("True", "NewReplicaSetCreated", "Creating a new replica set.")
    name = generations.new.metadata.name
    if _is_complete(observed, counts):
        return _progress(
            "True",
            "NewReplicaSetAvailable",
            f'ReplicaSet "{name}" has successfully progressed.',
        )
    if _has_moved(observed, counts) or before is None or before.reason == "DeploymentPaused":
        return _progress("True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
    if _is_late(before, observed, now):
        return _progress(
            "False",
            "ProgressDeadlineExceeded",
            f'ReplicaSet "{name}" has timed out progressing.',
        )
    return None


def _is_complete(observed: Observed, counts: DeploymentStatus) -> bool:
    wanted = observed.deployment.spec.replicas
    return counts.updated_replicas == counts.replicas == counts.available_replicas == wanted


def _has_moved(observed: Observed, counts: DeploymentStatus) -> bool:
    before = observed.deployment.status
    old, old_before = (
        counts.replicas - counts.updated_replicas,
        before.replicas - before.updated_replicas,
    )
    return (
        counts.updated_replicas > before.updated_replicas
        or old < old_before
        or counts.ready_replicas > before.ready_replicas
        or counts.available_replicas > before.available_replicas
        or counts.observed_generation > before.observed_generation
    )


def _is_late(before: DeploymentCondition, observed: Observed, now: datetime) -> bool:
    if before.reason in _SETTLED or before.last_update_time is None:
        return False
    limit = timedelta(seconds=observed.deployment.spec.progress_deadline_seconds)
    return now >= before.last_update_time + limit


def _progress(status: str, reason: str, message: str) -> DeploymentCondition:
    return DeploymentCondition(type="Progressing", status=status, reason=reason, message=message)


def _set(
    conditions: tuple[DeploymentCondition, ...], new: DeploymentCondition, now: datetime
) -> tuple[DeploymentCondition, ...]:
    """Set a condition; its update time moves only when it says something else, or progresses."""
    old = find_condition(conditions, new.type)
    same = old is not None and (old.status, old.reason) == (new.status, new.reason)
    if same and new.reason != "ReplicaSetUpdated":
        return conditions
    moment = whole_seconds(now)
    stamped = msgspec.structs.replace(new, last_transition_time=moment, last_update_time=moment)
    return with_condition(conditions, stamped)
