"""Room on nodes that are there: what is free of them, and why a pod cannot run there. Counting.

GPUs are counted one by one, so that two workspaces share a node. Nothing is reserved here: the
scheduler has the last word, and whoever loses a race finds the GPU taken on the next look.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from kaito.api import labels
from kaito.api.core import Container, Node, Pod
from kaito.base.quantity import parse_quantity
from kaito.provision.port import Supply, Wanted

_OWNER_LABELS = (labels.CLAIM_OWNER, labels.POOL_OWNER)
"""Which say whom a node was made for."""
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What one node has left for one pod of the workspace."""

    node: Node
    free_gpus: int
    total_gpus: int
    problem: str = ""
    """Why the pod cannot run there; empty when it can."""

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.metadata.name


def find_room(wanted: Wanted, supply: Supply) -> tuple[Room, ...]:
    """Every node that the labels of `wanted` match and nobody else was given, sorted by name."""
    return tuple(
        _room(wanted, node, supply.pods)
        for node in sorted(supply.nodes, key=lambda node: node.metadata.name)
        if matches(wanted, node) and not _is_given_to_another(wanted, node)
    )


def matches(wanted: Wanted, node: Node) -> bool:
    """Whether the node carries every label that the workspace selects by."""
    return all(node.metadata.labels.get(key) == value for key, value in wanted.labels)


def choose(wanted: Wanted, rooms: Iterable[Room], pods: tuple[Pod, ...]) -> tuple[Room, ...]:
    """At most `wanted.count` usable nodes; those that run a pod of the workspace first.

    A running model must not be told to move because a node with an earlier name became free.
    """
    holding = {pod.spec.node_name for pod in pods if _is_own(wanted, pod)}
    usable = [room for room in rooms if not room.problem]
    return tuple(sorted(usable, key=lambda room: room.name not in holding)[: wanted.count])


def find_existing(wanted: Wanted, supply: Supply) -> tuple[Room, ...]:
    """Nodes to run on that the workspace's own claims did not make, at most as many as wanted.

    A node may be seen before its claim says its name: what was made for this workspace is no
    find while a claim is without a node or a pool makes them, or what asked for it would be given
    back together with the machine.
    """
    made = {claim.status.node_name for claim in supply.claims}
    is_expecting = "" in made or bool(supply.pools)
    rooms = (
        room
        for room in find_room(wanted, supply)
        if room.name not in made and not (is_expecting and _was_made_for(wanted, room.node))
    )
    return choose(wanted, rooms, supply.pods)


def pressure_on(nodes: Iterable[Node]) -> str:
    """`node n1: DiskPressure` for every node that reports pressure; empty when none does."""
    found = [
        f"node {node.metadata.name}: {condition.type}"
        for node in nodes
        for condition in node.status.conditions
        if condition.type in PRESSURES and condition.is_true
    ]
    return ", ".join(found)


def _room(wanted: Wanted, node: Node, pods: tuple[Pod, ...]) -> Room:
    total = _whole(node.status.allocatable.get(wanted.gpu_resource, "0"))
    taken = sum(
        _requested(pod, wanted.gpu_resource)
        for pod in pods
        if pod.spec.node_name == node.metadata.name
        and not pod.is_finished
        and not _is_own(wanted, pod)
    )
    free = max(total - taken, 0)
    return Room(
        node=node, free_gpus=free, total_gpus=total, problem=_problem(wanted, node, free, total)
    )


def _problem(wanted: Wanted, node: Node, free: int, total: int) -> str:
    if node.metadata.is_deleting:
        return "is being deleted"
    if not node.is_ready:
        return "is not Ready"
    if node.spec.unschedulable:
        return "is cordoned"
    if taint := next((t for t in node.spec.taints if _keeps_away(t.key, t.effect)), None):
        return f"has the taint {taint.key}={taint.value}:{taint.effect}"
    kind = node.metadata.labels.get(labels.INSTANCE_TYPE, "")
    if wanted.instance_type and kind.lower() != wanted.instance_type.lower():
        return f"is a {kind or 'machine of unknown type'}, not a {wanted.instance_type}"
    return _shortage(wanted, free, total)


def _shortage(wanted: Wanted, free: int, total: int) -> str:
    if not wanted.gpus_per_node:
        return ""
    if not total:
        return f"offers no {wanted.gpu_resource}: is the device plugin running there?"
    if free < wanted.gpus_per_node:
        return f"has {free} of {total} {wanted.gpu_resource} free, {wanted.gpus_per_node} needed"
    return ""


def _keeps_away(key: str, effect: str) -> bool:
    """Whether our pods do not tolerate it; they tolerate the taints of GPU nodes."""
    return effect != "PreferNoSchedule" and key not in labels.TOLERATED_TAINTS


def _was_made_for(wanted: Wanted, node: Node) -> bool:
    owner = wanted.owner.metadata
    return any(owners == (owner.name, owner.namespace) for owners in _owners(node))


def _is_given_to_another(wanted: Wanted, node: Node) -> bool:
    """Nodes that were made for one workspace are not existing capacity for the next."""
    owner = wanted.owner.metadata
    return any(owners != (owner.name, owner.namespace) for owners in _owners(node))


def _owners(node: Node) -> list[tuple[str, str | None]]:
    held = node.metadata.labels
    return [(held[name], held.get(space)) for name, space in _OWNER_LABELS if name in held]


def _is_own(wanted: Wanted, pod: Pod) -> bool:
    owner = wanted.owner.metadata
    named = pod.metadata.labels.get(labels.WORKSPACE)
    return named == owner.name and pod.metadata.namespace == owner.namespace


def _requested(pod: Pod, resource: str) -> int:
    """As the scheduler counts: the containers together, or the largest init container."""
    together = sum(_asked(container, resource) for container in pod.spec.containers)
    return max(together, *(_asked(c, resource) for c in pod.spec.init_containers), 0)


def _asked(container: Container, resource: str) -> int:
    amounts = container.resources
    return _whole(amounts.requests.get(resource, amounts.limits.get(resource, 0)))


def _whole(quantity: str | int | float) -> int:
    return int(parse_quantity(quantity))
