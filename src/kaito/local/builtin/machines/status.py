"""What a claim reports, in Karpenter's condition types: Launched, Registered, Initialized, Ready.

Sources: https://karpenter.sh/docs/concepts/nodeclaims/ and the condition types of karpenter.sh/v1.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from kaito.api import nodeclaim
from kaito.api.core import Node
from kaito.api.meta import Condition
from kaito.api.nodeclaim import NodeClaim, NodeClaimStatus
from kaito.local.builtin.status import whole_seconds, with_condition


def derive_granted(claim: NodeClaim, node: Node, now: datetime) -> NodeClaimStatus:
    """The status of a claim whose node exists."""
    initialized = (
        _true(nodeclaim.INITIALIZED)
        if node.is_ready
        else _open(nodeclaim.INITIALIZED, "NodeNotReady", "Node status is NotReady")
    )
    conditions = (_true(nodeclaim.LAUNCHED), _true(nodeclaim.REGISTERED), initialized)
    return msgspec.structs.replace(
        claim.status,
        node_name=node.metadata.name,
        provider_id=node.spec.provider_id,
        capacity=node.status.capacity,
        allocatable=node.status.allocatable,
        conditions=_set(claim, (*conditions, _summary(conditions)), now),
    )


def derive_refused(claim: NodeClaim, why: str, now: datetime) -> NodeClaimStatus:
    """The status of a claim that this machine has no room for."""
    launched = Condition(
        type=nodeclaim.LAUNCHED,
        status="False",
        reason=nodeclaim.INSUFFICIENT_CAPACITY,
        message=why,
    )
    waiting = tuple(
        _open(type_, "AwaitingReconciliation", "object is awaiting reconciliation")
        for type_ in (nodeclaim.REGISTERED, nodeclaim.INITIALIZED)
    )
    conditions = (launched, *waiting)
    return msgspec.structs.replace(
        claim.status, conditions=_set(claim, (*conditions, _summary(conditions)), now)
    )


def _summary(conditions: Iterable[Condition]) -> Condition:
    """Ready says why with the words of the first condition that does not hold."""
    open_ = [condition for condition in conditions if not condition.is_true]
    if not open_:
        return _true(nodeclaim.READY)
    return msgspec.structs.replace(open_[0], type=nodeclaim.READY)


def _set(claim: NodeClaim, conditions: Iterable[Condition], now: datetime) -> tuple[Condition, ...]:
    result = claim.status.conditions
    for condition in conditions:
        stamped = msgspec.structs.replace(
            condition,
            last_transition_time=whole_seconds(now),
            observed_generation=claim.metadata.generation,
        )
        result = with_condition(result, stamped)
    return result


def _true(type_: str) -> Condition:
    return Condition(type=type_, status="True", reason=type_)


def _open(type_: str, reason: str, message: str) -> Condition:
    return Condition(type=type_, status="Unknown", reason=reason, message=message)
