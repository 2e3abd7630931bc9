"""Whether a second pod of a workspace has room now, beside the one that runs. Counting, pure.

Only nodes that are there count: no machine is asked for, for the few minutes of an update.
"""

from collections.abc import Iterable

from kaito.api import labels
from kaito.api.core import Container, Node, Pod
from kaito.base.quantity import format_gib, parse_bytes
from kaito.provision.port import Supply, Wanted
from kaito.provision.room import Room, find_room


def find_shortage(wanted: Wanted, supply: Supply, crowd: tuple[Pod, ...] = ()) -> str:
    """What is missing on the node that comes closest; empty where a second pod has room.

    `crowd` are the pods on all nodes that one machine plays.
    """
    shortages = [_shortage(wanted, room, supply, crowd) for room in find_room(wanted, supply)]
    if not shortages:
        return "no node matches resource.labelSelector"
    return "" if "" in shortages else min(shortages, key=_how_close)


def _how_close(shortage: str) -> tuple[bool, str]:
    return (not shortage.endswith("needed"), shortage)


def _shortage(wanted: Wanted, room: Room, supply: Supply, crowd: tuple[Pod, ...]) -> str:
    if room.problem:
        return f"node {room.name} {room.problem}"
    there = [pod for pod in supply.pods if pod.spec.node_name == room.name and not pod.is_finished]
    own = sum(_is_own(wanted, pod) for pod in there)
    free = room.free_gpus - own * wanted.gpus_per_node
    if free < wanted.gpus_per_node:
        return (
            f"node {room.name} has {max(free, 0)} of {room.total_gpus} {wanted.gpu_resource} free, "
            f"{wanted.gpus_per_node} needed"
        )
    # Nodes that are one machine share its memory.
    shares = labels.MACHINE in room.node.metadata.labels
    return _memory_shortage(wanted, room.node, crowd if shares else there)


def _memory_shortage(wanted: Wanted, node: Node, there: Iterable[Pod]) -> str:
    offered = node.status.allocatable.get("memory")
    if offered is None or not wanted.memory_bytes:
        return ""
    free = max(parse_bytes(offered) - sum(map(_memory_of, there)), 0)
    if free >= wanted.memory_bytes:
        return ""
    return (
        f"{node.metadata.name} has {format_gib(free)} of memory free, "
        f"{format_gib(wanted.memory_bytes)} needed"
    )


def _is_own(wanted: Wanted, pod: Pod) -> bool:
    owner = wanted.owner.metadata
    named = pod.metadata.labels.get(labels.WORKSPACE)
    return named == owner.name and pod.metadata.namespace == owner.namespace


def _memory_of(pod: Pod) -> int:
    together = sum(map(_asked, pod.spec.containers))
    return max(together, *map(_asked, pod.spec.init_containers), 0)


def _asked(container: Container) -> int:
    amounts = container.resources
    return parse_bytes(amounts.requests.get("memory", amounts.limits.get("memory", 0)))
