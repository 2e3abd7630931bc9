"""Claims as observed, for tests of decisions about them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from kaito.api.core import Node, NodeSpec, NodeStatus
from kaito.api.meta import Condition, ObjectMeta
from kaito.api.nodeclaim import (
    TERMINATION_FINALIZER,
    NodeClaim,
    NodeClaimSpec,
    NodeClaimStatus,
    NodeRequirement,
)
from kaito.cloud.port import CloudMachine, MachineState
from kaito.controllers.nodeclaims.observed import Observed
from kaito.controllers.nodeclaims.settings import NodeClaimSettings

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SETTINGS = NodeClaimSettings(class_group="kaito.sh", class_kind="KaitoNodeClass")
NAME = "ws1a2b3c4d5"
UID = "u"


def claim(*true: str, is_deleting: bool = False) -> NodeClaim:
    """A claim of ours on which these conditions are true."""
    since = NOW - timedelta(hours=1)
    asked = NodeRequirement(key="node.kubernetes.io/instance-type", values=("g5.xlarge",))
    return NodeClaim(
        metadata=ObjectMeta(
            name=NAME,
            uid=UID,
            resource_version="7",
            finalizers=(TERMINATION_FINALIZER,),
            deletion_timestamp=NOW if is_deleting else None,
        ),
        spec=NodeClaimSpec(requirements=(asked,)),
        status=NodeClaimStatus(
            conditions=tuple(
                Condition(type=type_, status="True", reason=type_, last_transition_time=since)
                for type_ in true
            )
        ),
    )


def machine(state: MachineState = "running", uid: str = UID, **more: Any) -> CloudMachine:
    return CloudMachine(name=NAME, state=state, claim_uid=uid, **more)


def node() -> Node:
    ready = Condition(type="Ready", status="True")
    return Node(
        metadata=ObjectMeta(name="n", uid="n"),
        spec=NodeSpec(provider_id="aws:///a/i-1"),
        status=NodeStatus(conditions=(ready,), allocatable={"nvidia.com/gpu": "1"}),
    )


def observed(of: NodeClaim, **facts: Any) -> Observed:
    return Observed(claim=of, cloud="aws", node_label="eks.amazonaws.com/nodegroup", **facts)
