"""The provisioner's process: one cloud, two loops, at most one leader for a node class.

    own client       the lease
    fenced client    everything else; writes pass only while the lease is certainly ours
    fenced cloud     so do launches and terminations

Replicas that stand by fill their caches, so that one of them can take over at once.
"""

import asyncio
import logging
from random import SystemRandom

from prometheus_client import CollectorRegistry, ProcessCollector

from kaito import __version__
from kaito.api.meta import Key
from kaito.app.operator.endpoints import Endpoints
from kaito.app.operator.process import Standing
from kaito.app.provisioner.clouds import FencedCloud
from kaito.app.provisioner.options import ProvisionerOptions
from kaito.base.clock import Clock, SystemClock
from kaito.base.logs import facts
from kaito.cloud.port import Cloud
from kaito.controllers.nodeclaims.attempts import Attempts
from kaito.controllers.nodeclaims.controller import NodeClaimController
from kaito.controllers.nodeclaims.inventory import Inventory
from kaito.controllers.nodeclaims.settings import NodeClaimSettings
from kaito.controllers.nodeclaims.sweep import SWEEP_KEY, SweepController
from kaito.kube import errors
from kaito.kube.client import Client
from kaito.kube.config import Cluster
from kaito.kube.controller.runner import Runner
from kaito.kube.election import Election, LeadershipLost
from kaito.kube.informer import Informers
from kaito.kube.lease import ApiLeases, LeaseLock, LeaseSettings
from kaito.kube.live import LiveUids
from kaito.kube.metrics import KitMetrics
from kaito.kube.traffic import Count, Each, Fence, RateLimit

logger = logging.getLogger(__name__)

_DRAIN_SECONDS = 25.0
"""For a call to the cloud under way when the process is told to stop; pods are killed after 30."""
_PER_SECOND, _BURST = 20.0, 40


async def run_provisioner(
    options: ProvisionerOptions,
    cluster: Cluster,
    cloud: Cloud,
    standing: Standing,
    *,
    clock: Clock | None = None,
) -> None:
    """Run until told to stop; then finish what is under way and give the lease away.

    Raises:
        KaitoError: an address is taken, or the lease was lost (`LeadershipLost`), after which
            neither the cluster nor the cloud was changed any more.
    """
    await _Process(options, cluster, cloud, standing, clock=clock or SystemClock()).run()


class _Process:
    """The parts of one provisioner, wired together."""

    def __init__(
        self,
        options: ProvisionerOptions,
        cluster: Cluster,
        cloud: Cloud,
        standing: Standing,
        *,
        clock: Clock,
    ) -> None:
        self._options = options
        self._standing = standing
        self._clock = clock
        self._is_draining = False
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        metrics = KitMetrics(registry)
        count = Count(metrics.answered)
        self._own = Client(cluster, traffic=count)
        self._election = self._make_election()
        limit = RateLimit(per_second=_PER_SECOND, burst=_BURST, clock=clock)
        # The fence last: a request may have waited for its turn longer than the lease lasted.
        self._client = Client(cluster, traffic=Each((limit, Fence(self._require_for_api), count)))
        self._cloud = FencedCloud(cloud, self._require)
        self._informers = Informers(self._client, clock=clock)
        self._runner = self._make_runner(metrics)
        metrics.observe_queues(self._runner.loops)
        metrics.observe_leader(options.lease_name, self._leads)
        self._endpoints = Endpoints(registry, self._missing)

    async def run(self) -> None:
        """Start everything in order; return after a clean stop."""
        options = self._options
        found = facts(
            version=__version__,
            cloud=options.cloud,
            node_class=f"{options.class_kind}.{options.class_group}",
            identity=self._standing.identity,
        )
        logger.info("the provisioner starts", extra=found)
        try:
            async with self._own, self._client, self._endpoints:
                await self._endpoints.listen(probes=options.probes, metrics=options.metrics)
                await self._run_parts()
        finally:
            await self._cloud.close()
        logger.info("the provisioner has stopped")

    async def _run_parts(self) -> None:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(self._informers.run(), name="informers")
            leading = group.create_task(self._lead(), name="leading")
            await self._until_stopped(leading)
            following.cancel()

    async def _lead(self) -> None:
        """Fill the caches, then work as the only one."""
        await self._informers.wait_synced()
        if self._election is None:
            await self._runner.work()
        else:
            await self._election.lead(self._runner.work)

    async def _until_stopped(self, leading: "asyncio.Task[None]") -> None:
        stopping = asyncio.ensure_future(self._standing.stop.wait())
        try:
            await asyncio.wait({leading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        self._is_draining = True
        if leading.done():
            return
        logger.info("draining", extra=facts(leads=self._leads()))
        self._runner.drain()
        if self._leads():
            await asyncio.wait({leading}, timeout=_DRAIN_SECONDS)
        leading.cancel()
        await asyncio.wait({leading})

    def _make_runner(self, metrics: KitMetrics) -> Runner:
        options, clock = self._options, self._clock
        settings = NodeClaimSettings(class_group=options.class_group, class_kind=options.class_kind)
        live = LiveUids(self._client)
        claims = NodeClaimController(
            cloud=self._cloud,
            settings=settings,
            clock=clock,
            live=live,
            inventory=Inventory(self._cloud, clock),
            attempts=Attempts(SystemRandom().random),
        )
        sweep = SweepController(cloud=self._cloud, settings=settings, live=live)
        runner = Runner(
            self._client, (claims, sweep), clock=clock, informers=self._informers, meter=metrics
        )
        for loop in runner.loops:
            if loop.controller is sweep:
                loop.queue.add(SWEEP_KEY)
        return runner

    def _make_election(self) -> Election | None:
        if not self._options.leader_elect:
            return None
        key = Key(self._options.lease_namespace, self._options.lease_name)
        settings = LeaseSettings(key=key, identity=self._standing.identity)
        lock = LeaseLock(ApiLeases(self._own), settings, clock=self._clock)
        return Election(lock, clock=self._clock, random=SystemRandom().random)

    def _require(self) -> None:
        """Pass while this process leads."""
        if self._election is not None:
            self._election.require()

    def _require_for_api(self) -> None:
        try:
            self._require()
        except LeadershipLost as error:
            raise errors.Denied(f"not written: {error}", hint=error.hint) from error

    def _leads(self) -> bool:
        return self._election.is_leader if self._election else True

    def _missing(self) -> tuple[str, ...]:
        if self._is_draining:
            return ("draining",)
        unsynced = self._informers.unsynced
        waits = tuple(f"no list of {resource} yet" for resource in unsynced)
        return (*waits, *(self._informers.problems if unsynced else ()))
