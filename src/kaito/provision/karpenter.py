"""Nodes by a Karpenter NodePool of fixed size, one a workspace (spec section 2.4).

Karpenter makes the NodeClaims and replaces nodes that break or drift; we say how many and what
kind. The pool's name derives from namespace and name, so that it can only ever be made once.
"""

import hashlib
from dataclasses import dataclass, replace

from kaito.api import labels
from kaito.api.meta import Condition, Manifest
from kaito.api.nodeclaim import NodeClaim
from kaito.api.nodepool import NODEPOOLS, NodePool
from kaito.provision.claims import (
    GPU_TAINT,
    assess_nodes,
    find_failure,
    nodes_of,
    requirement,
    say_waiting,
    tell_claim,
)
from kaito.provision.existing import assess_ready
from kaito.provision.port import Assessment, Made, NodeClass, Supply, Wanted
from kaito.provision.room import Room, find_existing
from kaito.provision.spare import SPARE, Places, choose_places, has_moved, is_in_use

_NAME_LENGTH = 63
_HASH_LENGTH = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class KarpenterPools:
    """A NodePool for each workspace, for clouds whose Karpenter provider is installed."""

    node_class: NodeClass
    uses_existing: bool = True
    """Whether nodes that match and have room are used before any is made."""

    def render(self, wanted: Wanted, supply: Supply) -> tuple[Made, ...]:
        """The pool, sized for what existing nodes leave open; none when they are enough."""
        replicas = self._replicas(wanted, supply)
        if wanted.count != 1:
            named = {_name(wanted, supply): replicas} if replicas else {}
        else:
            named = dict.fromkeys(self._pools(wanted, supply), 1)
        return tuple(Made(NODEPOOLS, self._render(wanted, *each)) for each in named.items())

    def surplus(self, wanted: Wanted, supply: Supply) -> tuple[Made, ...]:
        """Every pool but the one in use; that one too when no node is wanted any more."""
        kept = self._pools(wanted, supply)
        return tuple(
            Made.of(NODEPOOLS, pool)
            for pool in supply.pools
            if not pool.metadata.is_deleting
            and pool.metadata.name not in kept
            and not is_in_use(
                wanted,
                supply,
                _nodes_of(supply, pool.metadata.name),
                is_spare=pool.metadata.name == spare_name(wanted),
            )
        )

    def belongings(self, supply: Supply) -> tuple[Made, ...]:
        """The pools; Karpenter ends their claims and nodes."""
        return tuple(Made.of(NODEPOOLS, pool) for pool in supply.pools)

    def assess(self, wanted: Wanted, supply: Supply) -> Assessment:
        """What Karpenter says of the pool, then of its claims, then the nodes themselves."""
        found = self._found(wanted, supply)
        if not self._replicas(wanted, supply):
            return assess_ready(tuple(room.node for room in found))
        lasting = self._pools(replace(wanted, has_spare=False), supply)
        name = lasting[0] if lasting else _name(wanted, supply)
        pool = next((pool for pool in supply.pools if pool.metadata.name == name), None)
        if pool is None:
            return _pending(f"NodePool {name} is not created yet")
        if broken := _broken(pool):
            reason = broken.reason or "NodeClaimNotReady"
            said = f"NodePool {pool.metadata.name}: {broken.message or broken.reason}"
            return Assessment(state="failed", reason=reason, message=said)
        other = {_name(wanted, supply), spare_name(wanted)} - {name}
        claims = tuple(
            claim
            for claim in supply.claims
            if not claim.metadata.is_deleting
            and claim.metadata.labels.get(labels.NODEPOOL) not in other
        )
        if failed := find_failure(claims):
            return failed
        ready = [claim for claim in claims if claim.is_ready]
        if len(ready) + len(found) < wanted.count:
            return _pending(_say_missing(wanted, pool, claims, len(ready) + len(found)))
        return assess_nodes(wanted, ready, found, supply.nodes)

    def tell_spare(self, wanted: Wanted, supply: Supply) -> str | None:
        """What Karpenter says of the pool beside the one in use, or of its claim."""
        if wanted.count != 1:
            return None
        moved = self._has_moved(wanted, supply)
        name = _name(wanted, supply) if moved else spare_name(wanted)
        pool = next((pool for pool in supply.pools if pool.metadata.name == name), None)
        if pool is None:
            return ""
        if pool.metadata.is_deleting:
            return f"NodePool {name} of an earlier update is still being given back"
        if broken := _broken(pool):
            return f"NodePool {name}: {broken.reason}: {broken.message}"
        claims = [c for c in supply.claims if c.metadata.labels.get(labels.NODEPOOL) == name]
        return tell_claim(claims[0]) if claims else f"NodePool {name} has made no NodeClaim yet"

    def _pools(self, wanted: Wanted, supply: Supply) -> tuple[str, ...]:
        """Names of those that should be there."""
        names = (_name(wanted, supply), spare_name(wanted))
        needed = min(self._replicas(wanted, supply), 1)
        moved = self._has_moved(wanted, supply)
        return tuple(names[place] for place in choose_places(wanted, needed, has_moved=moved))

    def _has_moved(self, wanted: Wanted, supply: Supply) -> bool:
        lasting = {p.metadata.name for p in supply.pools if not p.metadata.is_deleting}
        home, spare = _name(wanted, supply), spare_name(wanted)
        places = Places(
            needed=self._replicas(wanted, supply),
            has_home=home in lasting,
            home_nodes=_nodes_of(supply, home),
            has_spare=spare in lasting,
            spare_nodes=_nodes_of(supply, spare),
        )
        return has_moved(wanted, supply, places)

    def _found(self, wanted: Wanted, supply: Supply) -> tuple[Room, ...]:
        return find_existing(wanted, supply) if self.uses_existing else ()

    def _replicas(self, wanted: Wanted, supply: Supply) -> int:
        """Nodes of the pool: what is missing, and never fewer than it was asked for before.

        A node that turns up later must not end a machine on which the model is loading.
        """
        name = _name(wanted, supply)
        asked = max((p.spec.replicas for p in supply.pools if p.metadata.name == name), default=0)
        missing = wanted.count - len(self._found(wanted, supply))
        return min(max(missing, asked), wanted.count)

    def _render(self, wanted: Wanted, name: str, replicas: int) -> Manifest:
        owner = wanted.owner.metadata
        identity = {
            labels.KARPENTER_WORKSPACE: owner.name,
            labels.KARPENTER_WORKSPACE_NAMESPACE: owner.namespace,
        }
        requirements: list[Manifest] = [
            requirement(labels.INSTANCE_TYPE, "In", wanted.instance_type),
            requirement(labels.OS, "In", "linux"),
        ]
        if self.node_class.group == labels.KARPENTER_AZURE_GROUP:
            # A zonal placement can hold fewer machines of a scarce type than the region.
            scope = f"{labels.KARPENTER_AZURE_GROUP}/placement-scope"
            requirements.append(requirement(scope, "In", "regional"))
        return {
            "apiVersion": f"{labels.KARPENTER_GROUP}/v1",
            "kind": "NodePool",
            "metadata": {
                "name": name,
                "labels": {**identity, labels.KARPENTER_MANAGED_BY: "kaito"},
                "annotations": {labels.WORKSPACE_UID: owner.uid},
            },
            "spec": {
                "replicas": replicas,
                "template": {
                    "metadata": {"labels": {**dict(wanted.labels), **identity}},
                    "spec": {
                        "nodeClassRef": self.node_class.reference(wanted),
                        "requirements": requirements,
                        "taints": [dict(GPU_TAINT)],
                    },
                },
                "disruption": {
                    "consolidateAfter": "0s",
                    "budgets": [{"nodes": "1", "reasons": ["Drifted"]}],
                },
            },
        }


def pool_name(wanted: Wanted) -> str:
    """`<namespace>-<name>-<hash>`, cut where it is too long.

    KAITO has no hash where the name is short, so that `a-b/c` and `a/b-c` share one pool there.
    """
    return _named(wanted, "")


def spare_name(wanted: Wanted) -> str:
    """The name of the pool for an update's machine, which another hash tells apart."""
    return _named(wanted, f"/{SPARE}")


def _named(wanted: Wanted, place: str) -> str:
    meta = wanted.owner.metadata
    named = f"{meta.namespace}/{meta.name}/{meta.uid}{place}"
    digest = hashlib.sha256(named.encode()).hexdigest()[:_HASH_LENGTH]
    room = _NAME_LENGTH - _HASH_LENGTH - 1
    return f"{f'{meta.namespace}-{meta.name}'[:room].rstrip('-.')}-{digest}"


def _name(wanted: Wanted, supply: Supply) -> str:
    """Of the pool in use: one that KAITO made for the workspace stays under its own name."""
    own, spare = pool_name(wanted), spare_name(wanted)
    live = sorted(p.metadata.name for p in supply.pools if not p.metadata.is_deleting)
    live = [name for name in live if name != spare]
    return own if own in live or not live else live[0]


def _nodes_of(supply: Supply, pool: str) -> frozenset[str]:
    return nodes_of(c for c in supply.claims if c.metadata.labels.get(labels.NODEPOOL) == pool)


def _broken(pool: NodePool) -> Condition | None:
    """What Karpenter refuses about the pool; waiting does not help."""
    return next((c for c in pool.status.conditions if c.status == "False" and c.message), None)


def _say_missing(wanted: Wanted, pool: NodePool, claims: tuple[NodeClaim, ...], ready: int) -> str:
    if claims:
        return say_waiting(wanted, claims, ready)
    return (
        f"{ready} of {wanted.count} nodes are ready; NodePool {pool.metadata.name} has made no "
        "NodeClaim yet: is Karpenter running, with its feature gate StaticCapacity?"
    )


def _pending(message: str) -> Assessment:
    return Assessment(state="claims pending", reason="NodeClaimNotReady", message=message)
