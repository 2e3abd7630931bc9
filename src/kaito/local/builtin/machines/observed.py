"""What a decision about machines is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kaito.api import labels
from kaito.api.core import NODES, PODS, Node, Pod
from kaito.api.meta import Key, Object
from kaito.api.nodeclaim import NODECLAIMS, NodeClaim
from kaito.api.resources import Resource
from kaito.kube.cache import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """The machine behind every node."""

    name: str
    cpus: int
    memory_bytes: int
    allocatable_memory_bytes: int
    """What pods may use; the rest is for the system and the plane itself."""
    gpus: int = 0
    arch: str = "amd64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """All claims, the nodes made for them, and what is needed to let one go."""

    claims: tuple[NodeClaim, ...]
    nodes: Mapping[str, Node] = field(default_factory=dict)
    """By name, which is also the claim's."""
    pods: Mapping[str, tuple[Pod, ...]] = field(default_factory=dict)
    """By node name; only of nodes whose claim is going away."""
    workspaces: Mapping[str, Object] = field(default_factory=dict)
    """By claim name: the workspace it was made for."""
    assumed: frozenset[str] = frozenset()
    """Uids of claims that the last pass granted, of which the cache may not know yet."""


def observe_machines(
    reader: Reader, workspaces: Resource[Any], assumed: frozenset[str]
) -> Observed:
    """Every claim with its node."""
    claims = reader.list(NODECLAIMS)
    nodes = {
        claim.metadata.name: node
        for claim in claims
        if (node := reader.get(NODES, Key("", claim.metadata.name))) and _is_owned(node, claim)
    }
    going = {claim.metadata.name for claim in claims if claim.metadata.is_deleting}
    owners = {c.metadata.name: _observe_workspace(reader, workspaces, c) for c in claims}
    return Observed(
        claims=claims,
        nodes=nodes,
        pods=_observe_pods(reader, going) if going else {},
        workspaces={name: owner for name, owner in owners.items() if owner},
        assumed=assumed,
    )


def _is_owned(node: Node, claim: NodeClaim) -> bool:
    # A node of an earlier claim of this name may still be on its way out.
    return any(owner.uid == claim.metadata.uid for owner in node.metadata.owner_references)


def _observe_workspace(
    reader: Reader, workspaces: Resource[Any], claim: NodeClaim
) -> Object | None:
    name = claim.metadata.labels.get(labels.WORKSPACE, "")
    namespace = claim.metadata.labels.get(labels.WORKSPACE_NAMESPACE, "")
    found: Object | None = reader.get(workspaces, Key(namespace, name)) if name else None
    return found


def _observe_pods(reader: Reader, nodes: set[str]) -> Mapping[str, tuple[Pod, ...]]:
    found: dict[str, tuple[Pod, ...]] = {}
    for pod in reader.list(PODS):
        if pod.spec.node_name in nodes:
            found[pod.spec.node_name] = (*found.get(pod.spec.node_name, ()), pod)
    return found
