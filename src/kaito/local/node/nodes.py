"""Keeps the nodes of this machine registered, ready and alive.

Status is written only when it says something new; the heartbeat is the Lease alone.
"""

import asyncio
import logging
from contextlib import suppress

from kaito.api.core import LEASES, NAMESPACES
from kaito.api.meta import Key
from kaito.base.clock import Clock
from kaito.base.logs import facts
from kaito.kube import errors
from kaito.kube.cache import Reader
from kaito.kube.client import Client
from kaito.local.node.node_objects import (
    LEASE_NAMESPACE,
    LEASE_SECONDS,
    NODES,
    Node,
    is_on,
    plan_node_status,
    render_lease,
    render_machine_node,
)
from kaito.planner.machine import Machine

logger = logging.getLogger(__name__)

_MANAGER = "kaito-node-agent"


class Nodes:
    """The nodes that this machine is behind."""

    def __init__(
        self, client: Client, reader: Reader, machine: Machine, *, gpus: int, clock: Clock
    ) -> None:
        self._client = client
        self._reader = reader
        self._machine = machine
        self._gpus = gpus
        self._clock = clock
        self._changed = asyncio.Event()
        self._changed.set()
        self._met: set[str] = set()

    def changed(self, old: Node | None, new: Node | None) -> None:
        """A node is new, different or gone."""
        if any(item is not None and is_on(self._machine, item) for item in (old, new)):
            self._changed.set()

    def serves(self, name: str) -> bool:
        """Whether pods bound to that node run here."""
        node = self._reader.get(NODES, Key("", name))
        return node is not None and is_on(self._machine, node)

    def allocatable(self, name: str) -> dict[str, str]:
        """What a node offers; nothing when it does not exist."""
        node = self._reader.get(NODES, Key("", name))
        return dict(node.status.allocatable) if node is not None else {}

    async def register(self) -> None:
        """Make sure that the machine's own node exists, and the namespace of its lease."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LEASE_NAMESPACE}}
        with suppress(errors.AlreadyExists):
            await self._client.create(NAMESPACES, namespace)
        await self._client.apply(NODES, render_machine_node(self._machine), manager=_MANAGER)

    async def report(self) -> None:
        """Keep the status of every node true, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for node in self._mine():
                await self._report(node)
                if node.metadata.uid not in self._met:
                    # The first heartbeat of a new node does not wait for its turn.
                    self._met.add(node.metadata.uid)
                    await self._renew(node)

    async def beat(self) -> None:
        """Renew every node's lease, until cancelled."""
        while True:
            await self._clock.sleep(LEASE_SECONDS / 4)
            for node in self._mine():
                await self._renew(node)

    def _mine(self) -> list[Node]:
        return [node for node in self._reader.list(NODES) if is_on(self._machine, node)]

    async def _report(self, node: Node) -> None:
        status = plan_node_status(self._machine, node, self._gpus, self._clock.now())
        if not status:
            return
        try:
            await self._client.patch(NODES, node.key, {"status": status}, subresource="status")
        except errors.NotFound:
            return
        except errors.ApiError as error:
            logger.warning("node not reported", extra=facts(node=node.key, error=error))
            self._changed.set()
            await self._clock.sleep(1.0)

    async def _renew(self, node: Node) -> None:
        lease = render_lease(node, self._clock.now())
        try:
            await self._client.apply(LEASES, lease, manager=_MANAGER)
        except errors.ApiError as error:
            # The next beat is near; a missed one means nothing yet.
            logger.debug("lease not renewed", extra=facts(node=node.key, error=error))
