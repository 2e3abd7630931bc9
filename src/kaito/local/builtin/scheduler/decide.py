"""Placements as requests: bindings, and conditions that say why a pod still waits."""

from datetime import datetime

from kaito.api.core import PODS, Pod
from kaito.api.meta import Object
from kaito.api.resources import reading
from kaito.base.clock import to_rfc3339
from kaito.kube.client import Change
from kaito.kube.controller.decision import Action, Create, Decision, Note, Patch
from kaito.local.builtin.scheduler.placement import Placement
from kaito.local.builtin.status import find_condition, whole_seconds

_CONDITION = "PodScheduled"
_UNSCHEDULABLE = "Unschedulable"
_BINDINGS = reading(PODS, Object)
"""A binding is answered with a Status, which a Pod's own struct would not take."""


def decide_bindings(placements: tuple[Placement, ...], now: datetime) -> Decision:
    """Bind what fits; say of the rest why not, unless it was said already."""
    refused = (p for p in placements if not p.node)
    return Decision(
        actions=(
            *(_bind(p) for p in placements if p.node and not p.is_repeated),
            *(action for p in refused if (action := _refuse(p, now))),
            # Mostly refused, because it was done before; that must not hold up the others.
            *(_bind(p) for p in placements if p.is_repeated),
        ),
        why=tuple(f"{p.pod.key}: {p.node or p.refusal}" for p in placements),
    )


def _bind(placement: Placement) -> Action:
    meta = placement.pod.metadata
    return Create(
        resource=_BINDINGS,
        subresource="binding",
        manifest={
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": placement.node},
        },
        note=Note(
            about=placement.pod,
            reason="Scheduled",
            message=f"Successfully assigned {meta.namespace}/{meta.name} to {placement.node}",
        ),
    )


def _refuse(placement: Placement, now: datetime) -> Action | None:
    pod = placement.pod
    known = find_condition(pod.status.conditions, _CONDITION)
    if known and (known.status, known.message) == ("False", placement.refusal):
        return None
    condition = {
        "type": _CONDITION,
        "status": "False",
        "reason": _UNSCHEDULABLE,
        "message": placement.refusal,
        "lastTransitionTime": to_rfc3339(_since(pod) or whole_seconds(now)),
    }
    # A strategic patch, since the pod's other conditions belong to the node's agent.
    patch = {"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [condition]}}
    return Patch(
        resource=PODS,
        key=pod.key,
        patch=Change(patch, "strategic"),
        subresource="status",
        note=Note(about=pod, type="Warning", reason="FailedScheduling", message=placement.refusal),
    )


def _since(pod: Pod) -> datetime | None:
    known = find_condition(pod.status.conditions, _CONDITION)
    return known.last_transition_time if known and known.status == "False" else None
