"""What to do about a Job: start pods, stop pods, say how it ended, and go when its time is up.

A failed pod is followed by the next one after 10 s, 20 s, 40 s, ... up to 6 minutes, as in
https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy.
"""

from datetime import datetime, timedelta
from itertools import islice

import msgspec

from kaito.api.core import JOBS, Job, JobStatus, Pod
from kaito.api.meta import Condition
from kaito.base.backoff import Backoff
from kaito.kube.controller.decision import NOTHING, Action, Decision, Delete, Note
from kaito.local.builtin import pods, templates
from kaito.local.builtin.job.indexes import index_of, next_pods, to_text
from kaito.local.builtin.job.observed import Observed
from kaito.local.builtin.job.verdict import Verdict, deadline_of, derive_verdict, finished
from kaito.local.builtin.status import (
    find_condition,
    status_write,
    whole_seconds,
    with_condition,
)

_FAILURE_BACKOFF = Backoff(base=10.0, cap=360.0)
_NO_JITTER = 1.0


def decide_job(observed: Observed, now: datetime) -> Decision:
    """One pass over one Job."""
    job = observed.job
    if job.metadata.is_deleting:
        return NOTHING
    if over := finished(job.status.conditions):
        return _decide_expiry(job, over, now)
    if verdict := derive_verdict(observed, now):
        return _decide_end(observed, verdict, now)
    if job.spec.suspend:
        return _decide_suspension(observed, now)
    return _decide_work(observed, now)


def _decide_expiry(job: Job, over: Condition, now: datetime) -> Decision:
    """Delete a Job that is over once its time to live is."""
    ttl, ended = job.spec.ttl_seconds_after_finished, over.last_transition_time
    if ttl is None or ended is None:
        return NOTHING
    left = (ended + timedelta(seconds=ttl) - now).total_seconds()
    if left > 0:
        return Decision(requeue_after=left)
    gone = Delete(resource=JOBS, key=job.key, uid=job.metadata.uid, propagation="Foreground")
    return Decision(actions=(gone,), why=(f"ended more than {ttl} s ago",))


def _decide_end(observed: Observed, verdict: Verdict, now: datetime) -> Decision:
    """Stop what still runs, announce the end, and declare it once everything has stopped."""
    job = observed.job
    reported = (verdict.reason, verdict.message)
    conditions = _set(job.status.conditions, verdict.announcement, reported, now)
    over = not observed.active and not observed.leaving
    if over:
        conditions = _set(conditions, verdict.type, reported, now)
    status = msgspec.structs.replace(
        _count(observed, now),
        conditions=conditions,
        completion_time=whole_seconds(now) if over and verdict.type == "Complete" else None,
    )
    return Decision(
        actions=tuple(pods.delete_pod(job, pod) for pod in observed.active),
        status=status_write(JOBS, job, status),
        notes=(_farewell(job, verdict),) if over else (),
        why=(verdict.message,),
    )


def _decide_suspension(observed: Observed, now: datetime) -> Decision:
    """Stop everything and wait; the clock of the deadline starts afresh afterwards."""
    job = observed.job
    reported = ("JobSuspended", "Job suspended")
    conditions = _set(job.status.conditions, "Suspended", reported, now)
    status = msgspec.structs.replace(_count(observed, now), conditions=conditions, start_time=None)
    note = Note(about=job, reason="Suspended", message="Job suspended")
    return Decision(
        actions=tuple(pods.delete_pod(job, pod) for pod in observed.active),
        status=status_write(JOBS, job, status),
        notes=(note,) if conditions != job.status.conditions else (),
    )


def _decide_work(observed: Observed, now: datetime) -> Decision:
    """Keep as many pods going as are wanted at a time."""
    job = observed.job
    conditions = _resumed(job.status.conditions, now)
    status = msgspec.structs.replace(_count(observed, now), conditions=conditions)
    pause = _seconds_to_next_try(observed, now)
    deadline = deadline_of(observed)
    ahead = [(deadline - now).total_seconds()] if deadline else []
    note = Note(about=job, reason="Resumed", message="Job resumed")
    return Decision(
        actions=_plan_pods(observed, may_start=pause <= 0),
        status=status_write(JOBS, job, status),
        notes=(note,) if conditions != job.status.conditions else (),
        requeue_after=min([*ahead, *([pause] if pause > 0 else [])], default=None),
    )


def _plan_pods(observed: Observed, *, may_start: bool) -> tuple[Action, ...]:
    if observed.is_indexed:
        return _plan_indexed_pods(observed, may_start=may_start)
    job = observed.job
    active = observed.active
    wanted = _wanted_active(observed)
    surplus = sorted(active, key=pods.by_dispensability)[: max(len(active) - wanted, 0)]
    missing = max(wanted - len(active) - len(observed.leaving), 0) if may_start else 0
    names = templates.free_names(job, (pod.metadata.name for pod in observed.pods))
    return (
        *(pods.delete_pod(job, pod) for pod in surplus),
        *(
            pods.create_pod(job, templates.render_pod(job, job.spec.template, name), name)
            for name in islice(names, missing)
        ),
    )


def _plan_indexed_pods(observed: Observed, *, may_start: bool) -> tuple[Action, ...]:
    """One pod for each number that has not succeeded yet, the lowest first."""
    job = observed.job
    open_indexes = [
        i for i in range(job.spec.completions or 0) if i not in observed.succeeded_indexes
    ]
    kept: dict[int, Pod] = {}
    for pod in sorted(observed.active, key=_by_index):
        index = index_of(pod)
        if index in open_indexes and len(kept) < job.spec.parallelism:
            kept.setdefault(index, pod)
    surplus = [pod for pod in observed.active if pod not in kept.values()]
    held = {index_of(pod) for pod in observed.leaving} | kept.keys()
    missing = min(job.spec.parallelism, len(open_indexes)) - len(kept) - len(observed.leaving)
    free = (i for i in open_indexes if i not in held)
    made = next_pods(job, observed.pods, free, max(missing, 0) if may_start else 0)
    return (
        *(pods.delete_pod(job, pod) for pod in surplus),
        *(pods.create_pod(job, manifest, name) for name, manifest in made),
    )


def _by_index(pod: Pod) -> tuple[int, str]:
    index = index_of(pod)
    return (-1 if index is None else index, pod.metadata.name)


def _wanted_active(observed: Observed) -> int:
    spec = observed.job.spec
    if spec.completions is None:
        # A work queue: after the first success nothing new is started.
        return len(observed.active) if observed.succeeded else spec.parallelism
    return min(spec.parallelism, spec.completions - observed.succeeded)


def _seconds_to_next_try(observed: Observed, now: datetime) -> float:
    last = observed.last_failure
    if last is None:
        return 0.0
    delay = _FAILURE_BACKOFF.delay(max(observed.failed - 1, 0), lambda: _NO_JITTER)
    return (last - now).total_seconds() + delay


def _count(observed: Observed, now: datetime) -> JobStatus:
    status = observed.job.status
    return JobStatus(
        active=len(observed.active),
        ready=sum(pod.is_ready for pod in observed.active),
        succeeded=observed.succeeded,
        failed=observed.failed,
        completed_indexes=to_text(observed.succeeded_indexes) if observed.is_indexed else "",
        conditions=status.conditions,
        start_time=status.start_time or whole_seconds(now),
        completion_time=status.completion_time,
    )


def _resumed(conditions: tuple[Condition, ...], now: datetime) -> tuple[Condition, ...]:
    suspended = find_condition(conditions, "Suspended")
    if suspended is None or not suspended.is_true:
        return conditions
    return _set(conditions, "Suspended", ("JobResumed", "Job resumed"), now, status="False")


def _set(
    conditions: tuple[Condition, ...],
    type_: str,
    reported: tuple[str, str],
    now: datetime,
    *,
    status: str = "True",
) -> tuple[Condition, ...]:
    reason, message = reported
    new = Condition(
        type=type_,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=whole_seconds(now),
    )
    return with_condition(conditions, new)


def _farewell(job: Job, verdict: Verdict) -> Note:
    if verdict.type == "Complete":
        return Note(about=job, reason="Completed", message="Job completed")
    return Note(about=job, type="Warning", reason=verdict.reason, message=verdict.message)
