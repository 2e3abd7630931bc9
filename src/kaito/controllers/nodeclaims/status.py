"""The status of a claim: conditions in Karpenter's order, and the node it became."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from kaito.api import conditions
from kaito.api.core import Node
from kaito.api.meta import Condition, Manifest
from kaito.api.nodeclaim import NODECLAIMS, READY, NodeClaim, NodeClaimStatus
from kaito.kube.controller.decision import Note, StatusWrite


def render_status(
    claim: NodeClaim, found: Iterable[Condition], now: datetime, *, node: Node | None
) -> StatusWrite | None:
    """The write that makes the claim say this; None when it says so already."""
    old = claim.status
    new = msgspec.structs.replace(
        old,
        conditions=conditions.merge(
            old.conditions, found, now=now, generation=claim.metadata.generation
        ),
    )
    if node is not None:
        new = msgspec.structs.replace(
            new,
            node_name=node.metadata.name,
            provider_id=node.spec.provider_id,
            capacity=node.status.capacity,
            allocatable=node.status.allocatable,
        )
    if new == old:
        return None
    return StatusWrite(
        resource=NODECLAIMS,
        key=claim.key,
        resource_version=claim.metadata.resource_version,
        status=_patch(old, new),
    )


def summarise(found: tuple[Condition, ...]) -> Condition:
    """Ready: in the words of the first condition that does not hold."""
    open_ = next((condition for condition in found if not condition.is_true), None)
    if open_ is None:
        return Condition(type=READY, status="True", reason=READY)
    return msgspec.structs.replace(open_, type=READY)


def transitions(claim: NodeClaim, found: Iterable[Condition]) -> tuple[Note, ...]:
    """An event for every step that is newly done or newly failed."""
    return tuple(
        Note(
            about=claim,
            type="Normal" if condition.is_true else "Warning",
            reason=condition.reason,
            message=condition.message or f"{claim.metadata.name} is {condition.type}",
        )
        for condition in found
        if condition.status != "Unknown" and _is_news(claim, condition)
    )


def _is_news(claim: NodeClaim, condition: Condition) -> bool:
    known = claim.condition(condition.type)
    said = (condition.status, condition.reason)
    return condition.type != READY and (known is None or (known.status, known.reason) != said)


def _patch(old: NodeClaimStatus, new: NodeClaimStatus) -> Manifest:
    """The merge patch from one to the other; entries of a map that are gone are nulls in it."""
    before, after = _to_manifest(old), _to_manifest(new)
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    for name in ("capacity", "allocatable"):
        if name in changed:
            gone = dict.fromkeys(before.get(name, {}).keys() - changed[name].keys())
            changed[name] = {**changed[name], **gone}
    return changed


def _to_manifest(status: NodeClaimStatus) -> Manifest:
    manifest: Manifest = msgspec.to_builtins(status)
    for condition in manifest.get("conditions", ()):
        # `Unknown` is the default and left out on the wire, where it is required.
        condition.setdefault("status", "Unknown")
    return manifest
