"""One forwarded connection between a scripted client and a real socket."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator

from kaito.api.meta import Key
from kaito.local.apiserver.streaming import errors
from kaito.local.apiserver.streaming.duplex import ByteQueue
from kaito.local.apiserver.streaming.forward import forward
from kaito.local.apiserver.streaming.port import ExecRequest, LogRequest, Session

POD = Key("default", "web")


class _Client:
    def __init__(self) -> None:
        self.says = ByteQueue()
        self.hears = ByteQueue()
        self.gone = asyncio.Event()

    async def read(self) -> bytes:
        return await self.says.get()

    async def write(self, data: bytes) -> None:
        await self.hears.put(data)

    async def wait_gone(self) -> None:
        await self.gone.wait()


class _Pods:
    """Dials one server of the test's own."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.accepted: asyncio.Queue[tuple[StreamReader, StreamWriter]] = asyncio.Queue()
        self._problem = problem

    def logs(self, pod: Key, request: LogRequest) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    async def exec(self, pod: Key, request: ExecRequest) -> Session:
        raise NotImplementedError

    async def attach(self, pod: Key, request: ExecRequest) -> Session:
        raise NotImplementedError

    async def dial(self, pod: Key, port: int) -> tuple[StreamReader, StreamWriter]:
        if self._problem:
            raise self._problem
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            return await asyncio.open_connection(*server.sockets[0].getsockname())
        finally:
            server.close()

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.accepted.put_nowait((reader, writer))


async def test_bytes_go_both_ways_until_the_program_closes() -> None:
    pods, client = _Pods(), _Client()
    forwarding = asyncio.create_task(forward(pods, POD, 80, client))
    reader, writer = await pods.accepted.get()
    client.says.put_now(b"up")
    assert await reader.readexactly(2) == b"up"
    writer.write(b"down")
    writer.close()
    assert await forwarding == ""
    client.hears.close()
    assert await client.hears.get() == b"down"
    await writer.wait_closed()


async def test_the_clients_end_of_input_is_passed_on_and_the_answer_still_comes() -> None:
    pods, client = _Pods(), _Client()
    forwarding = asyncio.create_task(forward(pods, POD, 80, client))
    reader, writer = await pods.accepted.get()
    client.says.put_now(b"question")
    client.says.close()
    assert await reader.read() == b"question"
    writer.write(b"answer")
    writer.close()
    assert await forwarding == ""
    assert await client.hears.get() == b"answer"
    await writer.wait_closed()


async def test_a_client_that_is_gone_ends_a_connection_whose_program_does_not_read() -> None:
    pods, client = _Pods(), _Client()
    forwarding = asyncio.create_task(forward(pods, POD, 80, client))
    _, writer = await pods.accepted.get()
    assert isinstance(writer.transport, asyncio.Transport)
    writer.transport.pause_reading()
    for _ in range(64):
        await client.says.put(bytes(256 * 1024))
        if client.says.is_full:
            break
    client.gone.set()
    assert await forwarding == ""
    writer.transport.abort()


async def test_a_program_that_drops_the_connection_ends_it_without_an_error() -> None:
    pods, client = _Pods(), _Client()
    forwarding = asyncio.create_task(forward(pods, POD, 80, client))
    _, writer = await pods.accepted.get()
    writer.transport.abort()
    assert await forwarding == ""


async def test_a_refusal_is_the_result() -> None:
    pods = _Pods(errors.port_refused(80, "web", "connection refused"))
    assert await forward(pods, POD, 80, _Client()) == (
        "error forwarding port 80 to pod web: connection refused"
    )


async def test_a_failure_of_the_system_is_the_result_too() -> None:
    pods = _Pods(OSError(24, "Too many open files"))
    assert "Too many open files" in await forward(pods, POD, 80, _Client())
