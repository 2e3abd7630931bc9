"""JobStarted: the Job is there, made from what the Workspace says now, and runs unless paused.

Two never run at once: a Job of other settings is deleted in the foreground, which takes its pods
along, and the next is created under its name only once nothing of it is left.
"""

from dataclasses import dataclass

from kaito.api import labels
from kaito.api.core import JOBS, Job
from kaito.api.meta import Condition, Manifest
from kaito.api.workspace import JOB_STARTED
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.step import Step, holds, lacks, say_taken
from kaito.controllers.workspace.tuning_pause import decide_pause
from kaito.controllers.workspace.tuning_pods import has_lost_first, nodes_of
from kaito.controllers.workspace.tuning_verdict import Verdict, judge_job
from kaito.kube.controller.decision import Create, Delete, Note

_PENDING = "WorkspaceTuningJobStatusPending"
_STARTED = "WorkspaceTuningJobStatusStarted"
_FAILED = "WorkspaceTuningJobStatusFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStep:
    """The step, and how the work stands where nodes are not all there is to say."""

    step: Step
    verdict: Verdict | None = None
    """None: what blocks before it counts."""


def decide_job(observed: Observed, wanted: Manifest, *, may_start: bool) -> JobStep:
    """Create, replace, pause or resume; `may_start` says that its node is ready."""
    job = observed.job
    if job is not None and observed.owned_job is None:
        return name_conflict(say_taken("Job", job.key))
    if job is None:
        return _create(observed, wanted, may_start=may_start)
    if job.metadata.is_deleting:
        return _lacks(_PENDING, "the job of the earlier settings is ending")
    if _made_from(job) != _to_make_from(wanted):
        return _replace(observed, job, "what it was made from has changed")
    if has_lost_first(observed, job):
        return _replace(observed, job, "its first pod was lost when the others had ended")
    verdict = judge_job(observed)
    step = Step(actions=decide_pause(observed), conditions=(started(verdict),))
    if verdict.state == "waiting" and not (may_start or job.spec.suspend):
        return JobStep(step=step)  # the node is what its pod waits for
    return JobStep(step=step, verdict=verdict)


def _create(observed: Observed, wanted: Manifest, *, may_start: bool) -> JobStep:
    left = [pod.metadata.name for pod in observed.pods if not pod.is_finished]
    if left:
        return _lacks(_PENDING, f"pod {left[0]} of an earlier job is ending")
    if not may_start:
        condition = lacks(JOB_STARTED, _PENDING, "the job waits for its node")
        return JobStep(step=Step(conditions=(condition,)))
    name = observed.workspace.metadata.name
    note = Note(about=observed.workspace, reason="JobCreated", message=f"Job {name} created")
    condition = lacks(JOB_STARTED, _PENDING, "the job is being created")
    create = Create(resource=JOBS, manifest=wanted, note=note)
    verdict = Verdict(state="waiting", reason=_PENDING, message="the job is being created")
    return JobStep(step=Step(actions=(create,), conditions=(condition,)), verdict=verdict)


def _replace(observed: Observed, job: Job, why: str) -> JobStep:
    message = f"Job {job.metadata.name} is made anew: {why}"
    note = Note(about=observed.workspace, reason="JobReplaced", message=message)
    delete = Delete(
        resource=JOBS, key=job.key, uid=job.metadata.uid, propagation="Foreground", note=note
    )
    verdict = Verdict(state="waiting", reason=_PENDING, message=message)
    condition = lacks(JOB_STARTED, _PENDING, message)
    return JobStep(step=Step(actions=(delete,), conditions=(condition,)), verdict=verdict)


def started(verdict: Verdict) -> Condition:
    """JobStarted, as the work stands."""
    if verdict.state == "failed":
        return lacks(JOB_STARTED, _FAILED, verdict.message)
    if verdict.state == "waiting":
        return lacks(JOB_STARTED, _PENDING, verdict.message)
    return holds(JOB_STARTED, _STARTED, "the job's pod has started")


def _lacks(reason: str, message: str, *, state: str = "waiting") -> JobStep:
    failed = state == "failed"
    verdict = Verdict(
        state="failed" if failed else "waiting", reason=reason, message=message, is_refusal=failed
    )
    condition = lacks(JOB_STARTED, _FAILED if failed else reason, message)
    return JobStep(step=Step(conditions=(condition,)), verdict=verdict)


def name_conflict(message: str) -> JobStep:
    """Something under one of our names is not ours."""
    return _lacks("NameConflict", message, state="failed")


def _made_from(job: Job) -> tuple[str, int]:
    return job.metadata.annotations.get(labels.TUNING_HASH, ""), nodes_of(job)


def _to_make_from(wanted: Manifest) -> tuple[str, int]:
    """Its work, and on how many nodes: pods on one that is given back would be lost."""
    made_of = str(wanted["metadata"]["annotations"][labels.TUNING_HASH])
    return made_of, int(wanted["spec"]["completions"])
