"""Pause and resume: `spec.suspend` of the Job follows the workspace's annotation. Pure.

A pause is always carried out, whatever the plan says. A resume waits for two things: that no pod
from before the pause still saves (Kubernetes 1.36 starts the next one beside it, and two trainers
would write the same checkpoints; where its end is counted later, as a failed try of the next), and,
where the Workspace is refused as it is now, that the Job is what it asks for: its pods would read
what was refused.
"""

from kaito.api import labels
from kaito.api.core import JOBS, Job, Pod
from kaito.api.meta import Manifest
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.tuning_pods import job_pods, nodes_of
from kaito.kube.controller.decision import Note, Patch
from kaito.render.tuning import is_paused, is_same_work, keeps_results, work_hash
from kaito.render.tuning_group import backoff_limit


def decide_pause(observed: Observed, *, is_refused: bool = False) -> tuple[Patch, ...]:
    """Have the Job follow the annotation, where it can; `is_refused`: there is no plan now."""
    job, workspace = observed.owned_job, observed.workspace
    wish = is_paused(workspace)
    if job is None or job.metadata.is_deleting or _is_over(job) or job.spec.suspend == wish:
        return ()
    if wish:
        return (_patch(observed, job, {"suspend": True}, "TuningPaused"),)
    if wait_of_resume(observed, is_refused=is_refused):
        return ()
    # Pods that a pause ended may be counted as failed: tries are counted from here on.
    limit = backoff_limit(nodes_of(job)) + job.status.failed
    return (_patch(observed, job, {"suspend": False, "backoffLimit": limit}, "TuningResumed"),)


def wait_of_resume(observed: Observed, *, is_refused: bool = False) -> str:
    """What a Job that should go on and is suspended still waits for; empty: nothing."""
    job = observed.owned_job
    if job is None:
        return ""
    if leaving := [pod.metadata.name for pod in job_pods(observed, job) if _is_leaving(pod)]:
        return f"pod {leaving[0]}, which saves and ends"
    uncounted = job.status.uncounted_terminated_pods
    if uncounted.failed or uncounted.succeeded:
        return "the pods of before the pause to be counted"
    return "that to be mended" if is_refused and not _is_asked_for(observed, job) else ""


def tell_job(observed: Observed) -> str:
    """What becomes of the Job while the Workspace is refused as it is now; it goes on."""
    job = observed.owned_job
    if is_paused(observed.workspace):
        return "the job is paused" if job and job.spec.suspend else "the job is being paused"
    if job is None or not job.spec.suspend:
        return "the job that was started before goes on"
    wait = wait_of_resume(observed, is_refused=True)
    return f"the job stays paused and waits for {wait}" if wait else "the job goes on"


def _patch(observed: Observed, job: Job, spec: Manifest, reason: str) -> Patch:
    tuning = observed.workspace.tuning
    if reason == "TuningResumed":
        message = "goes on from its last checkpoint"
    elif tuning is not None and keeps_results(tuning):
        message = "its checkpoint stays on the output volume"
    else:
        message = "without an output volume it will begin anew"
    note = Note(about=observed.workspace, reason=reason, message=message)
    return Patch(resource=JOBS, key=job.key, patch={"spec": spec}, note=note)


def _is_asked_for(observed: Observed, job: Job) -> bool:
    made_of = job.metadata.annotations.get(labels.TUNING_HASH, "")
    return is_same_work(made_of, work_hash(observed.workspace, observed.config_data))


def _is_over(job: Job) -> bool:
    return any(c.is_true and c.type in ("Complete", "Failed") for c in job.status.conditions)


def _is_leaving(pod: Pod) -> bool:
    """Whether it has not ended, or its end is not counted.

    https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-tracking-with-finalizers
    """
    return not pod.is_finished or labels.JOB_TRACKING in pod.metadata.finalizers
