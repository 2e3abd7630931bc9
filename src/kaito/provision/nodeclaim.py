"""Nodes by `karpenter.sh/v1` NodeClaims, one a node, made directly.

Claim names derive from the owner's uid and an index, so that a stale cache, a restart or two
writers can only ever ask for the same machine again. Shape as KAITO 0.12 (spec section 2.4).
"""

import hashlib
from dataclasses import dataclass

from kaito.api import labels
from kaito.api.core import Node
from kaito.api.meta import Condition, Manifest
from kaito.api.nodeclaim import CONDITIONS, LAUNCHED, NodeClaim
from kaito.base.quantity import parse_bytes, to_mebibytes
from kaito.provision.port import Assessment, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeClass:
    """The provider's settings that claims refer to."""

    group: str
    kind: str
    name: str = "default"


@dataclass(frozen=True, slots=True)
class NodeClaimProvisioner:
    """Claims for whoever watches this node class."""

    node_class: NodeClass

    def render_claims(self, wanted: Wanted) -> tuple[Manifest, ...]:
        """One claim a node."""
        return tuple(self._render(wanted, index) for index in range(wanted.count))

    def assess(
        self, wanted: Wanted, claims: tuple[NodeClaim, ...], nodes: tuple[Node, ...]
    ) -> Assessment:
        """Failed as soon as one claim fails; ready when every claim has a ready node."""
        names = {claim_name(wanted, index) for index in range(wanted.count)}
        mine = tuple(claim for claim in claims if claim.metadata.name in names)
        for claim in mine:
            if failure := _failure(claim):
                return Assessment(
                    state="failed",
                    reason=failure.reason or "NodeClaimNotReady",
                    message=f"NodeClaim {claim.metadata.name}: {failure.message}",
                )
        ready = [claim for claim in mine if claim.is_ready]
        if len(ready) < wanted.count:
            return Assessment(
                state="claims pending",
                reason="NodeClaimNotReady",
                message=_waiting(wanted, mine, len(ready)),
            )
        return _assess_nodes(wanted, ready, nodes)

    def surplus(self, wanted: Wanted, claims: tuple[NodeClaim, ...]) -> tuple[NodeClaim, ...]:
        """Claims beyond the count, and unlaunched ones that ask for something else by now."""
        names = {claim_name(wanted, index) for index in range(wanted.count)}
        return tuple(
            claim
            for claim in claims
            if not claim.metadata.is_deleting
            and (claim.metadata.name not in names or _is_outdated(wanted, claim))
        )

    def _render(self, wanted: Wanted, index: int) -> Manifest:
        owner = wanted.owner.metadata
        requests = {"storage": to_mebibytes(wanted.storage_bytes)}
        if wanted.memory_bytes:
            requests["memory"] = to_mebibytes(wanted.memory_bytes)
        return {
            "apiVersion": f"{labels.KARPENTER_GROUP}/v1",
            "kind": "NodeClaim",
            "metadata": {
                "name": claim_name(wanted, index),
                "labels": {
                    **dict(wanted.labels),
                    labels.NODEPOOL: "kaito",
                    labels.WORKSPACE: owner.name,
                    labels.WORKSPACE_NAMESPACE: owner.namespace,
                },
                "annotations": {labels.DO_NOT_DISRUPT: "true"},
            },
            "spec": {
                "nodeClassRef": {
                    "group": self.node_class.group,
                    "kind": self.node_class.kind,
                    "name": self.node_class.name,
                },
                "requirements": [
                    _requirement(labels.NODEPOOL, "kaito"),
                    _requirement(labels.INSTANCE_TYPE, wanted.instance_type),
                    _requirement(labels.OS, "linux"),
                ],
                "taints": [
                    {
                        "key": labels.GPU_TAINT_KEY,
                        "value": labels.GPU_TAINT_VALUE,
                        "effect": "NoSchedule",
                    }
                ],
                "resources": {"requests": requests},
            },
        }


def claim_name(wanted: Wanted, index: int) -> str:
    """`ws` and nine hex digits, the same for the same owner and index."""
    meta = wanted.owner.metadata
    named = f"{meta.namespace}/{meta.name}/{meta.uid}/{index}"
    return "ws" + hashlib.sha256(named.encode()).hexdigest()[:9]


def _requirement(key: str, value: str) -> Manifest:
    return {"key": key, "operator": "In", "values": [value]}


def _failure(claim: NodeClaim) -> Condition | None:
    """The condition that says this claim will not come true by waiting, if there is one."""
    if claim.is_ready:
        return None
    return next((c for c in claim.status.conditions if c.status == "False" and c.message), None)


def _waiting(wanted: Wanted, claims: tuple[NodeClaim, ...], ready: int) -> str:
    said = f"{ready} of {wanted.count} {wanted.instance_type} machines are ready"
    for claim in claims:
        for type_ in CONDITIONS:
            found = claim.condition(type_)
            if found is None or not found.is_true:
                return f"{said}; NodeClaim {claim.metadata.name} is not {type_} yet"
    return said


def _assess_nodes(wanted: Wanted, ready: list[NodeClaim], nodes: tuple[Node, ...]) -> Assessment:
    named = {claim.status.node_name for claim in ready}
    usable = tuple(
        sorted(
            node.metadata.name for node in nodes if node.metadata.name in named and node.is_ready
        )
    )
    if len(usable) < wanted.count:
        missing = ", ".join(sorted(named - set(usable)))
        return Assessment(
            state="nodes pending",
            reason="NodeNotReady",
            message=f"{len(usable)} of {wanted.count} nodes are ready; waiting for {missing}",
            nodes=usable,
        )
    return Assessment(
        state="ready", reason="NodesReady", message=f"nodes: {', '.join(usable)}", nodes=usable
    )


def _is_outdated(wanted: Wanted, claim: NodeClaim) -> bool:
    launched = claim.condition(LAUNCHED)
    if launched is not None and launched.is_true:
        return False
    asked = claim.spec.resources.requests.get("memory", "0")
    return parse_bytes(asked) != parse_bytes(to_mebibytes(wanted.memory_bytes))
