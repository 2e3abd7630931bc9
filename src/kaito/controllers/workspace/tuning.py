"""A tuning Workspace from what was observed to what to do: nodes, the Job, one status. Pure.

| condition | holds when | waits for |
|---|---|---|
| ResourceReady | as for inference | nodes |
| JobStarted | the Job is there and was not given up | the earlier Job's end, the Secret |
| WorkspaceReady, WorkspaceSucceeded | the adapter is where it should go | training |

`WorkspaceSucceeded` False names the cause of a failure; a Job that tries again is Running. Work
that is done is never done twice: the Job, and the status after it, carry the hash of what it was.
"""

from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from kaito.api import conditions, labels
from kaito.api.meta import Condition
from kaito.api.workspace import (
    JOB_STARTED,
    WORKSPACE_READY,
    WORKSPACE_SUCCEEDED,
    WORKSPACES,
    PlanStatus,
    TuningStatus,
    WorkspaceState,
)
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.resource_ready import (
    decide_refused,
    decide_resources,
    delete_made,
)
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.controllers.workspace.step import WAITING_REASONS, Step, holds, lacks
from kaito.controllers.workspace.tuning_job import JobStep, decide_job, name_conflict, started
from kaito.controllers.workspace.tuning_pause import decide_pause, tell_job
from kaito.controllers.workspace.tuning_plan import (
    CONFIG_NOT_FOUND,
    decide_training_config,
    lacks_config,
    plan_tuning,
    to_tuning_plan_status,
)
from kaito.controllers.workspace.tuning_report import keep_report
from kaito.controllers.workspace.tuning_service import decide_group_service
from kaito.controllers.workspace.tuning_status import derive_tuning_status
from kaito.controllers.workspace.tuning_verdict import DONE, Verdict, judge_job
from kaito.controllers.workspace.tuning_words import LONGEST_MESSAGE
from kaito.kube.controller.decision import Action, Decision, Note, StatusWrite
from kaito.planner.plan import INSUFFICIENT_MEMORY, Refusal
from kaito.provision.port import Wanted
from kaito.render.placement import node_labels
from kaito.render.tuning import TunedModel, is_same_work, render_job, work_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What the steps have come to."""

    steps: tuple[Step, ...] = ()
    verdict: Verdict
    plan: PlanStatus | None = None
    count: int = 0
    notes: tuple[Note, ...] = ()


def decide_tuning(observed: Observed, settings: WorkspaceSettings, now: datetime) -> Decision:
    """One pass over a Workspace that is not being deleted; its finalizer comes before all of it."""
    outcome = _fold(observed, settings)
    found = tuple(c for step in outcome.steps for c in step.conditions)
    found = (*found, *_summaries(outcome.verdict))
    actions: tuple[Action, ...] = tuple(a for step in outcome.steps for a in step.actions)
    return Decision(
        actions=(*actions, *keep_report(observed)),
        status=_status(observed, outcome, found, now),
        notes=(*outcome.notes, *_news(observed, outcome.verdict)),
        why=tuple(f"{c.type}={c.status}: {c.reason}: {c.message}" for c in found),
    )


def _fold(observed: Observed, settings: WorkspaceSettings) -> _Outcome:
    if _is_done(observed):
        return _done(observed, settings)
    if observed.owned_job is None and (broken := settings.judge(observed.workspace)):
        # What runs already was admitted once; later rules are no reason to end it.
        return _refused(observed, Refusal("InvalidWorkspace", "; ".join(map(str, broken))))
    if lacks_config(observed) and (going_on := _going_on(observed)):
        return going_on
    config = decide_training_config(observed)
    if isinstance(config, Refusal):
        return _refused(observed, config)
    planned = plan_tuning(observed, config, settings)
    if isinstance(planned, Refusal):
        return _admitted(observed, planned) or _refused(observed, planned)
    return _run(observed, planned, settings)


def _is_done(observed: Observed) -> bool:
    """Whether the result of this very work is there already, with or without its Job."""
    if lacks_config(observed):
        return _was_done(observed)
    current = work_hash(observed.workspace, observed.config_data)
    job = observed.owned_job
    # A Job that goes, for whatever reason, says nothing any more; what it came to was written down.
    if job is not None and not job.metadata.is_deleting:
        made_of = job.metadata.annotations.get(labels.TUNING_HASH, "")
        return judge_job(observed).state == DONE and is_same_work(made_of, current)
    status = observed.workspace.status
    succeeded = conditions.is_true(status.conditions, WORKSPACE_SUCCEEDED)
    made_of = status.plan.inputs_hash if status.plan else ""
    return succeeded and is_same_work(made_of, current)


def _was_done(observed: Observed) -> bool:
    """Whether it had succeeded before its settings went away, and nothing was edited since."""
    workspace = observed.workspace
    succeeded = conditions.find(workspace.status.conditions, WORKSPACE_SUCCEEDED)
    return (
        succeeded is not None
        and succeeded.is_true
        and succeeded.observed_generation == workspace.metadata.generation
    )


def _done(observed: Observed, settings: WorkspaceSettings) -> _Outcome:
    """Nodes that were made for the work are given back: they cost, and nothing needs them."""
    status = observed.workspace.status
    going = {
        item.metadata.name
        for item in (*observed.supply.claims, *observed.supply.pools)
        if item.metadata.is_deleting
    }
    made = settings.provisioner.belongings(observed.supply)
    returned = tuple(delete_made(each) for each in made if each.name not in going)
    step = Step(
        actions=returned,
        conditions=(holds(JOB_STARTED, "WorkspaceTuningJobStatusStarted"),),
        nodes=(),
    )
    verdict = judge_job(observed)
    if verdict.state != DONE:
        old = conditions.find(status.conditions, WORKSPACE_SUCCEEDED)
        verdict = Verdict(state=DONE, message=old.message if old else "")
    return _Outcome(steps=(step,), verdict=verdict, plan=status.plan, count=0)


def _going_on(observed: Observed) -> _Outcome | None:
    """A trainer that runs has read its settings: that they are gone now changes nothing for it.

    Not where the Workspace was edited since, or where a pod cannot start without them.
    """
    workspace, job = observed.workspace, observed.owned_job
    told = conditions.find(workspace.status.conditions, WORKSPACE_READY)
    is_same = (
        told is not None
        and told.reason != CONFIG_NOT_FOUND
        and told.observed_generation == workspace.metadata.generation
    )
    if job is None or job.metadata.is_deleting or not is_same:
        return None
    verdict = judge_job(observed)
    if verdict.state == "waiting":
        return None
    status = workspace.status
    return _Outcome(
        steps=(Step(conditions=(started(verdict),), actions=decide_pause(observed)),),
        verdict=verdict,
        plan=status.plan,
        count=status.target_node_count,
    )


def _admitted(observed: Observed, refusal: Refusal) -> _Outcome | None:
    """Work that runs was judged before: that a later release reckons with more memory ends nothing.

    What was refused for an edit stays refused.
    """
    job = observed.owned_job
    told = conditions.find(observed.workspace.status.conditions, WORKSPACE_READY)
    if job is None or told is None or refusal.reason != INSUFFICIENT_MEMORY:
        return None
    made_of = job.metadata.annotations.get(labels.TUNING_HASH, "")
    if told.reason == refusal.reason or made_of != work_hash(
        observed.workspace, observed.config_data
    ):
        return None
    return _going_on(observed)


def _refused(observed: Observed, refusal: Refusal) -> _Outcome:
    """Nothing is started; a Job of earlier settings goes on, and what is known of it stays."""
    step = decide_refused(refusal.reason, refusal.message)
    step = replace(step, actions=decide_pause(observed, is_refused=True))
    is_waiting = refusal.reason in WAITING_REASONS
    told = f"; {tell_job(observed)}" if _goes_on(observed) else ""
    verdict = Verdict(
        state="waiting" if is_waiting else "failed",
        reason=refusal.reason,
        message=f"{refusal.message}{told}",
        is_refusal=True,
    )
    status = observed.workspace.status
    return _Outcome(
        steps=(step,), verdict=verdict, plan=status.plan, count=status.target_node_count
    )


def _goes_on(observed: Observed) -> bool:
    """Whether a Job is there that has not come to an end; it may be paused."""
    job = observed.owned_job
    if job is None or job.metadata.is_deleting:
        return False
    return judge_job(observed).state not in (DONE, "failed")


def _run(observed: Observed, model: TunedModel, settings: WorkspaceSettings) -> _Outcome:
    wanted = _wanted(observed, model)
    resources = decide_resources(observed, wanted, settings)
    service = decide_group_service(observed, model.plan.nodes)
    if isinstance(service, str):
        job = name_conflict(service)
        job = replace(job, step=replace(job.step, actions=decide_pause(observed)))
    else:
        job = decide_job(
            observed,
            render_job(observed.workspace, model, settings.render),
            may_start=not resources.blocks,
        )
        job = replace(job, step=replace(job.step, actions=(*service, *job.step.actions)))
    verdict = _verdict(observed, resources, job)
    plan = to_tuning_plan_status(observed, model)
    return _Outcome(
        steps=(resources, job.step),
        verdict=verdict,
        plan=plan,
        count=model.plan.nodes,
        notes=_tell_plan(observed, model, plan),
    )


def _verdict(observed: Observed, resources: Step, job: JobStep) -> Verdict:
    if job.verdict is not None:
        return job.verdict
    if resources.blocks:
        lacking = next(c for c in reversed(resources.conditions) if not c.is_true)
        return Verdict(state="waiting", reason=lacking.reason, message=lacking.message)
    return judge_job(observed)


def _wanted(observed: Observed, model: TunedModel) -> Wanted:
    workspace = observed.workspace
    annotations = workspace.metadata.annotations
    return Wanted(
        owner=workspace,
        count=model.plan.nodes,
        takes_turns=False,
        instance_type=workspace.resource.instance_type if workspace.resource else "",
        labels=node_labels(workspace),
        memory_bytes=model.plan.memory_bytes,
        storage_bytes=model.plan.disk_bytes,
        gpus_per_node=model.plan.gpus,
        gpu_resource=model.plan.gpu_resource,
        node_class=annotations.get(labels.NODE_CLASS_NAME, ""),
        image_family=annotations.get(labels.NODE_IMAGE_FAMILY, ""),
    )


def _summaries(verdict: Verdict) -> tuple[Condition, ...]:
    if verdict.state == DONE:
        return (
            holds(WORKSPACE_READY, "workspaceSucceeded", verdict.message),
            holds(WORKSPACE_SUCCEEDED, "workspaceSucceeded", verdict.message),
        )
    pending = verdict.state != "failed"
    return (
        lacks(WORKSPACE_READY, verdict.reason, verdict.message),
        lacks(
            WORKSPACE_SUCCEEDED,
            "workspacePending" if pending else verdict.reason,
            verdict.message,
        ),
    )


def _status(
    observed: Observed, outcome: _Outcome, found: tuple[Condition, ...], now: datetime
) -> StatusWrite | None:
    workspace = observed.workspace
    old = workspace.status
    merged = conditions.merge(
        old.conditions, found, now=now, generation=workspace.metadata.generation
    )
    nodes = next((s.nodes for s in outcome.steps if s.nodes is not None), old.worker_nodes)
    new = msgspec.structs.replace(
        old,
        state=_state(observed, outcome.verdict),
        worker_nodes=tuple(sorted(nodes)),
        target_node_count=outcome.count,
        plan=outcome.plan,
        tuning=_tuning(observed, outcome.verdict),
        conditions=merged,
    )
    if new == old:
        return None
    return StatusWrite(
        resource=WORKSPACES,
        key=workspace.key,
        resource_version=workspace.metadata.resource_version,
        verdict=WORKSPACE_READY,
        # Written out in full: a field left out of a merge patch would keep its old value.
        status={
            "state": new.state,
            "workerNodes": list(new.worker_nodes),
            "targetNodeCount": new.target_node_count,
            "plan": msgspec.to_builtins(new.plan),
            "tuning": _in_full(new.tuning, old.tuning),
            "conditions": msgspec.to_builtins(new.conditions),
        },
    )


def _tuning(observed: Observed, verdict: Verdict) -> TuningStatus | None:
    if verdict.is_refusal and observed.owned_job is None:
        # Figures of earlier work stay until there are others.
        before = observed.workspace.status.tuning or TuningStatus()
        phase = "Failed" if verdict.state == "failed" else "Waiting"
        return msgspec.structs.replace(before, phase=phase, message=verdict.message)
    if verdict.is_refusal and _goes_on(observed):
        going = derive_tuning_status(observed, judge_job(observed))
        return msgspec.structs.replace(going, message=verdict.message[:LONGEST_MESSAGE])
    return derive_tuning_status(observed, verdict)


def _in_full(new: TuningStatus | None, old: TuningStatus | None) -> dict[str, object] | None:
    """What is no longer said is removed, field by field."""
    if new is None:
        return None
    said: dict[str, object] = msgspec.to_builtins(new)
    before: dict[str, object] = msgspec.to_builtins(old) if old else {}
    return {**dict.fromkeys(before.keys() - said.keys()), **said}


def _state(observed: Observed, verdict: Verdict) -> WorkspaceState:
    """Pending, Running, Succeeded, Failed (spec section 1.6); Failed only when nothing goes on."""
    if verdict.is_refusal and _goes_on(observed):
        verdict = judge_job(observed)
    if verdict.state == DONE:
        return "Succeeded"
    if verdict.state == "failed":
        return "Failed"
    if verdict.state == "running":
        return "Running"
    has_run = observed.workspace.status.state == "Running" and observed.owned_job is not None
    return "Running" if has_run else "Pending"


def _tell_plan(observed: Observed, model: TunedModel, plan: PlanStatus) -> tuple[Note, ...]:
    old = observed.workspace.status.plan
    if old is not None and _shown(old) == _shown(plan):
        return ()
    reason = "Planned" if old is None else "PlanChanged"
    return (Note(about=observed.workspace, reason=reason, message=model.plan.summary),)


def _shown(plan: PlanStatus) -> PlanStatus:
    return msgspec.structs.replace(plan, inputs_hash="")


def _news(observed: Observed, verdict: Verdict) -> tuple[Note, ...]:
    """An event when it succeeds, fails, or a try ends; how far it is stands in the status."""
    workspace = observed.workspace
    old = conditions.find(workspace.status.conditions, WORKSPACE_READY)
    reason = "workspaceSucceeded" if verdict.state == DONE else verdict.reason
    if old is not None and old.reason == reason:
        return ()
    if verdict.state == DONE:
        return (Note(about=workspace, reason="TuningSucceeded", message=verdict.message),)
    if reason in WAITING_REASONS:
        return ()
    return (Note(about=workspace, reason=reason, message=verdict.message, type="Warning"),)
