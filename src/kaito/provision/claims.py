"""Nodes by `karpenter.sh/v1` NodeClaims, one a node; existing capacity first.

Claim names derive from the owner's uid and an index, so that a stale cache, a restart or two
writers can only ever ask for the same machine again. Shape as KAITO 0.12 (spec section 2.4).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from kaito.api import labels
from kaito.api.core import Node
from kaito.api.meta import Condition, Manifest
from kaito.api.nodeclaim import CONDITIONS, LAUNCHED, NODECLAIMS, NodeClaim
from kaito.base.quantity import parse_bytes, to_mebibytes
from kaito.provision.existing import assess_ready
from kaito.provision.port import Assessment, Made, NodeClass, Supply, Wanted
from kaito.provision.room import Room, find_existing
from kaito.provision.spare import SPARE, Places, choose_places, has_moved, is_in_use

_IMAGE_FAMILIES = "ubuntu"
"""What KAITO's gpu-provisioner takes when nothing is said."""


GPU_TAINT: Manifest = {
    "key": labels.GPU_TAINT_KEY,
    "value": labels.GPU_TAINT_VALUE,
    "effect": "NoSchedule",
}
"""Keeps other pods off machines with GPUs; ours tolerate it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeClaims:
    """Claims for whoever watches this node class."""

    node_class: NodeClass
    uses_existing: bool = True
    """Whether nodes that match and have room are used before any is made."""
    has_image_family: bool = False
    """Whether the provider reads KAITO's annotation for the operating system image."""
    adds_machines: bool = True
    """Whether one claim more is room for one pod more; not where one machine plays them all."""

    def render(self, wanted: Wanted, supply: Supply) -> tuple[Made, ...]:
        """One claim for each node that is not there already."""
        return tuple(
            Made(NODECLAIMS, self._render(wanted, index)) for index in self._places(wanted, supply)
        )

    def surplus(self, wanted: Wanted, supply: Supply) -> tuple[Made, ...]:
        """Claims beyond the count, and unlaunched ones that ask for something else by now."""
        names = {claim_name(wanted, index) for index in self._places(wanted, supply)}
        # KAITO's own claims have names of their own; they count as long as they are needed.
        foreign = [claim for claim in supply.claims if not _is_ours(claim)]
        kept = {c.metadata.name for c in _oldest(foreign)[: wanted.count]} | names
        spare = claim_name(wanted, SPARE)
        return tuple(
            Made.of(NODECLAIMS, claim)
            for claim in supply.claims
            if not claim.metadata.is_deleting
            and (claim.metadata.name not in kept or _is_outdated(wanted, claim))
            and not is_in_use(
                wanted,
                supply,
                [claim.status.node_name],
                is_spare=claim.metadata.name == spare,
            )
        )

    def belongings(self, supply: Supply) -> tuple[Made, ...]:
        """Every claim."""
        return tuple(Made.of(NODECLAIMS, claim) for claim in supply.claims)

    def assess(self, wanted: Wanted, supply: Supply) -> Assessment:
        """Failed as soon as one claim fails; ready when enough nodes are, made or found."""
        claims = self._current(wanted, supply)
        if failed := find_failure(claims):
            return failed
        found = self._found(wanted, supply)
        ready = [claim for claim in claims if claim.is_ready]
        if len(ready) + len(found) < wanted.count:
            leaving = next((c for c in supply.claims if c.metadata.is_deleting), None)
            said = say_waiting(wanted, claims, len(ready) + len(found), leaving=leaving)
            return Assessment(state="claims pending", reason="NodeClaimNotReady", message=said)
        return assess_nodes(wanted, ready, found, supply.nodes)

    def tell_spare(self, wanted: Wanted, supply: Supply) -> str | None:
        """What the claim beside the one in use lacks."""
        if not self.adds_machines or wanted.count != 1:
            return None
        name = claim_name(wanted, 0 if self._has_moved(wanted, supply) else SPARE)
        claim = next((c for c in supply.claims if c.metadata.name == name), None)
        return "" if claim is None else tell_claim(claim)

    def _places(self, wanted: Wanted, supply: Supply) -> tuple[int, ...]:
        moved = self._has_moved(wanted, supply)
        return choose_places(wanted, self._needed(wanted, supply), has_moved=moved)

    def _has_moved(self, wanted: Wanted, supply: Supply) -> bool:
        lasting = [claim for claim in supply.claims if not claim.metadata.is_deleting]
        home, spare = claim_name(wanted, 0), claim_name(wanted, SPARE)
        at_home = [c for c in lasting if c.metadata.name == home or not _is_ours(c)]
        at_spare = [c for c in lasting if c.metadata.name == spare]
        places = Places(
            needed=self._needed(wanted, supply),
            has_home=bool(at_home),
            home_nodes=nodes_of(at_home),
            has_spare=bool(at_spare),
            spare_nodes=nodes_of(at_spare),
        )
        return has_moved(wanted, supply, places)

    def _needed(self, wanted: Wanted, supply: Supply) -> int:
        """Claims to have: what found nodes leave open, and never fewer than have launched.

        A node that turns up later must not end a machine on which the model is loading.
        """
        missing = max(wanted.count - len(self._found(wanted, supply)), 0)
        foreign = [claim for claim in supply.claims if not _is_ours(claim)]
        launched = [
            index
            for index in range(wanted.count)
            if any(
                claim.metadata.name == claim_name(wanted, index) and _has_launched(claim)
                for claim in supply.claims
            )
        ]
        return max(missing - len(foreign), max(launched, default=-1) + 1, 0)

    def _found(self, wanted: Wanted, supply: Supply) -> tuple[Room, ...]:
        """Existing nodes to run on, without those that the workspace's own claims made."""
        return find_existing(wanted, supply) if self.uses_existing else ()

    def _current(self, wanted: Wanted, supply: Supply) -> tuple[NodeClaim, ...]:
        gone = {made.name for made in self.surplus(wanted, supply)}
        lasting = self._places(replace(wanted, has_spare=False), supply)
        names = {claim_name(wanted, index) for index in lasting}
        return tuple(
            claim
            for claim in supply.claims
            if claim.metadata.name not in gone
            and not claim.metadata.is_deleting
            and (claim.metadata.name in names or not _is_ours(claim))
        )

    def _render(self, wanted: Wanted, index: int) -> Manifest:
        owner = wanted.owner.metadata
        requests = {"storage": to_mebibytes(wanted.storage_bytes)}
        if wanted.memory_bytes:
            requests["memory"] = to_mebibytes(wanted.memory_bytes)
        annotations = {labels.DO_NOT_DISRUPT: "true", labels.WORKSPACE_UID: owner.uid}
        if self.has_image_family:
            annotations[labels.NODE_IMAGE_FAMILY] = wanted.image_family or _IMAGE_FAMILIES
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
                "annotations": annotations,
            },
            "spec": {
                "nodeClassRef": self.node_class.reference(wanted),
                "requirements": self._requirements(wanted),
                "taints": [dict(GPU_TAINT)],
                "resources": {"requests": requests},
            },
        }

    def _requirements(self, wanted: Wanted) -> list[Manifest]:
        found = [
            requirement(labels.NODEPOOL, "In", "kaito"),
            requirement(labels.INSTANCE_TYPE, "In", wanted.instance_type),
            requirement(labels.OS, "In", "linux"),
        ]
        if self.has_image_family:
            sku = f"{labels.KARPENTER_AZURE_GROUP}/sku-name"
            found.append(requirement(sku, "In", wanted.instance_type))
        if self.node_class.group == labels.KARPENTER_AWS_GROUP and wanted.gpus_per_node:
            count = f"{labels.KARPENTER_AWS_GROUP}/instance-gpu-count"
            found.append(requirement(count, "Gt", "0"))
        return found


def claim_name(wanted: Wanted, index: int) -> str:
    """`ws` and nine hex digits, the same for the same owner and index."""
    meta = wanted.owner.metadata
    return _name(meta.namespace, meta.name, meta.uid, index)


@lru_cache(maxsize=4096)
def _name(namespace: str, name: str, uid: str, index: int) -> str:
    named = f"{namespace}/{name}/{uid}/{index}"
    return "ws" + hashlib.sha256(named.encode()).hexdigest()[:9]


def find_failure(claims: Iterable[NodeClaim]) -> Assessment | None:
    """The first claim that says it will not come true by waiting, in the provider's words."""
    for claim in claims:
        if failure := _failure(claim):
            return Assessment(
                state="failed",
                reason=failure.reason or "NodeClaimNotReady",
                message=f"NodeClaim {claim.metadata.name}: {failure.message}",
            )
    return None


def tell_claim(claim: NodeClaim) -> str:
    """What one claim lacks, in the provider's words where it has any."""
    name = claim.metadata.name
    if claim.metadata.is_deleting:
        return f"NodeClaim {name} of an earlier update is still being given back"
    if failure := _failure(claim):
        return f"NodeClaim {name}: {failure.reason}: {failure.message}"
    lacking = next((t for t in CONDITIONS if not _holds(claim, t)), "")
    return f"NodeClaim {name} is {f'not {lacking} yet' if lacking else 'ready'}"


def _holds(claim: NodeClaim, type_: str) -> bool:
    found = claim.condition(type_)
    return found is not None and found.is_true


def say_waiting(
    wanted: Wanted,
    claims: tuple[NodeClaim, ...],
    ready: int,
    *,
    leaving: NodeClaim | None = None,
) -> str:
    """How many machines there are, and what the first claim that is not ready lacks.

    `leaving` is one that somebody deleted, and whose name is not free before it is gone.
    """
    said = f"{ready} of {wanted.count} {wanted.instance_type} machines are ready"
    for claim in claims:
        for type_ in CONDITIONS:
            found = claim.condition(type_)
            if found is None or not found.is_true:
                return f"{said}; NodeClaim {claim.metadata.name} is not {type_} yet"
    if leaving is not None:
        name = leaving.metadata.name
        return f"{said}; NodeClaim {name} is being deleted, and asked for again when it is gone"
    if not claims and wanted.count > ready:
        # Said of a claim that is only just being made, so that it need not be said anew.
        return f"{said}; NodeClaim {claim_name(wanted, 0)} is not {CONDITIONS[0]} yet"
    return said


def _is_ours(claim: NodeClaim) -> bool:
    """Whether we named it; KAITO's claims do not say for which very workspace they are."""
    return labels.WORKSPACE_UID in claim.metadata.annotations


def _oldest(claims: list[NodeClaim]) -> list[NodeClaim]:
    return sorted(claims, key=lambda c: (not c.is_ready, c.metadata.name))


def requirement(key: str, operator: str, value: str) -> Manifest:
    """One requirement on the label of a node."""
    return {"key": key, "operator": operator, "values": [value]}


def _failure(claim: NodeClaim) -> Condition | None:
    if claim.is_ready:
        return None
    return next((c for c in claim.status.conditions if c.status == "False" and c.message), None)


def assess_nodes(
    wanted: Wanted, ready: list[NodeClaim], found: tuple[Room, ...], nodes: tuple[Node, ...]
) -> Assessment:
    """What has become of the nodes of `ready` claims, together with those `found`."""
    named = {claim.status.node_name for claim in ready}
    made = [n for n in nodes if n.metadata.name in named and n.is_ready]
    usable = sorted((*made, *(room.node for room in found)), key=lambda n: n.metadata.name)
    names = tuple(node.metadata.name for node in usable)
    if len(usable) < wanted.count:
        missing = ", ".join(sorted(named - set(names)))
        said = f"{len(usable)} of {wanted.count} nodes are ready; waiting for {missing}"
        return Assessment(state="nodes pending", reason="NodeNotReady", message=said, nodes=names)
    return _assess_plugins(wanted, usable)


def _assess_plugins(wanted: Wanted, nodes: list[Node]) -> Assessment:
    """A node without its device plugin has no GPU to give, however Ready it is."""
    bare = [n for n in nodes if not _has_resource(n, wanted)]
    if not bare:
        return assess_ready(tuple(nodes))
    names = ", ".join(node.metadata.name for node in bare)
    return Assessment(
        state="nodes pending",
        reason="NodePluginsNotReady",
        message=f"{names} does not offer {wanted.gpu_resource} yet; waiting for the device plugin",
        nodes=tuple(node.metadata.name for node in nodes),
    )


def _has_resource(node: Node, wanted: Wanted) -> bool:
    """Whether the node offers what pods will ask it for."""
    if not wanted.gpus_per_node:
        return True
    return int(parse_bytes(node.status.allocatable.get(wanted.gpu_resource, "0"))) > 0


def _has_launched(claim: NodeClaim) -> bool:
    launched = claim.condition(LAUNCHED)
    return launched is not None and launched.is_true


def nodes_of(claims: Iterable[NodeClaim]) -> frozenset[str]:
    """The names of the nodes that these claims have become."""
    return frozenset(claim.status.node_name for claim in claims) - {""}


def _is_outdated(wanted: Wanted, claim: NodeClaim) -> bool:
    """Whether it asks for other memory than the plan does now, and nothing was launched yet."""
    if _has_launched(claim) or not _is_ours(claim):
        return False
    asked = claim.spec.resources.requests.get("memory", "0")
    return parse_bytes(asked) != parse_bytes(to_mebibytes(wanted.memory_bytes))
