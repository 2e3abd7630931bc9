"""A whole cluster in simulated time: one operator under test, everything around it.

Around it: the API server, the controllers of StatefulSets, Deployments and Jobs, the scheduler and
the garbage collector of the embedded plane, a cloud and kubelets. The operator's caches lag, its
writes fail, and it dies, all drawn from one seed; `converge` then lets everybody be and waits until
nothing changes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from kaito.api.core import CONFIGMAPS, JOBS, PODS, SERVICES, STATEFULSETS
from kaito.api.meta import Key, Manifest
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.resources import Resource
from kaito.api.workspace import WORKSPACES
from kaito.base.clock import ManualClock, settle
from kaito.kube import errors
from kaito.kube.client import Client
from kaito.kube.controller.runner import Controller
from kaito.local.apiserver.admission import Admission
from kaito.local.builtin.collector.controller import CollectorController
from kaito.local.builtin.deployment.controller import DeploymentController
from kaito.local.builtin.job.controller import JobController
from kaito.local.builtin.kinds import DEPLOYMENTS, REPLICASETS
from kaito.local.builtin.live import ApiLive
from kaito.local.builtin.replicaset import ReplicaSetController
from kaito.local.builtin.scheduler.controller import SchedulerController
from kaito.local.builtin.statefulset.controller import StatefulSetController
from kaito.testing.cloud import Cloud
from kaito.testing.kubelet import Kubelets
from kaito.testing.process import Killed, Process
from kaito.testing.server import DirectClient, SimulatedServer

MakeControllers: TypeAlias = Callable[[Client], Iterable[Controller[Any]]]
"""The controllers of one life of the operator, over its own client."""

_COLLECTED = (
    CONFIGMAPS,
    DEPLOYMENTS,
    JOBS,
    NODECLAIMS,
    PODS,
    REPLICASETS,
    SERVICES,
    STATEFULSETS,
    WORKSPACES,
)
_QUIET_ROUNDS = 10
"""Longer than any machine or pod takes: waiting for one is not the end."""
_ROUND_SECONDS = 15.0


@dataclass(slots=True)
class Faults:
    """What strikes the operator's writes, drawn from `random`."""

    random: Random
    refused: float = 0.0
    """Share of writes that never arrive: 409, 429, 500, no answer."""
    lost: float = 0.0
    """Share of writes that are carried out and answered with a timeout."""
    deadly: float = 0.0
    """Share of writes before or after which the operator dies."""
    kill_at: int = -1
    """The number of the write to die at, half before and half after; counted in half writes."""
    writes: int = 0
    kills: int = 0

    def before(self, verb: str, path: str) -> None:
        """See `FaultLine.before`."""
        if path.endswith("/events"):
            return
        self._count()
        if self.random.random() < self.deadly / 2:
            self._die()
        if self.random.random() < self.refused:
            raise self.random.choice(_REFUSALS)(f"{verb} {path}: simulated")

    def after(self, verb: str, path: str) -> None:
        """See `FaultLine.after`."""
        if path.endswith("/events"):
            return
        self._count()
        if self.random.random() < self.deadly / 2:
            self._die()
        if self.random.random() < self.lost:
            raise errors.Unavailable(f"{verb} {path}: simulated timeout")

    def _count(self) -> None:
        self.writes += 1
        if self.writes == self.kill_at:
            self._die()

    def _die(self) -> None:
        self.kills += 1
        raise Killed

    def cease(self) -> None:
        """No more faults."""
        self.refused = self.lost = self.deadly = 0.0
        self.kill_at = -1


_REFUSALS: tuple[Callable[[str], errors.ApiError], ...] = (
    errors.Conflict,
    errors.TooManyRequests,
    errors.Unavailable,
)


@dataclass(slots=True, kw_only=True)
class Simulation:
    """One cluster, one seed."""

    seed: int
    controllers: MakeControllers
    definitions: tuple[Manifest, ...]
    admission: Admission | None = None
    clock: ManualClock = field(default_factory=ManualClock)
    random: Random = field(init=False)
    server: SimulatedServer = field(init=False)
    user: DirectClient = field(init=False)
    """A client without faults, for what people do."""
    faults: Faults = field(init=False)
    cloud: Cloud = field(init=False)
    kubelets: Kubelets = field(init=False)
    operator: Process = field(init=False)
    around: Process = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)  # noqa: S311
        self.server = SimulatedServer(self.clock, seed=self.seed, admission=self.admission)
        self.user = DirectClient(self.server)
        self.faults = Faults(self.random)
        self.cloud = Cloud(client=self.user, clock=self.clock, delay=self._delay(60.0))
        self.kubelets = Kubelets(client=self.user, clock=self.clock, delay=self._delay(30.0))

    async def start(self) -> None:
        """Bring the cluster up, and the operator's first life."""
        await self.server.start(self.definitions)
        live = ApiLive(self.user)
        self.around = Process(
            self.server,
            (
                SchedulerController(),
                StatefulSetController(),
                DeploymentController(),
                ReplicaSetController(),
                JobController(),
                CollectorController(_COLLECTED, live=live),
            ),
            self.user,
            clock=self.clock,
        )
        await self.around.start()
        await self._begin_life()

    async def stop(self) -> None:
        """End every task."""
        await self.operator.stop()
        await self.around.stop()

    async def apply(self, resource: Resource[Any], manifest: Manifest) -> None:
        """What `kubectl apply` does."""
        await self.user.apply(resource, manifest, manager="kubectl")

    async def delete(self, resource: Resource[Any], key: Key) -> None:
        """What `kubectl delete --wait=false` does."""
        await self.user.delete(resource, key)

    async def chaos(self, steps: int, invariant: Callable[[], None] = lambda: None) -> None:
        """Take steps of every kind in an order drawn from the seed; check after each."""
        kinds = (self._deliver, self._work, self._work, self._pass_time, self._relist)
        weights = (40, 30, 10, 15, 5)
        for _ in range(steps):
            await self.random.choices(kinds, weights)[0]()
            invariant()

    async def kill(self) -> None:
        """End the operator as it stands, and start it anew."""
        await self.operator.stop()
        await self._begin_life()

    async def converge(self, *, seconds: float = 1800.0, in_peace: bool = True) -> float:
        """Until nothing has changed for a while; the simulated seconds it took.

        `in_peace` ends all faults first.
        """
        if in_peace:
            self.faults.cease()
        started, quiet = self.clock.monotonic(), 0
        while quiet < _QUIET_ROUNDS:
            before = self.server.store.revision
            await self._everybody()
            await self.clock.advance(_ROUND_SECONDS)
            quiet = quiet + 1 if self.server.store.revision == before else 0
            elapsed = self.clock.monotonic() - started
            assert elapsed < seconds, f"seed {self.seed}: still changing after {elapsed:.0f} s"
        return self.clock.monotonic() - started - quiet * _ROUND_SECONDS

    async def run(self, seconds: float, *, step: float = 1.0) -> None:
        """Let everybody be for so long, without faults of the operator's own."""
        until = self.clock.monotonic() + seconds
        while self.clock.monotonic() < until:
            await self._everybody()
            await self.clock.advance(step)

    async def _everybody(self) -> None:
        await self._operate()
        await self._surroundings()
        await self._operate()

    async def _operate(self) -> None:
        try:
            await self.operator.settle()
            await settle()
        except Killed:
            await self.kill()

    async def _surroundings(self) -> None:
        await self.cloud.step()
        await self.around.settle()
        await self.kubelets.step()
        await self.around.settle()

    async def _deliver(self) -> None:
        feeds = [feed for feed in self.operator.caches.feeds if await feed.pending()]
        if feeds:
            feed = self.random.choice(feeds)
            feed.deliver(self.random.randint(1, 4))

    async def _relist(self) -> None:
        """A 410, or a watch that was cut off."""
        await self.random.choice(self.operator.caches.feeds).relist()

    async def _work(self) -> None:
        busy = self.operator.busy
        if not busy:
            return
        try:
            await self.operator.step(self.random.choice(busy))
            await settle()
        except Killed:
            await self.kill()

    async def _pass_time(self) -> None:
        await self.clock.advance(self.random.expovariate(1 / 5.0))
        await self._surroundings()

    async def _begin_life(self) -> None:
        client = DirectClient(self.server, faults=self.faults, counts=True)
        self.operator = Process(self.server, self.controllers(client), client, clock=self.clock)
        await self.operator.start()

    def _delay(self, mean: float) -> Callable[[str], float]:
        """The same name always takes the same time, whatever was drawn in between."""

        def delay(name: str) -> float:
            return Random(f"{self.seed}/{name}").uniform(mean / 10, mean * 2)  # noqa: S311

        return delay
