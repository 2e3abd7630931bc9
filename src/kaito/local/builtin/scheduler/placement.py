"""Where every waiting pod goes, or why it cannot: one pure function over the whole cluster."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kaito.api import labels
from kaito.api.core import Node, Pod
from kaito.local.builtin.scheduler import affinity, taints
from kaito.local.builtin.scheduler.amounts import requested
from kaito.local.builtin.scheduler.apart import Neighbours, tell_forbidden
from kaito.local.builtin.scheduler.ledger import Ledger, machine_of

_OWN_NAMES = frozenset({"", "default-scheduler"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """All nodes, all pods that have not ended, and what was decided but is not seen yet."""

    nodes: tuple[Node, ...]
    pods: tuple[Pod, ...]
    assumed: Mapping[str, str] = field(default_factory=dict)
    """Pod uid -> node: bindings of the last pass that the watch has not shown so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A waiting pod with its node, or with the reasons why there is none."""

    pod: Pod
    node: str = ""
    refusal: str = ""
    is_repeated: bool = False
    """Whether the last pass has decided this already; the API server may have refused it."""


def is_waiting(pod: Pod) -> bool:
    """Whether the pod still needs a node."""
    return (
        not pod.spec.node_name
        and not pod.metadata.is_deleting
        and not pod.is_finished
        and pod.spec.scheduler_name in _OWN_NAMES
    )


def plan_placements(observed: Observed) -> tuple[Placement, ...]:
    """A placement for every waiting pod, the oldest first; each takes its room from the next."""
    room = _Room.of(observed.nodes)
    for pod in observed.pods:
        if pod.spec.node_name:
            room.take(pod.spec.node_name, pod)
    waiting = sorted(filter(is_waiting, observed.pods), key=_age)
    placements = []
    for pod in waiting:
        node = observed.assumed.get(pod.metadata.uid, "")
        if node in room.nodes:
            room.take(node, pod)
            placements.append(Placement(pod=pod, node=node, is_repeated=True))
    settled = {placement.pod.metadata.uid for placement in placements}
    fresh = [pod for pod in waiting if pod.metadata.uid not in settled]
    return (*placements, *[_place(pod, observed.nodes, room) for pod in fresh])


@dataclass(frozen=True, slots=True)
class _Room:
    """What is taken of each node, and who is there."""

    nodes: Mapping[str, Node]
    ledger: Ledger
    neighbours: Neighbours

    @classmethod
    def of(cls, nodes: tuple[Node, ...]) -> "_Room":
        return cls({node.metadata.name: node for node in nodes}, Ledger(nodes), Neighbours())

    def take(self, node: str, pod: Pod) -> None:
        """Book a pod on a node; one that is not there any more has nothing to take."""
        if node in self.nodes:
            self.ledger.take(node, pod)
            self.neighbours.add(pod, self.nodes[node])


def _place(pod: Pod, nodes: tuple[Node, ...], room: _Room) -> Placement:
    ledger, wanted = room.ledger, affinity.parse_affinity(pod)
    forbidden = room.neighbours.forbidden(pod)
    obstacles = {
        node.metadata.name: _obstacles(pod, wanted, node, ledger) or tell_forbidden(node, forbidden)
        for node in nodes
    }
    suitable = [node for node in nodes if not obstacles[node.metadata.name]]
    if not suitable:
        return Placement(pod=pod, refusal=_refusal(pod, nodes, obstacles, ledger))
    best = min(
        suitable,
        key=lambda node: (
            taints.disliked(pod, node),
            -affinity.preference(wanted, node),
            ledger.load(node.metadata.name),
            labels.EMULATED in node.metadata.labels,
            node.metadata.name,
        ),
    )
    room.take(best.metadata.name, pod)
    return Placement(pod=pod, node=best.metadata.name)


def _obstacles(
    pod: Pod, wanted: affinity.NodeAffinity, node: Node, ledger: Ledger
) -> tuple[str, ...]:
    """Why the pod cannot run on the node, in Kubernetes' words; only the first kind of reason."""
    if node.spec.unschedulable:
        return ("node(s) were unschedulable",)
    if taint := taints.repelling(pod, node):
        return (f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}",)
    if not affinity.is_wanted(pod, wanted, node):
        return ("node(s) didn't match Pod's node affinity/selector",)
    return ledger.shortages(node.metadata.name, requested(pod))


def _refusal(
    pod: Pod, nodes: tuple[Node, ...], obstacles: Mapping[str, tuple[str, ...]], ledger: Ledger
) -> str:
    if not nodes:
        return "no nodes available to schedule pods"
    counts = Counter(reason for reasons in obstacles.values() for reason in reasons)
    summary = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    short = {
        machine_of(node) for node in nodes if "Insufficient memory" in obstacles[node.metadata.name]
    }
    arithmetic = _sentences(ledger.explain_memory(m, requested(pod)) for m in sorted(short))
    return f"0/{len(nodes)} nodes are available: {summary}.{arithmetic}"


def _sentences(parts: Iterable[str]) -> str:
    return "".join(f" {part}." for part in parts)


def _age(pod: Pod) -> tuple[float, str, str]:
    created = pod.metadata.creation_timestamp
    moment = created.timestamp() if created else 0.0
    return (moment, pod.metadata.namespace, pod.metadata.name)
