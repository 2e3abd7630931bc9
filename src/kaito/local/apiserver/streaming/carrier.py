"""What carries SPDY's bytes: a WebSocket (kubectl's tunnel) or the hijacked HTTP connection itself.

Both read with back-pressure down to the socket. Hijacking works as aiohttp's own WebSocket does:
after the 101 response, received bytes go to a parser set on the connection's protocol object.
"""

from typing import Any, Protocol, cast

from aiohttp import WSMsgType, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from kaito.local.apiserver.streaming.duplex import ByteQueue

SPDY = "SPDY/3.1"


class Carrier(Protocol):
    """A two-way pipe of bytes to the client, with one reader task and one writer task."""

    async def read(self) -> bytes:
        """Some bytes; empty when the client has gone."""
        ...

    async def write(self, data: bytes) -> None:
        """Send, waiting while the socket is full; `ConnectionError` when the client has gone."""
        ...

    async def flush(self) -> None:
        """Return when everything written is with the operating system."""
        ...


class WebSocketCarrier:
    """Bytes as binary messages; where a message begins or ends means nothing."""

    def __init__(self, socket: web.WebSocketResponse, writer: AbstractStreamWriter) -> None:
        self._socket = socket
        self._writer = writer

    async def read(self) -> bytes:
        """The payload of the next message."""
        while (message := await self._socket.receive()).type is WSMsgType.BINARY:
            if message.data:
                return cast("bytes", message.data)
        return b""

    async def write(self, data: bytes) -> None:
        """Send one message."""
        await self._socket.send_bytes(data)

    async def flush(self) -> None:
        """Wait for the socket to take all of it."""
        await flush(self._writer)


class UpgradedCarrier:
    """The bytes that follow the headers of a 101 response. Made by `upgrade`."""

    def __init__(self, request: web.Request, writer: AbstractStreamWriter) -> None:
        self._transport = request.transport
        self._writer = writer
        self._received = ByteQueue()
        self._is_paused = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Called by aiohttp with what the socket received; never the end of the upgrade."""
        self._received.put_now(data)
        if self._received.is_full and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        return False, b""

    def feed_eof(self) -> None:
        """Called by aiohttp when the connection is lost."""
        # A lost TLS transport cannot be asked for anything, not even whether it is closed.
        self._transport = None
        self._received.close()

    async def read(self) -> bytes:
        """What was received."""
        data = await self._received.get()
        if self._is_paused and self._transport is not None and not self._received.is_full:
            self._is_paused = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Send."""
        await self._writer.write(data)

    async def flush(self) -> None:
        """Wait for the socket to take all of it."""
        await flush(self._writer)


async def upgrade(
    request: web.Request, headers: dict[str, str]
) -> tuple[web.StreamResponse, UpgradedCarrier]:
    """Answer 101 and take the connection over; return the response from the handler at the end."""
    response = web.StreamResponse(
        status=101, headers={hdrs.CONNECTION: hdrs.UPGRADE, hdrs.UPGRADE: SPDY, **headers}
    )
    response.force_close()
    writer = await response.prepare(request)
    assert writer is not None
    carrier = UpgradedCarrier(request, writer)
    intercept(request, carrier)
    return response, carrier


def intercept(request: web.Request, parser: object) -> None:
    """Give `parser` (feed_data, feed_eof) whatever the connection receives from now on.

    Should it be lost already, `feed_eof` is called at once. The connection serves no other request.
    """
    request.protocol.keep_alive(False)
    if request.transport is None:
        cast("Any", parser).feed_eof()
    else:
        cast("Any", request.protocol).set_parser(parser)


async def flush(writer: AbstractStreamWriter) -> None:
    """Wait until the transport's buffer is empty.

    Closing a TLS transport drops, after a while, what a slow client has not let us send yet; so
    whoever is about to close waits here first, for as long as the client stays.
    """
    transport = writer.transport
    if transport is not None and not transport.is_closing():
        # Not 0: asyncio's TLS transport would then count as full when empty.
        transport.set_write_buffer_limits(high=1, low=0)
        await writer.drain()


def is_spdy(request: web.Request) -> bool:
    """Whether the client asks to turn this connection into SPDY."""
    return _upgrades_to(request, SPDY)


def is_websocket(request: web.Request) -> bool:
    """Whether the client asks to turn this connection into a WebSocket."""
    return _upgrades_to(request, "websocket")


def _upgrades_to(request: web.Request, protocol: str) -> bool:
    connection = request.headers.get(hdrs.CONNECTION, "").lower()
    return "upgrade" in connection and (
        request.headers.get(hdrs.UPGRADE, "").lower() == protocol.lower()
    )
