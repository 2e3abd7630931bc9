"""The gate in front of an application on a real socket: bodies that are too large, however sent.

The application is FastAPI's, as the engines' are, and makes its own errors of what it cannot read.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import repeat
from typing import Annotated, Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from fastapi import Body, FastAPI
from prometheus_client import CollectorRegistry

from kaito.base.clock import SystemClock
from kaito.runtimes.reporting import Board
from kaito.runtimes.serving import head_guard
from kaito.runtimes.serving.draining import Draining
from kaito.runtimes.serving.gate import Engine, Gate, Protection
from kaito.runtimes.serving.http_server import make_server
from kaito.runtimes.serving.lobby import open_socket
from kaito.runtimes.serving.overload import Capacity, Overload
from kaito.runtimes.serving.routes import Readiness
from kaito.runtimes.serving.server_metrics import ServerMetrics

PATH = "/v1/completions"
LIMIT = 1 << 20


def application() -> FastAPI:
    app = FastAPI()

    async def complete(body: Annotated[Any, Body()]) -> dict[str, Any]:
        return {"asked": body}

    app.add_api_route(PATH, complete, methods=["POST"], response_model=None)
    return app


@asynccontextmanager
async def running() -> AsyncIterator[tuple[str, CollectorRegistry]]:
    """A server, its address, and its counters."""
    clock, registry, app = SystemClock(), CollectorRegistry(), application()
    protection = Protection(
        overload=Overload(Capacity(running=8, waiting=8), clock),
        draining=Draining(clock),
        metrics=ServerMetrics(registry),
        max_body_bytes=LIMIT,
    )
    readiness = Readiness(app, "m")
    engine = Engine(app=app, readiness=readiness, names=lambda: ("m",), version="1")
    gate = Gate(engine, Board("serving", clock), protection)
    with open_socket("127.0.0.1", 0) as sock:
        server = make_server(gate, {"access_log": False, "log_level": "warning"})
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}{PATH}", registry
        finally:
            server.should_exit = True
            await serving


async def spaces(count: int | None) -> AsyncIterator[bytes]:
    """A body in chunks; without a count, one without an end."""
    for piece in repeat(b" " * 65536) if count is None else repeat(b" " * 65536, count):
        yield piece


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data"])
@pytest.mark.parametrize("count", [LIMIT // 65536 + 1, None], ids=["large", "endless"])
async def test_a_body_that_is_too_large_gets_413_and_others_their_answer(
    kind: str, count: int | None
) -> None:
    async with running() as (url, registry), aiohttp.ClientSession() as session:
        headers = {"Content-Type": kind}
        async with session.post(url, data=spaces(count), headers=headers) as response:
            assert response.status == 413
            assert (await response.json())["error"]["code"] == "request_too_large"
        async with session.post(url, json={"model": "m"}) as response:
            assert (await response.json()) == {"asked": {"model": "m"}}
        refused = {"reason": "size"}
        assert registry.get_sample_value("kaito_requests_received_total") == 2
        assert registry.get_sample_value("kaito_requests_refused_total", refused) == 1
        answered = {"outcome": "answered"}
        assert registry.get_sample_value("kaito_requests_total", answered) == 1


async def test_a_head_without_an_end_is_refused_and_takes_no_memory() -> None:
    async with running() as (url, _):
        reader, writer = await asyncio.open_connection(*address_of(url))
        writer.write(b"GET / HTTP/1.1\r\nX-Endless: ")
        for _ in range(64):
            writer.write(b"a" * 65536)
            await writer.drain()
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == 431
        writer.close()


@pytest.mark.parametrize("start", [b"", b"POST /x HTTP/1.1\r\nHost:"], ids=["nothing", "a part"])
async def test_a_head_that_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    monkeypatch.setattr(head_guard, "HEAD_SECONDS", 0.3)
    async with running() as (url, _), aiohttp.ClientSession() as session:
        reader, writer = await asyncio.open_connection(*address_of(url))
        writer.write(start)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        # A body may take longer than a head, and so may the next request on a connection.
        kind = {"Content-Type": "application/json"}
        for _ in range(2):
            body = slowly(b'{"model":', b' "m"}')
            async with session.post(url, data=body, headers=kind) as response:
                assert (await response.json()) == {"asked": {"model": "m"}}


async def slowly(*pieces: bytes) -> AsyncIterator[bytes]:
    """Longer than the limit for heads, all together."""
    for piece in pieces:
        await asyncio.sleep(0.25)
        yield piece


def address_of(url: str) -> tuple[str, int]:
    """Host and port."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port
