"""Our own metrics, in the registry that the engine's /metrics shows too.

They add up: each request that arrives is counted once in `kaito_requests_received_total`, and once
more when it has ended, in `kaito_requests_total` by how it ended, or, where it was not let in, in
`kaito_requests_refused_total` by the reason. Probes and scrapes are not counted.
"""

from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from kaito import __version__
from kaito.api.report import PodReport
from kaito.runtimes.serving.refusal import Refusal

Outcome: TypeAlias = Literal["answered", "failed", "abandoned"]
"""answered: to its end, an error of the client's included. failed: 5xx, or cut off by the server.
abandoned: the client left."""


class ServerMetrics:
    """The counters that the gate writes."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        self._received = Counter(
            "kaito_requests_received_total", "Requests that arrived", registry=registry
        )
        self._requests = Counter(
            "kaito_requests_total",
            "Requests that were let in and have ended",
            ("outcome",),
            registry=registry,
        )
        self._refused = Counter(
            "kaito_requests_refused_total",
            "Requests that were not let in, by reason",
            ("reason",),
            registry=registry,
        )
        self._limited = Counter(
            "kaito_ratelimit_rejected_total",
            "Requests answered with 429 because too many wait",
            registry=registry,
        )
        self._in_flight = Gauge(
            "kaito_requests_in_flight", "Requests that the engine works on", registry=registry
        )
        for outcome in ("answered", "failed", "abandoned"):
            self._requests.labels(outcome)

    def show(self, report: Callable[[], PodReport], in_flight: Callable[[], int]) -> None:
        """Show also what is known elsewhere, read at each scrape."""
        self._registry.register(_OfReport(report))
        self._in_flight.set_function(in_flight)

    def count_arrival(self) -> None:
        """A request has come, and no more is known of it."""
        self._received.inc()

    def count(self, outcome: Outcome) -> None:
        """A request that was let in has ended."""
        self._requests.labels(outcome).inc()

    def count_refusal(self, refusal: Refusal) -> None:
        """A request was not let in."""
        self._refused.labels(refusal.reason).inc()
        if refusal.reason == "overload":
            self._limited.inc()

    def to_text(self) -> bytes:
        """Everything in the registry, in Prometheus' text form."""
        return generate_latest(self._registry)


class _OfReport:
    """What the pod's report says, as metrics."""

    def __init__(self, report: Callable[[], PodReport]) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        report = self._report()
        build = GaugeMetricFamily("kaito_build_info", "Always 1", labels=("version", "engine"))
        build.add_metric((__version__, report.engine), 1)
        yield build
        stages = GaugeMetricFamily(
            "kaito_start_stage_seconds", "What each stage of the start took", labels=("stage",)
        )
        for name, seconds in _sum_stages(report).items():
            stages.add_metric((name,), seconds)
        yield stages
        yield GaugeMetricFamily(
            "kaito_context_tokens", "Longest sequence accepted", value=report.context_tokens
        )


def _sum_stages(report: PodReport) -> dict[str, float]:
    found: dict[str, float] = {}
    for stage in report.stages:
        found[stage.name] = found.get(stage.name, 0.0) + stage.seconds
    return found


def make_gauge_reader(name: str, registry: CollectorRegistry = REGISTRY) -> Callable[[], int]:
    """The sum of one gauge over its labels, without collecting the others; 0 where it is not."""
    only = registry.restricted_registry([name])

    def read() -> int:
        return int(sum(s.value for metric in only.collect() for s in metric.samples))

    return read
