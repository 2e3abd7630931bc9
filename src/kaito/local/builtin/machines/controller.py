"""Watches claims, their nodes and, for letting go, pods; one pass is about all claims.

They share one key because they share one machine: a pass sees what the pass before it has granted.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from kaito.api import labels
from kaito.api.core import NODES, PODS, Node
from kaito.api.meta import Key, Object
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.resources import Resource
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Watch
from kaito.local.builtin.machines.capacity import plan_grants
from kaito.local.builtin.machines.decide import decide_machines
from kaito.local.builtin.machines.observed import MachineFacts, Observed, observe_machines

_ONLY_KEY = Key("", "machine")


def _the_key(_: Object) -> tuple[Key, ...]:
    return (_ONLY_KEY,)


def _the_key_of_emulated(node: Node) -> tuple[Key, ...]:
    return (_ONLY_KEY,) if labels.EMULATED in node.metadata.labels else ()


def _no_keys(_: Object) -> tuple[Key, ...]:
    return ()


class MachinesController:
    """Turns NodeClaims into virtual nodes of this machine."""

    name = "machine-provisioner"

    def __init__(
        self,
        machine: MachineFacts,
        *,
        workspaces: Resource[Any],
        gpus_of: Callable[[str], int],
    ) -> None:
        """`gpus_of` says how many GPUs an instance type has; `workspaces` are told by events."""
        self._machine = machine
        self._gpus_of = gpus_of
        self._workspaces = workspaces
        self._last: Observed | None = None
        self.watches: tuple[Watch[Any], ...] = (
            Watch(NODECLAIMS, _the_key),
            Watch(NODES, _the_key_of_emulated),
            Watch(PODS, _the_key),
            Watch(workspaces, _no_keys),
        )

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """Every claim with its node; None while there are no claims."""
        del key
        # Deciding is pure, so what the last pass granted follows from what it was made from.
        granted = plan_grants(self._last, self._machine).granted if self._last else frozenset()
        found = observe_machines(reader, self._workspaces, granted)
        self._last = found if found.claims else None
        return self._last

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """Pure; see `decide_machines`."""
        types = {claim.spec.instance_type for claim in observed.claims}
        gpus = {type_: self._gpus_of(type_) for type_ in types if type_}
        return decide_machines(observed, self._machine, gpus, now)
