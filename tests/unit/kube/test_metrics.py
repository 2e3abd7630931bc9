"""What the kit measures, read as Prometheus reads it."""

from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from kaito.api.core import CONFIGMAPS, ConfigMap
from kaito.api.meta import Key
from kaito.base.clock import SystemClock
from kaito.kube import errors
from kaito.kube.cache import FixedReader, Reader
from kaito.kube.client import Client
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Loop, Watch, its_own_key
from kaito.kube.metrics import KitMetrics
from kaito.kube.traffic import Sent

A = Key("default", "a")


class Fickle:
    """Ends each pass as it is told to."""

    name = "fickle"
    watches = (Watch(CONFIGMAPS, its_own_key),)

    def __init__(self, *endings: Exception | None) -> None:
        self._endings = iter(endings)

    async def observe(self, reader: Reader, key: Key) -> ConfigMap | None:
        return ConfigMap()

    def decide(self, observed: ConfigMap, now: datetime) -> Decision:
        ending = next(self._endings)
        if ending:
            raise ending
        return Decision()


def scrape(registry: CollectorRegistry) -> dict[tuple[str, tuple[str, ...]], float]:
    """Values by name and label values (in the order of the labels' names), as exposed."""
    text = generate_latest(registry).decode()
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_passes_are_counted_by_how_they_end_and_timed_by_stage(client: Client) -> None:
    registry = CollectorRegistry()
    metrics = KitMetrics(registry)
    controller = Fickle(None, errors.Conflict("stale"), errors.Denied("no"))
    loop = Loop(controller, client, clock=SystemClock(), meter=metrics)
    metrics.observe_queues([loop])

    for _ in range(3):
        await loop.reconcile(FixedReader(), A)
    loop.queue.add(A)

    found = scrape(registry)
    for result in ("success", "requeue", "error"):
        assert found["controller_runtime_reconcile_total", ("fickle", result)] == 1
    assert found["kaito_reconcile_seconds_count", ("fickle", "observe")] == 3
    assert found["kaito_reconcile_seconds_count", ("fickle", "apply")] == 1
    assert found["workqueue_depth", ("fickle",)] == 1
    assert found["workqueue_adds_total", ("fickle",)] == 1
    assert found["workqueue_retries_total", ("fickle",)] == 2


def test_requests_are_counted_by_verb_resource_and_code() -> None:
    registry = CollectorRegistry()
    metrics = KitMetrics(registry)

    metrics.answered(Sent("PATCH", "/apis/kaito.sh/v1beta1/namespaces/n/workspaces/w"), 200)
    metrics.answered(Sent("GET", "/api/v1/nodes", is_watch=True), 0)

    found = scrape(registry)
    assert found["kaito_api_requests_total", ("200", "workspaces.kaito.sh", "patch")] == 1
    assert found["kaito_api_requests_total", ("0", "nodes", "watch")] == 1


def test_leadership_is_read_at_the_moment_of_the_scrape() -> None:
    registry, leads = CollectorRegistry(), [False]
    KitMetrics(registry).observe_leader("operator", lambda: leads[0])

    assert scrape(registry)["leader_election_master_status", ("operator",)] == 0
    leads[0] = True
    assert scrape(registry)["leader_election_master_status", ("operator",)] == 1
