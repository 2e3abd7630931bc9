"""From what was observed of a Workspace to what to do about it. Pure."""

from datetime import datetime

import msgspec

from kaito.api import conditions, labels
from kaito.api import workspace as conditions_of
from kaito.api.meta import Condition, Manifest
from kaito.api.workspace import WORKSPACES
from kaito.base.quantity import GIB, parse_bytes
from kaito.controllers.workspace.deleting import decide_deletion
from kaito.controllers.workspace.inference_ready import decide_config, decide_inference
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.resource_ready import decide_refused, decide_resources
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.controllers.workspace.step import WAITING_REASONS, Step
from kaito.controllers.workspace.supported import decide_supported
from kaito.controllers.workspace.workspace_ready import derive_ready, derive_state
from kaito.kube.controller.decision import Decision, Note, Patch, StatusWrite
from kaito.planner.plan import Demand, PlanRequest, Refusal
from kaito.provision.port import Wanted
from kaito.render.inference import ServedModel, node_labels, render_preset, render_template

_DISK_OVER_WEIGHTS = 80 * GIB
"""Disk a node needs besides the weights, as KAITO 0.12 (spec section 3.2)."""


def decide(observed: Observed, settings: WorkspaceSettings, now: datetime) -> Decision:
    """Finalizer first, then the steps up to the first that blocks, then one status."""
    workspace = observed.workspace
    if workspace.metadata.is_deleting:
        return decide_deletion(observed, now)
    if labels.WORKSPACE_FINALIZER not in workspace.metadata.finalizers:
        return _adopt(observed)
    steps, nodes = _fold(observed, settings)
    found = tuple(c for step in steps for c in step.conditions)
    found = (*found, *derive_ready(found))
    status = _status(observed, found, nodes=nodes, now=now)
    return Decision(
        actions=tuple(action for step in steps for action in step.actions),
        status=status,
        notes=_transitions(observed, found),
        why=tuple(f"{c.type}={c.status}: {c.reason}: {c.message}" for c in found),
    )


def _adopt(observed: Observed) -> Decision:
    """Nothing may be made for a Workspace that could vanish without our hearing of it."""
    meta = observed.workspace.metadata
    finalizers = [*meta.finalizers, labels.WORKSPACE_FINALIZER]
    patch = {"metadata": {"finalizers": finalizers, "resourceVersion": meta.resource_version}}
    return Decision(actions=(Patch(resource=WORKSPACES, key=meta.key, patch=patch),))


def _fold(observed: Observed, settings: WorkspaceSettings) -> tuple[tuple[Step, ...], int]:
    """The steps up to the first that blocks, and how many nodes the plan needs."""
    supported = decide_supported(observed)
    if supported.blocks:
        return (supported,), 0
    model = _plan(observed, settings)
    if isinstance(model, Refusal):
        return (decide_refused(model.reason, model.message),), 0
    wanted = _wanted(observed, model)
    config = decide_config(observed)
    resources = decide_resources(observed, wanted, settings)
    if resources.blocks or config.blocks:
        return (resources, config), wanted.count
    workload = decide_inference(observed, _render(observed, model, settings))
    return (resources, workload), wanted.count


def _plan(observed: Observed, settings: WorkspaceSettings) -> ServedModel | Refusal | None:
    """The model with its plan; None for a template, which brings its own requests."""
    workspace = observed.workspace
    preset = observed.preset
    if workspace.inference is not None and workspace.inference.template is not None:
        return None
    if preset is None:
        # Admitted by an older catalogue, or stored without admission.
        return Refusal(
            "UnknownPreset",
            f"preset {workspace.preset_name!r} is not in the catalogue; see: kaito models list",
        )
    if observed.facts is None:
        return Refusal(
            "UnknownModel",
            f"nothing is known of {preset.hub_id} yet; bring its files with: "
            f"kaito models import {preset.hub_id} PATH",
        )
    plan = settings.planner(
        PlanRequest(preset=preset, facts=observed.facts, demand=Demand(runtime=workspace.runtime))
    )
    if isinstance(plan, Refusal):
        return plan
    return ServedModel(preset=preset, plan=plan, weights_bytes=observed.facts.weights_bytes)


def _wanted(observed: Observed, model: ServedModel | None) -> Wanted:
    workspace = observed.workspace
    return Wanted(
        owner=workspace,
        count=model.plan.nodes if model else 1,
        instance_type=workspace.resource.instance_type if workspace.resource else "",
        labels=node_labels(workspace),
        memory_bytes=model.plan.memory_bytes if model else _template_memory(observed),
        storage_bytes=(model.weights_bytes if model else 0) + _DISK_OVER_WEIGHTS,
    )


def _template_memory(observed: Observed) -> int:
    inference = observed.workspace.inference
    spec = (inference.template or {}).get("spec") or {} if inference else {}
    asked = [
        (container.get("resources") or {}).get("requests", {}).get("memory", 0)
        for container in spec.get("containers") or ()
    ]
    return sum(parse_bytes(quantity) for quantity in asked)


def _render(observed: Observed, model: ServedModel | None, settings: WorkspaceSettings) -> Manifest:
    if model is None:
        return render_template(observed.workspace)
    config = dict(observed.config.data) if observed.config else None
    return render_preset(observed.workspace, model, config, settings.render)


def _status(
    observed: Observed, found: tuple[Condition, ...], *, nodes: int, now: datetime
) -> StatusWrite | None:
    workspace = observed.workspace
    old = workspace.status
    merged = conditions.merge(
        old.conditions, found, now=now, generation=workspace.metadata.generation
    )
    new = msgspec.structs.replace(
        old,
        state=derive_state(merged, old.state),
        worker_nodes=tuple(sorted(node.metadata.name for node in observed.nodes)),
        target_node_count=nodes,
        conditions=merged,
    )
    if new == old:
        return None
    return StatusWrite(
        resource=WORKSPACES,
        key=workspace.key,
        resource_version=workspace.metadata.resource_version,
        # Written out in full: a field left out of a merge patch would keep its old value.
        status={
            "state": new.state,
            "workerNodes": list(new.worker_nodes),
            "targetNodeCount": new.target_node_count,
            "conditions": msgspec.to_builtins(new.conditions),
        },
    )


def _transitions(observed: Observed, found: tuple[Condition, ...]) -> tuple[Note, ...]:
    """One event for each condition that changed its status or its reason."""
    before = observed.workspace.status.conditions
    return tuple(
        Note(
            about=observed.workspace,
            reason=condition.reason,
            message=condition.message or f"{condition.type} is {condition.status}",
            type="Warning" if _is_failure(condition) else "Normal",
        )
        for condition in found
        if _is_news(condition, found)
        and _has_changed(conditions.find(before, condition.type), condition)
    )


def _has_changed(old: Condition | None, new: Condition) -> bool:
    return old is None or (old.status, old.reason) != (new.status, new.reason)


def _is_failure(condition: Condition) -> bool:
    return condition.status == "False" and condition.reason not in WAITING_REASONS


def _is_news(condition: Condition, found: tuple[Condition, ...]) -> bool:
    """Whether it says more than another condition of the same pass."""
    match condition.type:
        case conditions_of.WORKSPACE_SUCCEEDED:
            return False
        case conditions_of.WORKSPACE_READY:
            return condition.is_true
        case conditions_of.RESOURCE_READY:
            return conditions.find(found, conditions_of.NODE_CLAIM_READY) is None
    return True
