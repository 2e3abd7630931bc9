"""What is taken of every node and machine.

CPUs and memory belong to the machine: virtual nodes with the same `kaito.sh/machine` label share
them. Pods and devices are counted per node, since devices of emulated nodes are only data.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from kaito.api import labels
from kaito.api.core import Node, Pod
from kaito.base.quantity import format_gib
from kaito.local.builtin.scheduler.amounts import (
    CPU,
    MEMORY,
    PODS,
    Amounts,
    requested,
    to_amounts,
)

_SHARED = (CPU, MEMORY)


def machine_of(node: Node) -> str:
    """The machine behind a node; a node without the label is a machine of its own."""
    return node.metadata.labels.get(labels.MACHINE, node.metadata.name)


@dataclass(slots=True)
class _Account:
    """What one node or machine offers, and what is taken of it."""

    offered: Amounts
    taken: dict[str, int] = field(default_factory=dict)
    pods: int = 0

    def take(self, asked: Amounts) -> None:
        for name, amount in asked.items():
            self.taken[name] = self.taken.get(name, 0) + amount
        self.pods += 1

    def lacks(self, name: str, amount: int) -> bool:
        return amount > 0 and self.taken.get(name, 0) + amount > self.offered.get(name, 0)


class Ledger:
    """The accounts of one pass. Mutable, but never outlives the pass."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes: dict[str, _Account] = {}
        self._machines: dict[str, _Account] = {}
        self._machine_of: dict[str, str] = {}
        for node in nodes:
            offered = to_amounts(node.status.allocatable or node.status.capacity)
            machine = machine_of(node)
            self._nodes[node.metadata.name] = _Account(offered)
            self._machine_of[node.metadata.name] = machine
            known = self._machines.get(machine)
            if known is None:
                self._machines[machine] = _Account(_shared(offered))
            else:
                known.offered = dict(Counter(known.offered) | Counter(_shared(offered)))

    def take(self, node: str, pod: Pod) -> None:
        """Book a pod on a node; a node that is not there any more has no account."""
        if node in self._nodes:
            asked = requested(pod)
            self._nodes[node].take(asked)
            self._machines[self._machine_of[node]].take(_shared(asked))

    def shortages(self, node: str, asked: Amounts) -> tuple[str, ...]:
        """What the node has too little of, in Kubernetes' words; empty when the pod fits."""
        own, machine = self._nodes[node], self._machines[self._machine_of[node]]
        found = ["Too many pods"] if PODS in own.offered and own.lacks(PODS, own.pods + 1) else []
        for name, amount in sorted(asked.items()):
            account = machine if name in _SHARED else own
            if _is_counted(name, account.offered) and account.lacks(name, amount):
                found.append(f"Insufficient {name}")
        return tuple(found)

    def load(self, node: str) -> tuple[float, int]:
        """Sort key: the share of the node's CPUs and memory that its pods take; their number."""
        own = self._nodes[node]
        shares = [
            own.taken.get(name, 0) / own.offered[name] for name in _SHARED if own.offered.get(name)
        ]
        return (sum(shares), own.pods)

    def explain_memory(self, machine: str, asked: Amounts) -> str:
        """The arithmetic behind `Insufficient memory`."""
        account = self._machines[machine]
        pods = "1 pod" if account.pods == 1 else f"{account.pods} pods"
        return (
            f"machine {machine}: {format_gib(account.offered.get(MEMORY, 0))} allocatable, "
            f"{format_gib(account.taken.get(MEMORY, 0))} requested by {pods}, "
            f"{format_gib(asked.get(MEMORY, 0))} asked"
        )


def _shared(amounts: Amounts) -> Amounts:
    return {name: amounts[name] for name in _SHARED if name in amounts}


def _is_counted(name: str, offered: Amounts) -> bool:
    """Whether a shortage counts: local disk does only where a node says how much it has."""
    return name in offered or name in _SHARED or "/" in name
