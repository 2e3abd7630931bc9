"""Checks against real servers; time is the test's."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from tests.unit.local.node.pods import make_pod

from kaito.base.clock import Clock, ManualClock, SystemClock
from kaito.local.node.commands import Commands
from kaito.local.node.lifecycle.facts import RunId
from kaito.local.node.pod import Check
from kaito.local.node.probes import Checked, Checker
from kaito.local.node.process import ContainerRuntime

CONTAINER = make_pod({"ports": [{"name": "http", "containerPort": 1}]}).spec.containers[0]


def checker(state: Path, clock: Clock) -> Checker:
    return Checker(Commands(ContainerRuntime(state, clock=clock), clock=clock), clock=clock)


async def check(wanted: Checker, what: dict[str, Any], address: str = "127.0.0.1") -> str:
    about = Checked(container=CONTAINER, run=RunId("r"), address=address)
    async with asyncio.timeout(20):
        return await wanted.check(msgspec.convert(what, Check), about, within=1)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server whose answer's status is its path, and which never answers at /hang."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/hang":
            await asyncio.get_running_loop().create_future()
        if request.path == "/headers":
            return web.Response(status=200 if request.headers.get("X-Key") == "v" else 403)
        return web.Response(status=int(request.path.strip("/")))

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.fixture
async def prober(tmp_path: Path) -> AsyncIterator[Checker]:
    found = checker(tmp_path, SystemClock())
    yield found
    await found.close()


@pytest.mark.parametrize("status", [200, 204, 302, 399])
async def test_an_answer_below_400_is_success(prober: Checker, port: int, status: int) -> None:
    assert await check(prober, {"httpGet": {"port": port, "path": f"/{status}"}}) == ""


async def test_an_answer_of_400_and_more_is_failure(prober: Checker, port: int) -> None:
    said = await check(prober, {"httpGet": {"port": port, "path": "503"}})
    assert said == "HTTP probe failed with statuscode: 503"


async def test_headers_are_sent(prober: Checker, port: int) -> None:
    headers = [{"name": "X-Key", "value": "v"}]
    what = {"httpGet": {"port": port, "path": "/headers", "httpHeaders": headers}}
    assert await check(prober, what) == ""


async def test_a_refused_connection_is_failure(prober: Checker) -> None:
    said = await check(prober, {"httpGet": {"port": 1, "path": "/ready"}}, "127.64.9.9")
    assert said == 'Get "http://127.64.9.9:1/ready": connect: connection refused'
    said = await check(prober, {"tcpSocket": {"port": 1}}, "127.64.9.9")
    assert said == "dial tcp 127.64.9.9:1: connect: connection refused"


async def test_no_answer_in_time_is_failure(tmp_path: Path, port: int) -> None:
    clock = ManualClock()
    patient = checker(tmp_path, clock)
    asking = asyncio.ensure_future(check(patient, {"httpGet": {"port": port, "path": "/hang"}}))
    while not asking.done():
        await clock.advance(0.5)
    assert "context deadline exceeded" in asking.result()
    await patient.close()


async def test_a_port_may_be_named(prober: Checker, port: int) -> None:
    assert await check(prober, {"tcpSocket": {"port": port}}) == ""
    assert "connection refused" in await check(prober, {"tcpSocket": {"port": "http"}})
    said = await check(prober, {"tcpSocket": {"port": "none"}})
    assert said == "couldn't find port 'none' in container 'main'"


async def test_a_check_of_an_unknown_kind_is_failure(prober: Checker) -> None:
    assert "not supported" in await check(prober, {"grpc": {"port": 1}})
