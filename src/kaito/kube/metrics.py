"""What the controller kit measures, for Prometheus.

Import it only where metrics are served: nothing else in this package needs the library. Queues and
leadership are read when somebody scrapes, so that they cost nothing in between. Names that every
controller-runtime operator has keep those names, so that existing dashboards work.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kaito.kube.controller.runner import Loop, Outcome, Stage
from kaito.kube.traffic import Sent

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_RESULTS: dict[Outcome, str] = {"success": "success", "conflict": "requeue", "error": "error"}
"""As controller-runtime calls them."""


class KitMetrics:
    """A `Meter` for loops, and a listener for a client's answers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # The time each series began doubles what is scraped, and nobody asks for it.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no annotations
        self._registry = registry
        self._seconds = Histogram(
            "kaito_reconcile_seconds",
            "Time one pass over one object spent in each of its stages.",
            ("controller", "stage"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._passes = Counter(
            "controller_runtime_reconcile",
            "Passes over one object, by how they ended.",
            ("controller", "result"),
            registry=registry,
        )
        self._requests = Counter(
            "kaito_api_requests",
            "Requests to the API server; code 0: no answer.",
            ("verb", "resource", "code"),
            registry=registry,
        )

    def took(self, controller: str, stage: Stage, seconds: float) -> None:
        """One stage of one pass ended well."""
        self._seconds.labels(controller, stage).observe(seconds)

    def ended(self, controller: str, outcome: Outcome) -> None:
        """One pass ended."""
        self._passes.labels(controller, _RESULTS[outcome]).inc()

    def answered(self, sent: Sent, status: int) -> None:
        """The API server answered a request."""
        self._requests.labels(sent.verb, sent.resource, str(status)).inc()

    def observe_queues(self, loops: Iterable[Loop]) -> None:
        """Report these loops' queues from now on."""
        self._registry.register(_Queues(loops))

    def observe_leader(self, name: str, is_leader: Callable[[], bool]) -> None:
        """Report whether this process leads in the election `name`."""
        self._registry.register(_Leader(name, is_leader))


class _Queues(Collector):
    def __init__(self, loops: Iterable[Loop]) -> None:
        self._loops = tuple(loops)

    def collect(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily(
            "workqueue_depth", "Keys that wait for a worker.", labels=["name"]
        )
        adds = CounterMetricFamily("workqueue_adds", "Keys that were put in line.", labels=["name"])
        retries = CounterMetricFamily(
            "workqueue_retries", "Keys that came back after a failure.", labels=["name"]
        )
        for loop in self._loops:
            name = [loop.controller.name]
            depth.add_metric(name, len(loop.queue))
            adds.add_metric(name, loop.queue.added)
            retries.add_metric(name, loop.queue.retried)
        yield from (depth, adds, retries)


class _Leader(Collector):
    def __init__(self, name: str, is_leader: Callable[[], bool]) -> None:
        self._name = name
        self._is_leader = is_leader

    def collect(self) -> Iterator[Metric]:
        leads = GaugeMetricFamily(
            "leader_election_master_status", "1 while this process leads, else 0.", labels=["name"]
        )
        leads.add_metric([self._name], float(self._is_leader()))
        yield leads
