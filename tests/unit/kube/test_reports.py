"""Which pods are asked for reports, how often, and what of the answers reaches a controller."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from kaito.api import labels
from kaito.api.core import PODS, Pod
from kaito.api.meta import Key
from kaito.api.report import REPORTS, AdapterReport, PodReport, StageReport
from kaito.base.clock import ManualClock
from kaito.kube.cache import Cache
from kaito.kube.client import Client
from kaito.kube.informer import Informers
from kaito.kube.reports import HttpAsk, ReportPoller, Silent, follow_reports, is_asked

KEY = Key("default", "w-0")


def pod(version: int = 1, *, ready: bool = False, uid: str = "p1", **meta: Any) -> Pod:
    return msgspec.convert(
        {
            "metadata": {
                "name": "w-0",
                "namespace": "default",
                "uid": uid,
                "resourceVersion": str(version),
                "labels": {labels.WORKSPACE: "w"},
                "annotations": {labels.REPORT_PORT: "5000"},
                **meta,
            },
            "status": {
                "phase": "Running",
                "podIP": "10.0.0.7",
                "conditions": [{"type": "Ready", "status": str(ready)}],
            },
        },
        Pod,
    )


class Answers:
    """A pod that says what the test wants."""

    def __init__(self) -> None:
        self.report: PodReport | None = PodReport(program="weights")
        self.silent = False
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, address: str, port: int) -> PodReport | None:
        self.asked.append((address, port))
        if self.silent:
            raise Silent
        return self.report

    def download(self, done: int, *, seconds: float = 1.0, **fields: Any) -> None:
        stage = StageReport(name="download", done=done, total=1000, seconds=seconds)
        self.report = PodReport(program="weights", stages=(stage,), **fields)


class Bench:
    """A poller with a clock and a listener."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.pods: Cache[Pod] = Cache()
        self.answers = Answers()
        self.leads = True
        self.poller = ReportPoller(
            self.pods, clock=self.clock, ask=self.answers, may_ask=lambda: self.leads
        )
        self.changes = 0
        self.poller.cache.subscribe(self._count)

    def _count(self, old: PodReport | None, new: PodReport | None) -> None:
        self.changes += 1

    @property
    def report(self) -> PodReport | None:
        return self.poller.cache.get(KEY)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    task = asyncio.create_task(made.poller.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_report_carries_the_labels_of_its_pod_so_that_its_workspace_finds_it(
    bench: Bench,
) -> None:
    bench.pods.upsert(pod())
    await bench.clock.advance(1)
    assert bench.answers.asked[0] == ("10.0.0.7", 5000)
    assert bench.report is not None
    assert bench.report.metadata.labels == {labels.WORKSPACE: "w"}
    assert bench.report.metadata.uid == "p1"


async def test_a_pod_on_its_way_is_asked_every_two_seconds_and_a_ready_one_every_thirty(
    bench: Bench,
) -> None:
    bench.pods.upsert(pod())
    for _ in range(20):
        await bench.clock.advance(1)
    assert len(bench.answers.asked) == 10
    bench.pods.upsert(pod(2, ready=True))
    bench.answers.asked.clear()
    for _ in range(61):
        await bench.clock.advance(1)
    assert len(bench.answers.asked) == 3


async def test_a_ready_pod_whose_adapter_is_on_its_way_is_still_asked_often(bench: Bench) -> None:
    bench.answers.report = PodReport(adapters=(AdapterReport(name="poet", state="Loading"),))
    bench.pods.upsert(pod(ready=True))
    for _ in range(20):
        await bench.clock.advance(1)
    assert len(bench.answers.asked) == 10


async def test_mere_progress_reaches_controllers_at_most_every_ten_seconds(bench: Bench) -> None:
    bench.pods.upsert(pod())
    for second in range(41):
        bench.answers.download(second * 10, seconds=second)
        await bench.clock.advance(1)
    assert 4 <= bench.changes <= 5


async def test_seconds_alone_are_no_news(bench: Bench) -> None:
    bench.pods.upsert(pod())
    for second in range(60):
        bench.answers.download(500, seconds=second)
        await bench.clock.advance(1)
    assert bench.changes == 1


async def test_a_new_stage_reaches_controllers_at_once(bench: Bench) -> None:
    bench.pods.upsert(pod())
    bench.answers.download(500)
    await bench.clock.advance(2)
    stages = (StageReport(name="download", is_over=True), StageReport(name="check"))
    bench.answers.report = PodReport(program="weights", stages=stages)
    await bench.clock.advance(2)
    assert bench.changes == 2
    assert bench.report is not None
    assert bench.report.stages == stages


async def test_a_pod_behind_a_wall_is_asked_less_and_less_and_again_once_it_answers(
    bench: Bench,
) -> None:
    bench.answers.silent = True
    bench.pods.upsert(pod())
    for _ in range(300):
        await bench.clock.advance(1)
    assert len(bench.answers.asked) < 20
    assert bench.report is None
    bench.answers.silent = False
    for _ in range(31):
        await bench.clock.advance(1)
    assert bench.report is not None


async def test_nothing_is_asked_while_another_replica_leads(bench: Bench) -> None:
    bench.leads = False
    bench.pods.upsert(pod())
    await bench.clock.advance(5)
    assert bench.answers.asked == []
    bench.leads = True
    await bench.clock.advance(2)
    assert bench.answers.asked


async def test_the_report_goes_with_its_pod(bench: Bench) -> None:
    bench.pods.upsert(pod())
    await bench.clock.advance(1)
    bench.pods.remove(KEY)
    assert bench.report is None


async def test_another_pod_under_the_same_name_does_not_inherit_the_report(bench: Bench) -> None:
    bench.pods.upsert(pod())
    await bench.clock.advance(1)
    bench.answers.report = None
    bench.pods.upsert(pod(2, uid="p2"))
    await bench.clock.advance(3)
    assert bench.report is None


@pytest.mark.parametrize(
    "broken",
    [
        pod(annotations={}),
        pod(annotations={labels.REPORT_PORT: "http"}),
        pod(annotations={labels.REPORT_PORT: "70000"}),
        pod(annotations={labels.REPORT_PORT: "0"}),
        pod(deletionTimestamp="2026-01-01T00:00:00Z"),
        msgspec.structs.replace(pod(), status=type(pod().status)(phase="Running")),
        msgspec.structs.replace(pod(), status=type(pod().status)(phase="Failed", pod_ip="1.2.3.4")),
    ],
)
def test_only_living_pods_that_name_a_port_are_asked(broken: Pod) -> None:
    assert is_asked(pod())
    assert not is_asked(broken)


def test_informers_serve_reports_without_asking_the_api_server_for_them() -> None:
    informers = Informers(Client.__new__(Client), clock=ManualClock())
    follow_reports(informers, clock=ManualClock())
    cache = informers.watch(REPORTS)
    cache.upsert(PodReport(metadata=pod().metadata))
    assert [r.metadata.name for r in informers.list(REPORTS)] == ["w-0"]
    assert informers.unsynced == (str(PODS),)


async def test_a_real_answer_is_read_and_anything_else_is_no_answer() -> None:
    bodies = {
        "good": msgspec.json.encode(PodReport(program="tuning", engine="trl 1")),
        "html": b"<html>",
        "list": b"[]",
        "huge": b'{"engine": "' + b"a" * 400_000 + b'"}',
    }
    async with _serving(bodies) as port, HttpAsk() as ask:
        found = {}
        for name, body in tuple(bodies.items()):
            bodies["now"] = body
            found[name] = await ask("127.0.0.1", port)
    assert found["good"] == PodReport(program="tuning", engine="trl 1")
    assert [found["html"], found["list"], found["huge"]] == [None, None, None]


async def test_a_closed_port_is_no_answer_yet() -> None:
    async with _serving({}) as port:
        pass
    async with HttpAsk() as ask:
        assert await ask("127.0.0.1", port) is None


@asynccontextmanager
async def _serving(bodies: dict[str, bytes]) -> AsyncIterator[int]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=bodies["now"], content_type="application/json")

    app = web.Application()
    app.router.add_get("/kaito/report", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def test_a_ready_pod_that_has_said_nothing_yet_is_asked_often_for_half_a_minute(
    bench: Bench,
) -> None:
    bench.answers.report = None
    bench.pods.upsert(pod(ready=True))
    for _ in range(20):
        await bench.clock.advance(1)
    assert len(bench.answers.asked) == 10


async def test_a_pod_that_was_told_something_is_asked_at_once_and_often(bench: Bench) -> None:
    bench.pods.upsert(pod(ready=True))
    await bench.clock.advance(1)
    bench.answers.asked.clear()
    told = {labels.REPORT_PORT: "5000", labels.ADAPTERS_HASH: "new"}
    bench.pods.upsert(pod(2, ready=True, annotations=told))
    for _ in range(20):
        await bench.clock.advance(1)
    assert len(bench.answers.asked) == 10
