"""The node agent: puts its parts together and runs them.

It adopts what still runs, registers the machine, and from then on follows pods, nodes, Services and
what pods refer to. It decides nothing itself.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from kaito.api.meta import Key
from kaito.base.clock import Clock
from kaito.kube.client import Client
from kaito.kube.controller.recorder import Recorder
from kaito.kube.informer import Informers
from kaito.kube.workqueue import WorkQueue
from kaito.local.builtin.kinds import ENDPOINT_SLICES
from kaito.local.node.commands import Commands
from kaito.local.node.devices import observe_gpus
from kaito.local.node.directory import PodDirectory
from kaito.local.node.events import COMPONENT, Events
from kaito.local.node.kit import Kit
from kaito.local.node.names import PodNames
from kaito.local.node.node_objects import NODES
from kaito.local.node.nodes import Nodes
from kaito.local.node.pod import PODS
from kaito.local.node.probes import Checker
from kaito.local.node.process import ContainerRuntime
from kaito.local.node.proxy import ServiceProxy
from kaito.local.node.proxy_rules import ALL_SERVICES
from kaito.local.node.sandbox import find_bwrap
from kaito.local.node.sources import ALL_CLAIMS, ALL_CONFIGMAPS, ALL_SECRETS, CachedSources
from kaito.local.node.streams import NodeStreams
from kaito.local.node.view import find_nsenter
from kaito.local.node.volumes import Volumes
from kaito.planner.machine import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """What the agent is told about its machine."""

    state: Path
    """The state folder; pods lie below it."""
    machine: Machine
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    own_bin: str = str(Path(sys.executable).parent)
    """The folder of this Python environment's programs."""
    gpus: int = field(default_factory=observe_gpus)
    uses_sandbox: bool = True
    """Whether bubblewrap is used where it works."""


class NodeAgent:
    """The agent of one machine.

    Use as an async context manager: entering adopts what still runs and needs no API server;
    `run` then follows the API server; leaving lets go of containers without ending them.
    """

    def __init__(self, client: Client, settings: AgentSettings, *, clock: Clock) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        self._runtime = ContainerRuntime(settings.state, clock=clock)
        nsenter = find_nsenter(settings.environment)
        self._commands = Commands(self._runtime, clock=clock, nsenter=nsenter)
        self._checker = Checker(self._commands, clock=clock)
        self._informers = Informers(client, clock=clock)
        self._events = Events(Recorder(client, component=COMPONENT, clock=clock))
        self._nodes = Nodes(
            client, self._informers, settings.machine, gpus=settings.gpus, clock=clock
        )
        self._services: WorkQueue[Key] = WorkQueue(clock=clock)
        self._proxy = ServiceProxy(client, self._informers, self._events, queue=self._services)
        self._names = PodNames(self._informers, settings.state.resolve() / "hosts")
        self._directory: PodDirectory | None = None
        self.ready = asyncio.Event()
        """Set once the machine is registered and every pod has been taken up."""

    @property
    def streams(self) -> NodeStreams:
        """Logs, exec, attach and port-forward, for `ApiServer.attach_pods`."""
        assert self._directory is not None, "the agent is used outside its async with"
        return NodeStreams(self._directory, self._runtime, self._commands, clock=self._clock)

    async def __aenter__(self) -> Self:
        await self._runtime.__aenter__()
        await self._runtime.adopt()
        environment = dict(self._settings.environment)
        bwrap = await find_bwrap(environment) if self._settings.uses_sandbox else ""
        kit = self._kit(bwrap)
        self._directory = PodDirectory(
            kit, self._nodes, self._informers, state=self._settings.state
        )
        self._subscribe(self._directory)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._checker.close()
        await self._runtime.__aexit__(kind, error, traceback)

    async def run(self) -> None:
        """Serve this machine's pods until cancelled."""
        assert self._directory is not None, "the agent is used outside its async with"
        async with asyncio.TaskGroup() as group:
            group.create_task(self._informers.run(), name="node informers")
            group.create_task(self._events.run(), name="node events")
            await self._nodes.register()
            await self._informers.wait_synced()
            for work in (self._directory.run(), self._nodes.report(), self._nodes.beat()):
                group.create_task(work)
            group.create_task(self._services.run_timers(), name="proxy timers")
            group.create_task(self._proxy.run(), name="proxy")
            self.ready.set()

    async def stop_containers(self, *, grace: float) -> None:
        """End every container, for an orderly end of the plane; their pods run again next time."""
        await self._runtime.stop_all(grace=grace)

    def _kit(self, bwrap: str) -> Kit:
        return Kit(
            client=self._client,
            events=self._events,
            runtime=self._runtime,
            volumes=Volumes(self._settings.state),
            checker=self._checker,
            sources=CachedSources(self._informers),
            clock=self._clock,
            environment=self._settings.environment,
            own_bin=self._settings.own_bin,
            bwrap=bwrap,
            gpus=self._settings.gpus,
            allocatable=self._nodes.allocatable,
            hosts=self._names.path,
        )

    def _subscribe(self, directory: PodDirectory) -> None:
        watch = self._informers.watch
        watch(PODS).subscribe(directory.pod_changed)
        watch(NODES).subscribe(self._nodes.changed)
        watch(NODES).subscribe(directory.node_changed)
        watch(ALL_CONFIGMAPS).subscribe(directory.source_changed)
        watch(ALL_SECRETS).subscribe(directory.source_changed)
        watch(ALL_CLAIMS).subscribe(directory.claim_changed)
        watch(ENDPOINT_SLICES).subscribe(self._names.slice_changed)
        watch(ALL_SERVICES).subscribe(self._proxy.service_changed)
        watch(ENDPOINT_SLICES).subscribe(self._proxy.slice_changed)
