"""The gate before an engine's application: who comes in, who is sent away, how it ends."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from kaito.base.clock import ManualClock
from kaito.runtimes.reporting import Board
from kaito.runtimes.serving.draining import Draining
from kaito.runtimes.serving.gate import Engine, Gate, Protection
from kaito.runtimes.serving.inner import Message, Receive, Send
from kaito.runtimes.serving.key_ring import KeyRing
from kaito.runtimes.serving.overload import Capacity, Overload
from kaito.runtimes.serving.routes import Readiness
from kaito.runtimes.serving.server_metrics import ServerMetrics

COMPLETE = "/v1/completions"


class EngineDouble:
    """Answers every request with its body in two chunks, when it is let go on."""

    swallows = False
    """Whether it makes an error of its own of a body that cannot be read, as FastAPI does."""

    answers_nobody = False
    """Whether it ends an answer well, also where its client has left."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.running = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.saw_leaving = False

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        self.seen.append(scope["path"])
        self.running += 1
        try:
            body = await self._read(receive)
            if body is None:
                await send({"type": "http.response.start", "status": 400, "headers": []})
                await send({"type": "http.response.body", "body": b"cannot parse the body"})
                return
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body, "more_body": True})
            if await self._is_left(receive):
                self.saw_leaving = True
                if not self.answers_nobody:
                    return
            await send({"type": "http.response.body", "body": b"."})
        finally:
            self.running -= 1

    async def _read(self, receive: Receive) -> bytes | None:
        try:
            return bytes((await receive()).get("body", b""))
        except Exception:
            if not self.swallows:
                raise
            return None

    async def _is_left(self, receive: Receive) -> bool:
        going_on = asyncio.ensure_future(self.go_on.wait())
        leaving = asyncio.ensure_future(receive())
        done, rest = await asyncio.wait({going_on, leaving}, return_when="FIRST_COMPLETED")
        for task in rest:
            task.cancel()
        return going_on not in done


@dataclass
class Exchange:
    """What the client of one request sees."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.content)["error"]
        return found


class Site:
    """A gate with everything around it."""

    def __init__(self, *, keys: Path | None = None, capacity: Capacity | None = None) -> None:
        self.clock = ManualClock()
        self.engine = EngineDouble()
        self.registry = CollectorRegistry()
        self.board = Board("serving", self.clock)
        self.overload = Overload(capacity or Capacity(running=2, waiting=1), self.clock)
        self.protection = Protection(
            overload=self.overload,
            draining=Draining(self.clock),
            metrics=ServerMetrics(self.registry),
            keys=KeyRing(keys, self.clock) if keys else None,
            max_body_bytes=1000,
        )
        self.protection.metrics.show(lambda: self.board.report, lambda: self.overload.in_flight)
        readiness = Readiness(self.engine, "m")
        engine = Engine(
            app=self.engine, readiness=readiness, names=lambda: ("m", "adapter"), version="1"
        )
        self.gate = Gate(engine, self.board, self.protection)

    async def ask(
        self,
        path: str = COMPLETE,
        body: bytes = b'{"model":"m"}',
        *,
        method: str = "POST",
        headers: tuple[tuple[bytes, bytes], ...] = (),
        leaves: asyncio.Event | None = None,
    ) -> Exchange:
        seen = Exchange()
        inbox = [body]

        async def receive() -> Message:
            if inbox:
                return {"type": "http.request", "body": inbox.pop(), "more_body": False}
            await (leaves or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                seen.headers = {k.decode(): v.decode() for k, v in message["headers"]}
            else:
                seen.content += message.get("body", b"")

        scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
        await self.gate(scope, receive, send)
        return seen

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    def total(self, name: str) -> float:
        found = [metric for metric in self.registry.collect() if f"{metric.name}_total" == name]
        return sum(
            sample.value for metric in found for sample in metric.samples if sample.name == name
        )

    def assert_metrics_add_up(self, requests: int) -> None:
        assert self.metric("kaito_requests_received_total") == requests
        ended = self.total("kaito_requests_total") + self.total("kaito_requests_refused_total")
        assert ended + self.metric("kaito_requests_in_flight") == requests


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_the_engine_sends_reaches_the_client_as_it_is() -> None:
    site = Site()
    answer = await site.ask()
    assert (answer.status, answer.content) == (200, b'{"model":"m"}.')
    assert site.metric("kaito_requests_total", outcome="answered") == 1


async def test_without_a_key_only_what_probes_need_is_open(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("sk")
    site = Site(keys=tmp_path)
    for path in ("/health", "/ready", "/metrics", "/version", "/kaito/report"):
        assert (await site.ask(path, b"", method="GET")).status == 200, path
    for path, method in ((COMPLETE, "POST"), ("/chat", "POST"), ("/v1/models", "GET")):
        answer = await site.ask(path, method=method)
        assert answer.status == 401
        assert answer.error["code"] == "invalid_api_key"
    assert (await site.ask(COMPLETE, b"", method="OPTIONS")).status == 200
    assert site.metric("kaito_requests_refused_total", reason="key") == 3


@pytest.mark.parametrize("header", [(b"authorization", b"Bearer sk"), (b"x-api-key", b"sk")])
async def test_a_key_lets_in(tmp_path: Path, header: tuple[bytes, bytes]) -> None:
    (tmp_path / "k").write_text("sk")
    site = Site(keys=tmp_path)
    assert (await site.ask(headers=(header,))).status == 200
    wrong = (header[0], header[1] + b"x")
    assert "wrong" in (await site.ask(headers=(wrong,))).error["message"]


async def test_posting_to_an_open_path_needs_a_key(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("sk")
    assert (await Site(keys=tmp_path).ask("/health")).status == 401


async def test_a_wrong_model_is_told_the_right_ones() -> None:
    answer = await Site().ask(body=b'{"model":"gpt"}')
    assert answer.status == 404
    message = "model 'gpt' is not served here; served: m, adapter"
    assert answer.error["message"] == message
    assert answer.error["param"] == "model"


@pytest.mark.parametrize("path", [COMPLETE, "/v1/responses", "/v1/messages", "/chat", "/v1/audio"])
async def test_too_many_requests_wait_nowhere(path: str) -> None:
    site = Site(capacity=Capacity(running=2, waiting=1))
    site.engine.go_on.clear()
    running = [asyncio.create_task(site.ask(path)) for _ in range(4)]
    await settle()
    answer = await site.ask(path)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.error["code"] == "rate_limit_exceeded"
    running.append(asyncio.create_task(site.ask("/tokenize")))
    await settle()
    assert site.engine.seen == [*[path] * 4, "/tokenize"]
    site.engine.go_on.set()
    assert [answer.status for answer in await asyncio.gather(*running)] == [200] * 5
    assert site.metric("kaito_ratelimit_rejected_total") == 1
    assert site.metric("kaito_requests_in_flight") == 0


@pytest.mark.parametrize("answers_nobody", [False, True])
async def test_a_client_that_leaves_is_seen_by_the_engine_and_frees_its_place(
    answers_nobody: bool,
) -> None:
    site, leaves = Site(), asyncio.Event()
    site.engine.answers_nobody = answers_nobody
    site.engine.go_on.clear()
    asking = asyncio.create_task(site.ask(leaves=leaves))
    await settle()
    assert site.overload.in_flight == 1
    leaves.set()
    await asking
    assert site.engine.saw_leaving
    assert site.overload.in_flight == 0
    assert site.metric("kaito_requests_total", outcome="abandoned") == 1


async def test_a_large_body_never_reaches_the_engine() -> None:
    site = Site()
    assert (await site.ask(body=b"x" * 1001)).status == 413
    assert (await site.ask(headers=((b"content-length", b"1001"),))).status == 413
    recording = await site.ask(body=b"x" * 1001, headers=((b"content-type", b"audio/wav"),))
    assert recording.status == 413
    assert site.overload.in_flight == 0


RECORDING = ((b"content-type", b"audio/wav"),)


@pytest.mark.parametrize("swallows", [False, True])
async def test_an_upload_that_proves_too_large_in_the_engines_hands_is_told_so(
    swallows: bool,
) -> None:
    site = Site()
    site.engine.swallows = swallows
    answer = await site.ask("/v1/audio/transcriptions", b"x" * 1001, headers=RECORDING)
    assert site.engine.seen
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    assert b"cannot parse" not in answer.content
    assert site.metric("kaito_requests_refused_total", reason="size") == 1
    site.assert_metrics_add_up(1)


async def test_every_request_is_counted_once_on_its_way_in_and_once_at_its_end(
    tmp_path: Path,
) -> None:
    (tmp_path / "k").write_text("sk")
    site, leaves = Site(keys=tmp_path, capacity=Capacity(running=1, waiting=0)), asyncio.Event()
    key = ((b"x-api-key", b"sk"),)
    await site.ask(headers=key)
    await site.ask()
    await site.ask("/v1/models", b"", method="GET", headers=key)
    await site.ask(body=b"{", headers=key)
    await site.ask(body=b'{"model":"gpt"}', headers=key)
    await site.ask(body=b"x" * 1001, headers=(*key, *RECORDING))
    await site.ask("/metrics", b"", method="GET")
    site.engine.go_on.clear()
    running = [asyncio.create_task(site.ask(headers=key, leaves=leaves)) for _ in range(2)]
    await settle()
    assert (await site.ask(headers=key)).status == 429
    site.assert_metrics_add_up(9)
    assert site.metric("kaito_requests_in_flight") == 2
    leaves.set()
    await asyncio.gather(*running)
    site.assert_metrics_add_up(9)
    assert site.metric("kaito_requests_total", outcome="abandoned") == 2


async def test_draining_serves_for_a_while_then_refuses_and_waits_for_what_runs() -> None:
    site = Site()
    site.engine.go_on.clear()
    running = asyncio.create_task(site.ask())
    await settle()
    draining = site.protection.draining
    ending = asyncio.create_task(draining.drain(lambda: site.overload.in_flight, seconds=20.0))
    await settle()
    ready = await site.ask("/ready", b"", method="GET")
    assert (ready.status, b"being stopped" in ready.content) == (503, True)
    late = asyncio.create_task(site.ask())
    await settle()
    await site.clock.advance(3.0)
    await settle()
    refused = await site.ask()
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert refused.headers["connection"] == "close"
    assert not ending.done()
    site.engine.go_on.set()
    first, second = await asyncio.gather(running, late)
    assert (first.status, second.status) == (200, 200)
    assert second.headers["connection"] == "close"
    assert await ending


async def test_what_never_ends_does_not_hold_up_the_end() -> None:
    site = Site()
    site.engine.go_on.clear()
    running = asyncio.create_task(site.ask())
    await settle()
    draining = site.protection.draining
    ending = asyncio.create_task(draining.drain(lambda: site.overload.in_flight, seconds=20.0))
    await settle()
    await site.clock.advance(3.0)
    await settle()
    await site.clock.advance(17.0)
    assert await ending is False
    running.cancel()


async def test_a_websocket_needs_a_key_too(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("sk")
    site, sent = Site(keys=tmp_path), list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await site.gate({"type": "websocket", "path": "/v1/realtime", "headers": []}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]
    assert site.engine.seen == []


async def test_metrics_say_what_each_stage_of_the_start_took() -> None:
    site = Site()
    site.board.start_stage("import")
    await site.clock.advance(2.0)
    site.board.start_stage("load")
    await site.clock.advance(3.0)
    site.board.end_stage()
    assert site.metric("kaito_start_stage_seconds", stage="import") == 2.0
    assert site.metric("kaito_start_stage_seconds", stage="load") == 3.0
