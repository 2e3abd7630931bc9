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
from kaito.app.leading import Leadership, Standing
from kaito.app.operator.endpoints import Endpoints
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
from kaito.kube.client import Client
from kaito.kube.config import Cluster
from kaito.kube.controller.runner import Runner
from kaito.kube.informer import Informers
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
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        metrics = KitMetrics(registry)
        count = Count(metrics.answered)
        self._own = Client(cluster, traffic=count)
        lease = Key(options.lease_namespace, options.lease_name) if options.leader_elect else None
        self._leadership = Leadership(self._own, standing, lease=lease, clock=clock)
        limit = RateLimit(per_second=_PER_SECOND, burst=_BURST, clock=clock)
        # The fence last: a request may have waited for its turn longer than the lease lasted.
        fence = Fence(self._leadership.require_for_write)
        self._client = Client(cluster, traffic=Each((limit, fence, count)))
        self._cloud = FencedCloud(cloud, self._leadership.require)
        self._informers = Informers(self._client, clock=clock)
        self._runner = self._make_runner(metrics)
        metrics.observe_queues(self._runner.loops)
        metrics.observe_leader(options.lease_name, lambda: self._leadership.is_held)
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
            leading = self._leadership.lead(self._informers, self._runner.work)
            await self._leadership.end_when_told(
                group.create_task(leading, name="leading"),
                (self._runner,),
                drain_seconds=_DRAIN_SECONDS,
                logger=logger,
            )
            following.cancel()

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

    def _missing(self) -> tuple[str, ...]:
        return self._leadership.missing(self._informers)
