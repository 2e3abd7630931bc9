"""What to do about the claims: grant, refuse, or let go, each with the events that say so."""

from dataclasses import replace
from datetime import datetime, timedelta

from kaito.api import labels
from kaito.api.core import NODES, PODS, Node
from kaito.api.nodeclaim import (
    INSUFFICIENT_CAPACITY,
    LAUNCHED,
    NODECLAIMS,
    TERMINATION_FINALIZER,
    NodeClaim,
    NodeClaimStatus,
)
from kaito.kube.controller.decision import Action, Create, Decision, Delete, Note, Patch
from kaito.local.builtin.machines.capacity import plan_grants
from kaito.local.builtin.machines.nodes import describe, render_node
from kaito.local.builtin.machines.observed import MachineFacts, Observed
from kaito.local.builtin.machines.status import derive_granted, derive_refused
from kaito.local.builtin.status import status_patch

_WAKING = timedelta(seconds=2)
"""Creation times are cut to whole seconds, so this means between one and two."""
_LOOK_AGAIN = 1.0


def decide_machines(
    observed: Observed, machine: MachineFacts, gpus: dict[str, int], now: datetime
) -> Decision:
    """One pass over all claims. `gpus`: how many devices each instance type is said to have."""
    grants = plan_grants(observed, machine)
    actions: list[Action] = []
    notes: list[Note] = []
    for claim in observed.claims:
        if claim.metadata.is_deleting:
            actions += _release(observed, claim)
        elif claim.metadata.uid in grants.granted:
            count = gpus.get(claim.spec.instance_type, 0)
            actions += _grant(observed, claim, machine=machine, gpus=count, now=now)
        else:
            refused = _refuse(claim, grants.refusals[claim.metadata.uid], now=now)
            notes += _echoes(observed, claim, refused)
            actions += refused
    return Decision(
        actions=tuple(actions),
        notes=tuple(notes),
        requeue_after=_LOOK_AGAIN
        if any(_is_waking(n, now) for n in observed.nodes.values())
        else None,
        why=tuple(grants.refusals.values()),
    )


def _grant(
    observed: Observed, claim: NodeClaim, *, machine: MachineFacts, gpus: int, now: datetime
) -> tuple[Action, ...]:
    """First the finalizer and the node; the status speaks of the node once it is there."""
    node = observed.nodes.get(claim.metadata.name)
    if TERMINATION_FINALIZER not in claim.metadata.finalizers or node is None:
        return (*_hold(claim), *(_create(claim, machine, gpus) if node is None else ()))
    if moved := _move(claim, node, machine=machine, gpus=gpus):
        return moved
    if _is_waking(node, now):
        return ()
    status = derive_granted(claim, node, now)
    launched = claim.condition(LAUNCHED)
    note = None
    workspace = observed.workspaces.get(claim.metadata.name)
    if workspace and (launched is None or not launched.is_true):
        note = Note(about=workspace, reason="Emulated", message=describe(claim, machine))
    return _write(claim, status, note=note)


def _is_waking(node: Node, now: datetime) -> bool:
    """Whether a node may become ready any moment: its claim is then told once instead of twice.

    Each telling is a write and a pass of everybody who watches claims, and somebody is waiting.
    """
    born = node.metadata.creation_timestamp
    return not node.is_ready and born is not None and now - born < _WAKING


def _move(claim: NodeClaim, node: Node, *, machine: MachineFacts, gpus: int) -> tuple[Action, ...]:
    """Bring a node up to date with a machine that has another name or size than it had."""
    wanted = render_node(claim, machine, gpus)
    actions: list[Action] = []
    if node.metadata.labels.get(labels.MACHINE) != machine.name:
        label = {labels.MACHINE: machine.name}
        patch = {"metadata": {"labels": label}}
        actions.append(Patch(resource=NODES, key=node.key, patch=patch))
    known = {"capacity": node.status.capacity, "allocatable": node.status.allocatable}
    if known != wanted["status"]:
        status = {"status": wanted["status"]}
        actions.append(Patch(resource=NODES, key=node.key, patch=status, subresource="status"))
    return tuple(actions)


def _create(claim: NodeClaim, machine: MachineFacts, gpus: int) -> tuple[Action, ...]:
    note = Note(about=claim, reason="Emulated", message=describe(claim, machine))
    return (Create(resource=NODES, manifest=render_node(claim, machine, gpus), note=note),)


def _hold(claim: NodeClaim) -> tuple[Action, ...]:
    if TERMINATION_FINALIZER in claim.metadata.finalizers:
        return ()
    return (_set_finalizers(claim, (*claim.metadata.finalizers, TERMINATION_FINALIZER)),)


def _refuse(claim: NodeClaim, why: str, *, now: datetime) -> tuple[Action, ...]:
    """Say why there is no room."""
    note = Note(about=claim, type="Warning", reason=INSUFFICIENT_CAPACITY, message=why)
    return _write(claim, derive_refused(claim, why, now), note=note)


def _echoes(observed: Observed, claim: NodeClaim, actions: tuple[Action, ...]) -> tuple[Note, ...]:
    """What the claim's events say, said again where people look: on the workspace."""
    workspace = observed.workspaces.get(claim.metadata.name)
    if workspace is None:
        return ()
    return tuple(replace(a.note, about=workspace) for a in actions if a.note)


def _release(observed: Observed, claim: NodeClaim) -> tuple[Action, ...]:
    """Let a claim go: its pods, then its node, then the claim itself."""
    if TERMINATION_FINALIZER not in claim.metadata.finalizers:
        return ()
    node = observed.nodes.get(claim.metadata.name)
    if node is None:
        kept = tuple(f for f in claim.metadata.finalizers if f != TERMINATION_FINALIZER)
        return (_set_finalizers(claim, kept),)
    pods = observed.pods.get(claim.metadata.name, ())
    if not pods:
        return (Delete(resource=NODES, key=node.key, uid=node.metadata.uid),)
    return (
        *_cordon(node),
        *(
            Delete(resource=PODS, key=pod.key, uid=pod.metadata.uid)
            for pod in pods
            if not pod.metadata.is_deleting
        ),
    )


def _cordon(node: Node) -> tuple[Action, ...]:
    """Keep the pods' successors from coming back to a node that is going away."""
    if node.spec.unschedulable:
        return ()
    return (Patch(resource=NODES, key=node.key, patch={"spec": {"unschedulable": True}}),)


def _write(claim: NodeClaim, status: NodeClaimStatus, *, note: Note | None) -> tuple[Action, ...]:
    if status == claim.status:
        return ()
    # What is told must be told once, so it is bound to the revision that was read. The rest is not:
    # only this loop writes these statuses, and a refusal would cost a back-off.
    meta = claim.metadata
    bound = {"resourceVersion": meta.resource_version} if note else {"uid": meta.uid}
    patch = {"metadata": bound, "status": status_patch(claim.status, status)}
    return (
        Patch(resource=NODECLAIMS, key=claim.key, patch=patch, subresource="status", note=note),
    )


def _set_finalizers(claim: NodeClaim, finalizers: tuple[str, ...]) -> Patch:
    meta = {
        "resourceVersion": claim.metadata.resource_version,
        "finalizers": list(finalizers),
    }
    return Patch(resource=NODECLAIMS, key=claim.key, patch={"metadata": meta})
