"""Who goes, who stays, and who is only let go of.

The rules are those of
https://kubernetes.io/docs/concepts/architecture/garbage-collection/#owners-dependents.
"""

import msgspec

from kaito.api import labels
from kaito.api.meta import Manifest, OwnerReference
from kaito.kube.client import Propagation
from kaito.kube.controller.decision import Action, Decision, Delete, Patch
from kaito.local.builtin.collector.observed import Dependent, Observed, OwnerState
from kaito.local.builtin.live import Member


def decide_collection(observed: Observed) -> Decision:
    """What to do about one object and those that depend on it."""
    finalizers = observed.item.item.metadata.finalizers if observed.item else ()
    if observed.item and labels.ORPHAN_FINALIZER in finalizers:
        return Decision(actions=_orphan(observed, observed.item))
    affected = (*([observed.itself] if observed.itself else []), *observed.dependents)
    return Decision(
        actions=(
            *(action for dependent in affected for action in _judge(dependent)),
            *_release(observed),
        )
    )


def _judge(dependent: Dependent) -> tuple[Action, ...]:
    """Delete what has no owner left; drop dead references from what has."""
    item = dependent.member.item
    states = {state for _, state in dependent.owners}
    if OwnerState.PRESENT in states:
        kept = tuple(ref for ref, state in dependent.owners if state is OwnerState.PRESENT)
        return () if len(kept) == len(dependent.owners) else (_keep(dependent.member, kept),)
    if item.metadata.is_deleting:
        return ()
    waited_for = OwnerState.WAITING in states and dependent.has_dependents
    return (
        Delete(
            resource=dependent.member.resource,
            key=item.key,
            uid=item.metadata.uid,
            propagation="Foreground" if waited_for else _own_wish(dependent.member),
        ),
    )


def _release(observed: Observed) -> tuple[Action, ...]:
    """Let an owner go that waited for its dependents, once none of those holds it."""
    item = observed.item
    if item is None or not item.item.metadata.is_deleting:
        return ()
    if labels.FOREGROUND_FINALIZER not in item.item.metadata.finalizers:
        return ()
    if any(_blocks(dependent, observed.uid) for dependent in observed.dependents):
        return ()
    return (_without_finalizer(item, labels.FOREGROUND_FINALIZER),)


def _orphan(observed: Observed, item: Member) -> tuple[Action, ...]:
    """Take an owner's name out of its dependents, then let it go."""
    if not item.item.metadata.is_deleting:
        return ()
    freed = (
        _keep(
            dependent.member,
            tuple(ref for ref, _ in dependent.owners if ref.uid != observed.uid),
        )
        for dependent in observed.dependents
    )
    return (*freed, _without_finalizer(item, labels.ORPHAN_FINALIZER))


def _blocks(dependent: Dependent, uid: str) -> bool:
    return any(ref.uid == uid and ref.block_owner_deletion for ref, _ in dependent.owners)


def _own_wish(member: Member) -> Propagation:
    """How the object itself was asked to go, if it was."""
    finalizers = member.item.metadata.finalizers
    if labels.ORPHAN_FINALIZER in finalizers:
        return "Orphan"
    return "Foreground" if labels.FOREGROUND_FINALIZER in finalizers else "Background"


def _keep(member: Member, owners: tuple[OwnerReference, ...]) -> Patch:
    return _change(member, {"ownerReferences": [msgspec.to_builtins(owner) for owner in owners]})


def _without_finalizer(member: Member, finalizer: str) -> Patch:
    kept = [f for f in member.item.metadata.finalizers if f != finalizer]
    return _change(member, {"finalizers": kept})


def _change(member: Member, changes: Manifest) -> Patch:
    # Bound to the revision that was read: the lists are replaced whole.
    meta = {"resourceVersion": member.item.metadata.resource_version, **changes}
    return Patch(resource=member.resource, key=member.item.key, patch={"metadata": meta})
