"""From what was observed of a Workspace to what to do about it. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from kaito.api import conditions, labels
from kaito.api import workspace as conditions_of
from kaito.api.field_error import FieldError
from kaito.api.inference_config import InferenceConfig
from kaito.api.meta import Condition, Manifest
from kaito.api.validation.judging import broken
from kaito.api.validation.object_name import WORKSPACE_NAME_RULES
from kaito.api.workspace import WORKSPACES, PlanStatus
from kaito.base.quantity import GIB, parse_bytes
from kaito.controllers.workspace.adapters import keeps_mounts, tell_adapters
from kaito.controllers.workspace.deleting import decide_deletion
from kaito.controllers.workspace.incomplete import give_back_incomplete
from kaito.controllers.workspace.inference_ready import (
    decide_config,
    decide_inference,
    keep_serving,
)
from kaito.controllers.workspace.mirror import PASSED_OVER, choose_mirror, with_mirror
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.plan_status import tell_plan
from kaito.controllers.workspace.planning import Planned, plan_preset
from kaito.controllers.workspace.resource_ready import decide_refused, decide_resources
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.controllers.workspace.start_up import derive_start_up, start_up_patch
from kaito.controllers.workspace.step import WAITING_REASONS, Step
from kaito.controllers.workspace.surge import FAILING, NO_ROOM
from kaito.controllers.workspace.surge_machine import tell_shortage, with_spare
from kaito.controllers.workspace.tuning import decide_tuning
from kaito.controllers.workspace.workspace_ready import derive_ready, derive_state
from kaito.kube.controller.decision import Decision, Note, Patch, StatusWrite
from kaito.planner.plan import Refusal, StartUp
from kaito.provision.port import Wanted
from kaito.render.adapters import mounts_for, mounts_of
from kaito.render.inference import render_preset, render_template, template_nodes
from kaito.render.placement import node_labels
from kaito.render.served_model import ServedModel
from kaito.render.stamp import is_current

_WHERE_ASKED_FOR = frozenset({conditions_of.ADAPTERS_READY, conditions_of.MODEL_MIRROR_READY})
"""Conditions that go when nothing is left that they could be about."""
_TOLD_WHILE_READY = frozenset({FAILING, NO_ROOM, PASSED_OVER})
"""Reasons that are news although the workspace answers."""
_TEMPLATE_DISK = 1024 * GIB
"""Disk of a node for a template, of which nothing is known: KAITO 0.12's (spec section 2.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the steps have come to, up to the first that blocks."""

    steps: tuple[Step, ...]
    plan: PlanStatus | None = None
    """The one in force."""
    count: int = 0
    """Nodes it needs."""
    predicted: StartUp | None = None
    """How long the plan expects a start to take."""
    notes: tuple[Note, ...] = ()


def decide(observed: Observed, settings: WorkspaceSettings, now: datetime) -> Decision:
    """Finalizer first, then the steps up to the first that blocks, then one status."""
    workspace = observed.workspace
    if workspace.metadata.is_deleting:
        return decide_deletion(observed, settings, now)
    if workspace.tuning is not None:
        return _adopted(observed, decide_tuning(observed, settings, now))
    return _adopted(observed, _decide_inference(observed, settings, now))


def _adopted(observed: Observed, rest: Decision) -> Decision:
    """Nothing may be made for a Workspace that could vanish without our hearing of it.

    The finalizer is put on the very revision that was read, and the rest is only done when that
    was granted: one pass from a new Workspace to its first NodeClaim.
    """
    meta = observed.workspace.metadata
    if labels.WORKSPACE_FINALIZER in meta.finalizers:
        return rest
    finalizers = [*meta.finalizers, labels.WORKSPACE_FINALIZER]
    patch = {"metadata": {"finalizers": finalizers, "resourceVersion": meta.resource_version}}
    gate = Patch(resource=WORKSPACES, key=meta.key, patch=patch, is_gate=True)
    return replace(rest, actions=(gate, *rest.actions))


def _decide_inference(observed: Observed, settings: WorkspaceSettings, now: datetime) -> Decision:
    outcome = _fold(observed, settings, now)
    found = tuple(c for step in outcome.steps for c in step.conditions)
    found = (*found, *derive_ready(found))
    return Decision(
        actions=tuple(action for step in outcome.steps for action in step.actions),
        status=_status(observed, outcome, found, now),
        notes=(*outcome.notes, *_transitions(observed, found)),
        requeue_after=min(
            (s.requeue_after for s in outcome.steps if s.requeue_after is not None), default=None
        ),
        why=tuple(f"{c.type}={c.status}: {c.reason}: {c.message}" for c in found),
    )


def _fold(observed: Observed, settings: WorkspaceSettings, now: datetime) -> Outcome:
    if faults := _refuse(observed, settings):
        return _blocked(observed, decide_refused("InvalidWorkspace", "; ".join(map(str, faults))))
    inference = observed.workspace.inference
    if inference is not None and inference.template is not None:
        return _run(observed, None, settings, now)
    config = decide_config(observed)
    if isinstance(config, Step):
        # The plan depends on it, so no machine is asked for before it can be read.
        return _blocked(observed, keep_serving(observed, config))
    planned = _planned(observed, config, settings)
    if isinstance(planned, Refusal):
        return _blocked(observed, decide_refused(planned.reason, planned.message))
    return _run(observed, planned, settings, now)


def _refuse(observed: Observed, settings: WorkspaceSettings) -> tuple[FieldError, ...]:
    """What admission would have refused, and keeps it from running.

    What runs already was admitted once; later rules are no reason to end it. A StatefulSet alone
    is no sign that it runs: under too long a name it is accepted, and its pods are not.
    """
    if observed.owned is None:
        return settings.judge(observed.workspace)
    if observed.pods:
        return ()
    return tuple(broken(WORKSPACE_NAME_RULES, observed.workspace))


def _planned(
    observed: Observed, config: InferenceConfig, settings: WorkspaceSettings
) -> Planned | Refusal:
    """The plan, with what its pods have for adapters beyond what is wanted.

    An adapter that is gone, or one more, restarts nothing: what the pod has for adapters stays, and
    so does the plan. The next pod, made for another reason, gets what is wanted then.
    """
    wanted, live = mounts_for(observed.workspace), observed.owned
    kept = wanted.merged(mounts_of(live)) if keeps_mounts(observed) else wanted
    planned = plan_preset(observed, config, settings, kept)
    if kept == wanted or (isinstance(planned, Planned) and _runs(observed, planned, settings)):
        return planned
    return plan_preset(observed, config, settings, wanted)


def _runs(observed: Observed, planned: Planned, settings: WorkspaceSettings) -> bool:
    model = with_mirror(planned.model, observed, choose_mirror(observed), settings.render)
    rendered = _render(observed, replace(planned, model=model), settings)
    return is_current(observed.owned, rendered)


def _blocked(observed: Observed, step: Step) -> Outcome:
    """Nothing is started; what runs by an earlier plan goes on, and so does that plan."""
    status = observed.workspace.status
    if observed.owned is None:
        return Outcome(steps=(step,))
    return Outcome(steps=(step,), plan=status.plan, count=status.target_node_count)


def _run(
    observed: Observed, planned: Planned | None, settings: WorkspaceSettings, now: datetime
) -> Outcome:
    # A mirror is waited for beside the nodes, so that neither waits for the other.
    mirror = choose_mirror(observed) if planned else None
    if planned is not None:
        model = with_mirror(planned.model, observed, mirror, settings.render)
        planned = replace(planned, model=model)
    manifest = None if mirror and mirror.blocks else _render(observed, planned, settings)
    wanted = with_spare(observed, manifest, _wanted(observed, planned), settings.provisioner)
    resources = decide_resources(observed, wanted, settings)
    resources = give_back_incomplete(observed, wanted, resources, settings, now=now)
    steps = [resources, *_told_of(observed, mirror)]
    if not resources.blocks and manifest is not None:
        room = tell_shortage(observed, wanted, settings.provisioner)
        steps.append(decide_inference(observed, manifest, find_shortage=room, now=now))
    if planned is None:
        return Outcome(steps=tuple(steps), count=wanted.count)
    notes = tell_plan(observed.workspace, planned.model.plan, planned.status)
    return Outcome(
        steps=tuple(steps),
        plan=planned.status,
        count=wanted.count,
        predicted=_predict(planned.model),
        notes=notes,
    )


def _told_of(observed: Observed, mirror: Step | None) -> tuple[Step, ...]:
    if mirror is None:
        return ()
    return (keep_serving(observed, mirror) if mirror.blocks else mirror,)


def _predict(model: ServedModel) -> StartUp | None:
    """What the plan expects of a start; a mirror's weights are not fetched."""
    expected = model.plan.start_up
    if expected is None or model.mirror is None:
        return expected
    return replace(expected, weights=0)


def _wanted(observed: Observed, planned: Planned | None) -> Wanted:
    workspace = observed.workspace
    plan = planned.model.plan if planned else None
    annotations = workspace.metadata.annotations
    return Wanted(
        owner=workspace,
        count=plan.nodes if plan else template_nodes(workspace),
        instance_type=workspace.resource.instance_type if workspace.resource else "",
        labels=node_labels(workspace),
        memory_bytes=plan.memory_bytes if plan else _template_memory(observed),
        storage_bytes=planned.model.disk_bytes if planned else _TEMPLATE_DISK,
        gpus_per_node=plan.gpus_per_node if plan else 0,
        gpu_resource=plan.gpu_resource if plan else labels.NVIDIA_GPU,
        node_class=annotations.get(labels.NODE_CLASS_NAME, ""),
        image_family=annotations.get(labels.NODE_IMAGE_FAMILY, ""),
    )


def _template_memory(observed: Observed) -> int:
    inference = observed.workspace.inference
    spec = (inference.template or {}).get("spec") or {} if inference else {}
    asked = [
        (container.get("resources") or {}).get("requests", {}).get("memory", 0)
        for container in spec.get("containers") or ()
    ]
    return sum(parse_bytes(quantity) for quantity in asked)


def _render(observed: Observed, planned: Planned | None, settings: WorkspaceSettings) -> Manifest:
    if planned is None:
        return render_template(observed.workspace)
    config = dict(observed.config.data) if observed.config else None
    return render_preset(observed.workspace, planned.model, config, settings.render)


def _status(
    observed: Observed, outcome: Outcome, found: tuple[Condition, ...], now: datetime
) -> StatusWrite | None:
    workspace = observed.workspace
    old = workspace.status
    told = {condition.type for condition in found}
    before = (c for c in old.conditions if c.type in told or c.type not in _WHERE_ASKED_FOR)
    merged = conditions.merge(before, found, now=now, generation=workspace.metadata.generation)
    nodes = next((step.nodes for step in outcome.steps if step.nodes is not None), old.worker_nodes)
    new = msgspec.structs.replace(
        old,
        state=derive_state(merged, old.state),
        worker_nodes=tuple(sorted(nodes)),
        target_node_count=outcome.count,
        plan=outcome.plan,
        conditions=merged,
        adapters=tell_adapters(observed),
        given_back=next((s.given_back for s in outcome.steps if s.given_back), None),
    )
    if new == old:
        # How long a start takes is written with what else there is to write, never for itself.
        return None
    start_up = derive_start_up(observed, merged, outcome.predicted)
    return StatusWrite(
        resource=WORKSPACES,
        key=workspace.key,
        resource_version=workspace.metadata.resource_version,
        verdict=conditions_of.WORKSPACE_READY,
        # Written out in full: a field left out of a merge patch would keep its old value.
        status={
            "state": new.state,
            "workerNodes": list(new.worker_nodes),
            "targetNodeCount": new.target_node_count,
            "plan": msgspec.to_builtins(new.plan),
            "conditions": msgspec.to_builtins(new.conditions),
            "startUp": start_up_patch(start_up),
            "adapters": msgspec.to_builtins(new.adapters),
            "givenBack": msgspec.to_builtins(new.given_back),
        },
    )


def _transitions(observed: Observed, found: tuple[Condition, ...]) -> tuple[Note, ...]:
    """One event for each condition that changed its status or its reason, if it is news."""
    before = observed.workspace.status.conditions
    return tuple(
        Note(
            about=observed.workspace,
            reason=condition.reason,
            message=condition.message or f"{condition.type} is {condition.status}",
            type="Warning" if _is_failure(condition) else "Normal",
        )
        for condition in found
        if _is_news(condition, conditions.find(before, condition.type), found)
    )


def _is_failure(condition: Condition) -> bool:
    if condition.reason in _TOLD_WHILE_READY:
        return True
    return condition.status == "False" and condition.reason not in WAITING_REASONS


def _is_news(new: Condition, old: Condition | None, found: tuple[Condition, ...]) -> bool:
    """Whether it has changed and says more than another condition of the same pass."""
    if old is not None and (old.status, old.reason) == (new.status, new.reason):
        return False
    if _is_waiting(new) and not (old is not None and old.is_true):
        # That a start goes on is in the conditions; an event for each step would be most of what
        # a start writes. Only what had been reached and is lost again is told.
        return False
    match new.type:
        case conditions_of.WORKSPACE_SUCCEEDED:
            return False
        case conditions_of.WORKSPACE_READY:
            return new.is_true
        case conditions_of.RESOURCE_READY:
            return conditions.find(found, conditions_of.NODE_CLAIM_READY) is None
        case conditions_of.NODE_CLAIM_READY | conditions_of.NODES_READY:
            # The workload that follows at once says so, with the same pass.
            return not new.is_true or conditions.find(found, conditions_of.INFERENCE_READY) is None
        case conditions_of.INFERENCE_READY:
            # That it holds WorkspaceReady says in the same pass.
            return not new.is_true or new.reason in _TOLD_WHILE_READY
    return True


def _is_waiting(condition: Condition) -> bool:
    return condition.status == "False" and condition.reason in WAITING_REASONS
