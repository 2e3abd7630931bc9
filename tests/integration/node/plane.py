"""An API server in this process, and a node agent on it; pods are bound by hand and really run."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kaito.api.core import EVENTS, LEASES, Event, Lease
from kaito.api.meta import Key, Manifest, Object
from kaito.api.resources import Resource
from kaito.base.clock import SystemClock
from kaito.base.quantity import GIB
from kaito.kube import errors
from kaito.kube.cache import Cache
from kaito.kube.client import Client
from kaito.kube.config import on_socket
from kaito.kube.informer import Informers
from kaito.local.apiserver.server import ApiServer
from kaito.local.node import procfs
from kaito.local.node.agent import AgentSettings, NodeAgent
from kaito.local.node.node_objects import NODES, Node
from kaito.local.node.pod import PODS, WatchedPod
from kaito.local.node.process import MARK, mark_of
from kaito.local.node.spawn import wait_readable
from kaito.local.store.memory import MemoryStore
from kaito.planner.machine import Machine

PATIENCE = 30.0
"""Seconds within which anything that is to happen has happened, on a slow machine."""
MACHINE = Machine(name="box", cpus=2, memory_bytes=8 * GIB)


def settings(state: Path, *, uses_sandbox: bool = True, gpus: int = 0) -> AgentSettings:
    return AgentSettings(state=state, machine=MACHINE, uses_sandbox=uses_sandbox, gpus=gpus)


class Plane:
    """A client, and eyes on what the tests ask about."""

    def __init__(self, client: Client, informers: Informers, state: Path) -> None:
        self.client = client
        self.state = state
        self._changed = asyncio.Event()
        self.pods: Cache[WatchedPod] = informers.watch(PODS)
        self.nodes: Cache[Node] = informers.watch(NODES)
        self.events: Cache[Event] = informers.watch(EVENTS)
        self.leases: Cache[Lease] = informers.watch(LEASES)
        for cache in (self.pods, self.nodes, self.events, self.leases):
            cache.subscribe(self._note)

    def _note(self, _old: Object | None, _new: Object | None) -> None:
        self._changed.set()

    async def until(self, holds: Callable[[], Any], what: str) -> Any:
        """Wait until something that a change can make true holds; what it then is."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not (found := holds()):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pods = [(pod.key, pod.status) for pod in self.pods.list()]
            raise AssertionError(f"{what} did not come true: {pods}") from None
        return found

    async def create(self, resource: Resource[Any], manifest: Manifest) -> Object:
        created: Object = await self.client.create(resource, manifest)
        return created

    async def run_pod(self, name: str, *command: str, **fields: Any) -> Key:
        """Create a pod with one container `main`, bound to the machine's node."""
        container = {"name": "main", "image": "x", "command": list(command)}
        container.update(fields.pop("container", {}))
        spec = {"nodeName": MACHINE.name, "containers": [container], **fields}
        meta = {"name": name, "namespace": "default"}
        await self.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        return Key("default", name)

    def processes(self, run: str = "") -> list[int]:
        """Every process of this plane's containers, or of one run of them."""
        found = procfs.find_marked(MARK, f"{mark_of(self.state)}/{run}")
        return [pid for pid, _, _ in found]

    async def until_no_process(self, run: str = "") -> None:
        """Wait until everything of this plane's containers, or of one run, has ended."""
        async with asyncio.timeout(PATIENCE):
            while found := self.processes(run):
                for pid in found:
                    await _until_ended(pid)

    def status(self, key: Key) -> Manifest:
        pod = self.pods.get(key)
        return pod.status if pod else {}

    def container(self, key: Key) -> Manifest:
        found = self.status(key).get("containerStatuses") or [{}]
        entry: Manifest = found[0]
        return entry

    async def until_phase(self, key: Key, phase: str) -> Manifest:
        await self.until(lambda: self.status(key).get("phase") == phase, f"{key} {phase}")
        return self.container(key)

    async def until_ready(self, key: Key) -> Manifest:
        await self.until(lambda: self.container(key).get("ready"), f"{key} ready")
        return self.container(key)

    async def until_waiting(self, key: Key, reason: str) -> Manifest:
        def waiting() -> Manifest:
            found: Manifest = (self.container(key).get("state") or {}).get("waiting") or {}
            return found if found.get("reason") == reason else {}

        found: Manifest = await self.until(waiting, f"{key} waiting with {reason}")
        return found

    async def until_gone(self, key: Key) -> None:
        await self.until(lambda: self.pods.get(key) is None, f"{key} gone")

    async def until_event(self, name: str, reason: str) -> Event:
        def find() -> Event | None:
            listed = self.events.list()
            mine = (e for e in listed if e.involved_object.name == name and e.reason == reason)
            return next(mine, None)

        found: Event = await self.until(find, f"event {reason} about {name}")
        return found

    async def delete_pod(self, key: Key, *, grace: int | None = None) -> None:
        try:
            await self.client.delete(PODS, key, grace_seconds=grace)
        except errors.NotFound:
            return
        await self.until_gone(key)


async def _until_ended(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await wait_readable(handle)
    finally:
        os.close(handle)


@asynccontextmanager
async def api_plane(folder: Path) -> AsyncIterator[Plane]:
    """The API server alone, with a state folder for the agent."""
    server = ApiServer(MemoryStore(), SystemClock(), token="t")
    socket = folder / "api.sock"
    await server.start(unix_socket=socket)
    state = folder / "state"
    state.mkdir()
    try:
        async with Client(on_socket(socket)) as client:
            informers = Informers(client, clock=SystemClock())
            plane = Plane(client, informers, state)
            following = asyncio.create_task(informers.run())
            await informers.wait_synced()
            yield plane
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    finally:
        await server.stop()


@asynccontextmanager
async def node_agent(plane: Plane, wanted: AgentSettings) -> AsyncIterator[NodeAgent]:
    """An agent that serves until the end of the block, and then ends its containers."""
    async with NodeAgent(plane.client, wanted, clock=SystemClock()) as agent:
        work = asyncio.create_task(agent.run())
        try:
            async with asyncio.timeout(PATIENCE):
                await agent.ready.wait()
            yield agent
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            # Only now: while it serves, it would start them again.
            await agent.stop_containers(grace=0)
