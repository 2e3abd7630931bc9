"""kubectl port-forward, tunnelled in a WebSocket and over an upgraded connection."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.integration.streaming.plane import PATIENCE, Plane, kill
from tests.integration.streaming.targets import (
    MIB,
    PATTERN,
    echo,
    listening,
    read_nothing,
    serve_http,
)

from kaito.local.apiserver.streaming.spdy.connection import STALL

WEBSOCKET: dict[str, str] = {}
SPDY = {"KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}

both = pytest.mark.parametrize("wire", [WEBSOCKET, SPDY], ids=["websocket", "spdy"])


@both
async def test_curl_fetches_fifty_mebibytes(
    plane: Plane, wire: dict[str, str], tmp_path: Path
) -> None:
    async with listening(serve_http) as target, _forwarded(plane, target.port, wire) as (port, _):
        file = tmp_path / "fetched"
        await _curl(f"http://127.0.0.1:{port}/50", "-o", str(file))
        assert file.read_bytes() == PATTERN * 50


@both
async def test_curl_sends_fifty_mebibytes(
    plane: Plane, wire: dict[str, str], tmp_path: Path
) -> None:
    data = os.urandom(50 * MIB)
    (tmp_path / "sent").write_bytes(data)
    async with listening(serve_http) as target, _forwarded(plane, target.port, wire) as (port, _):
        answer = await _curl(f"http://127.0.0.1:{port}/", "--data-binary", f"@{tmp_path / 'sent'}")
    assert answer.decode() == hashlib.sha256(data).hexdigest()


@both
async def test_twenty_connections_at_once_do_not_mix(plane: Plane, wire: dict[str, str]) -> None:
    async with listening(echo) as target, _forwarded(plane, target.port, wire) as (port, _):

        async def talk(number: int) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for turn in range(20):
                sent = f"{number}:{turn};".encode() * 1000
                writer.write(sent)
                assert await reader.readexactly(len(sent)) == sent
            writer.close()
            await writer.wait_closed()

        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(talk(number))
        async with asyncio.timeout(PATIENCE):
            await target.wait_connections(0)


@both
async def test_a_port_nobody_listens_on_is_named(plane: Plane, wire: dict[str, str]) -> None:
    async with listening(echo) as target:
        unused = target.port
    async with _forwarded(plane, unused, wire) as (port, process):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
            # kubectl gives up as a whole after any failed connection.
            _, err = await process.communicate()
        writer.close()
        assert f"error forwarding port {unused} to pod web" in err.decode()
        assert "connection refused" in err.decode()


@both
async def test_killing_kubectl_closes_the_connections_to_the_pod(
    plane: Plane, wire: dict[str, str]
) -> None:
    async with listening(echo) as target, _forwarded(plane, target.port, wire) as (port, process):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(PATIENCE):
            await target.wait_connections(1)
            await kill(process)
            await target.wait_connections(0)
        writer.close()


@both
async def test_a_program_that_does_not_read_is_cut_off_so_that_others_go_on(
    plane: Plane, wire: dict[str, str]
) -> None:
    async with (
        listening(read_nothing) as deaf,
        listening(echo) as well,
        _forwarded(plane, deaf.port, wire, well.port) as (port, process),
    ):
        _, stuck = await asyncio.open_connection("127.0.0.1", port)
        assert await _send_until_stuck(stuck) < 64 * MIB
        reader, writer = await asyncio.open_connection("127.0.0.1", await _next_port(process))
        writer.write(b"hello")
        async with asyncio.timeout(PATIENCE):
            await well.wait_connections(0)
            await plane.clock.advance(STALL + 1)
            assert await reader.readexactly(5) == b"hello"
            await plane.pods.dialled[0].wait_closed()
        writer.transport.abort()
        stuck.transport.abort()


@both
async def test_a_client_that_does_not_read_holds_the_program_back(
    plane: Plane, wire: dict[str, str]
) -> None:
    stuck: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stuck.set_result(await _send_until_stuck(writer))
        await reader.read()

    async with listening(pour) as target, _forwarded(plane, target.port, wire) as (port, _):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        async with asyncio.timeout(PATIENCE):
            assert 0 < await stuck < 64 * MIB
        writer.transport.abort()


@asynccontextmanager
async def _forwarded(
    plane: Plane, port: int, wire: dict[str, str], *more: int
) -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
    process = await plane.start_kubectl(
        "port-forward", "pod/web", f":{port}", *(f":{other}" for other in more), env=wire
    )
    try:
        yield await _next_port(process), process
    finally:
        if process.returncode is None:
            await kill(process)


async def _next_port(process: asyncio.subprocess.Process) -> int:
    """The local port that kubectl announces next for IPv4."""
    assert process.stdout is not None
    found = None
    async with asyncio.timeout(PATIENCE):
        while not found:
            line = (await process.stdout.readline()).decode()
            assert line, "kubectl ended"
            found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line)
    return int(found[1])


async def _curl(url: str, *arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *("curl", "-sS", "--fail", "--noproxy", "*", url, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    assert process.returncode == 0, err
    return out


async def _send_until_stuck(writer: asyncio.StreamWriter) -> int:
    """Bytes taken before the other side has taken none for two seconds."""
    sent = 0
    while True:
        writer.write(PATTERN)
        try:
            async with asyncio.timeout(2):
                await writer.drain()
        except TimeoutError:
            return sent
        sent += len(PATTERN)
