"""Programs that a port is forwarded to, each a server on a port of 127.0.0.1."""

import asyncio
import hashlib
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

MIB = 1024 * 1024


@dataclass(slots=True)
class Target:
    """A listening program, and its open connections."""

    port: int
    connections: set[StreamWriter] = field(default_factory=set)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def wait_connections(self, count: int) -> None:
        """Return when that many connections are open."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.connections) == count)

    async def note(self, writer: StreamWriter, *, is_open: bool) -> None:
        """Add or remove a connection."""
        (self.connections.add if is_open else self.connections.discard)(writer)
        async with self.changed:
            self.changed.notify_all()


@asynccontextmanager
async def listening(
    serve: Callable[[StreamReader, StreamWriter], Awaitable[None]],
) -> AsyncIterator[Target]:
    """A program that runs `serve` for each connection, then closes it."""
    target = Target(0)
    tasks: set[asyncio.Task[None]] = set()

    async def talk(reader: StreamReader, writer: StreamWriter) -> None:
        await target.note(writer, is_open=True)
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()
            await target.note(writer, is_open=False)

    def connected(reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(talk(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    target.port = server.sockets[0].getsockname()[1]
    try:
        yield target
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def echo(reader: StreamReader, writer: StreamWriter) -> None:
    """Send back what comes."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def serve_http(reader: StreamReader, writer: StreamWriter) -> None:
    """`GET /N` answers N MiB of a known pattern; `POST` answers the body's SHA-256."""
    head = await reader.readuntil(b"\r\n\r\n")
    method, path, _ = head.split(b"\r\n")[0].split()
    if method == b"GET":
        size = int(path[1:]) * MIB
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(int(path[1:])):
            writer.write(PATTERN)
            await writer.drain()
        return
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    if b"100-continue" in head.lower():
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    digest = hashlib.sha256()
    while length:
        data = await reader.read(min(length, 65536))
        if not data:
            return
        digest.update(data)
        length -= len(data)
    answer = digest.hexdigest().encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))
    await writer.drain()


PATTERN = b"".join(n.to_bytes(4, "big") for n in range(MIB // 4))


async def read_nothing(reader: StreamReader, writer: StreamWriter) -> None:
    """Accept a connection and then neither read nor write until it is lost."""
    del reader
    await writer.wait_closed()
