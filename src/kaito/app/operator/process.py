"""The operator's process: caches in every replica, controllers in the one that leads.

    own client       the lease, the webhook's Secret and registration; every replica may use it
    fenced client    everything else; writes pass only while the lease is certainly ours

Order matters: listen before anything can fail slowly, fill the caches before standing for election
(a leader with empty caches helps nobody), drain the workers before the lease is given away.
"""

import asyncio
import logging
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector

from kaito import __version__
from kaito.api.core import CONFIGMAPS
from kaito.api.meta import Key
from kaito.api.workspace import WORKSPACES
from kaito.app.admission import KaitoAdmission
from kaito.app.leading import Leadership, Standing
from kaito.app.operator.admission import operator_surroundings
from kaito.app.operator.controllers import (
    make_announced,
    make_class_keeper,
    make_controllers,
)
from kaito.app.operator.endpoints import Endpoints
from kaito.app.operator.options import OperatorOptions
from kaito.app.operator.workspace_metrics import WorkspaceMetrics
from kaito.app.webhook.service import WebhookService
from kaito.base.clock import Clock, SystemClock
from kaito.base.logs import facts
from kaito.controllers.nodeclasses.controller import NodeClassController
from kaito.kube.client import Client
from kaito.kube.config import Cluster
from kaito.kube.controller.runner import Controller, Runner
from kaito.kube.informer import Informers
from kaito.kube.live import LiveUids
from kaito.kube.metrics import KitMetrics
from kaito.kube.reports import follow_reports
from kaito.kube.traffic import Count, Each, Fence, RateLimit

logger = logging.getLogger(__name__)

_DRAIN_SECONDS = 15.0
"""For decisions under way when the process is told to stop; pods are killed after 30."""


async def run_operator(
    options: OperatorOptions, cluster: Cluster, standing: Standing, clock: Clock | None = None
) -> None:
    """Run until told to stop; then finish what is under way and give the lease away.

    Raises:
        KaitoError: the options contradict what there is, an address is taken, or the lease was
            lost (`LeadershipLost`), after which nothing was written any more.
    """
    await _Process(options, cluster, standing, clock or SystemClock()).run()


class _Process:
    """The parts of one operator, wired together."""

    def __init__(
        self, options: OperatorOptions, cluster: Cluster, standing: Standing, clock: Clock
    ) -> None:
        self._options = options
        self._standing = standing
        self._clock = clock
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._metrics = KitMetrics(registry)
        count = Count(self._metrics.answered)
        self._own = Client(cluster, traffic=count)
        lease = Key(options.home, options.lease_name) if options.leader_elect else None
        self._leadership = Leadership(self._own, standing, lease=lease, clock=clock)
        limit = RateLimit(per_second=options.requests_per_second, burst=options.burst, clock=clock)
        # The fence last: a request may have waited for its turn longer than the lease lasted.
        fence = Fence(self._leadership.require_for_write)
        self._client = Client(cluster, traffic=Each((limit, fence, count)))
        self._informers = Informers(self._client, clock=clock, namespace=options.namespace)
        follow_reports(self._informers, clock=clock, may_ask=lambda: self._leadership.is_held)
        self._runner = Runner(
            self._client,
            make_controllers(options, LiveUids(self._client)),
            clock=clock,
            informers=self._informers,
            meter=self._metrics,
        )
        self._announced = tuple(
            Runner(
                self._client,
                (controller,),
                clock=clock,
                # Its own informers: a CRD that is missing here must not hold up the others.
                informers=Informers(self._client, clock=clock, namespace=options.namespace),
                meter=self._metrics,
            )
            for controller in self._beside(options)
        )
        self._metrics.observe_queues(loop for r in self._runners for loop in r.loops)
        self._metrics.observe_leader(options.lease_name, lambda: self._leadership.is_held)
        WorkspaceMetrics(self._informers.watch(WORKSPACES), registry, clock=clock)
        self._webhook = self._make_webhook()
        self._endpoints = Endpoints(registry, self._missing)

    @staticmethod
    def _beside(options: OperatorOptions) -> tuple[Controller[Any], ...]:
        keeper = make_class_keeper(options)
        return (*make_announced(options), *((keeper,) if keeper else ()))

    async def run(self) -> None:
        """Start everything in order; return after a clean stop."""
        options = self._options
        found = facts(
            version=__version__,
            identity=self._standing.identity,
            namespace=options.namespace or "all",
            nodes=f"{options.provisioner} on {options.cloud}",
            cluster=options.cluster_name,
        )
        logger.info("the operator starts", extra=found)
        async with self._own, self._client, self._endpoints:
            await self._endpoints.listen(probes=options.probes, metrics=options.metrics)
            await self._run_parts()
        logger.info("the operator has stopped")

    async def _run_parts(self) -> None:
        async with asyncio.TaskGroup() as group:
            background = [group.create_task(self._informers.run(), name="informers")]
            background += [
                group.create_task(runner.informers.run(), name="announced informers")
                for runner in self._announced
            ]
            if self._webhook:
                background.append(group.create_task(self._webhook.run(), name="webhook"))
            leading = self._leadership.lead(self._informers, self._work)
            await self._leadership.end_when_told(
                group.create_task(leading, name="leading"),
                self._runners,
                drain_seconds=_DRAIN_SECONDS,
                logger=logger,
            )
            for task in background:
                task.cancel()

    @property
    def _runners(self) -> tuple[Runner, ...]:
        return (self._runner, *self._announced)

    async def _work(self) -> None:
        for loop in (loop for runner in self._announced for loop in runner.loops):
            if isinstance(loop.controller, NodeClassController):
                for key in loop.controller.keys:
                    loop.queue.add(key)
        async with asyncio.TaskGroup() as group:
            for runner in self._runners:
                group.create_task(runner.work(), name="controllers")

    def _make_webhook(self) -> WebhookService | None:
        if self._options.webhook is None:
            return None
        self._informers.watch(CONFIGMAPS)
        admission = KaitoAdmission(operator_surroundings(self._options, self._informers))
        return WebhookService(self._own, admission, self._options.webhook, clock=self._clock)

    def _missing(self) -> tuple[str, ...]:
        waits = self._leadership.missing(self._informers)
        if self._webhook is None or self._leadership.is_draining:
            return waits
        return (*waits, *self._webhook.missing)
