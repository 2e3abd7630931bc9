"""Port-forward over a plain WebSocket, as the Python client does it: one connection a port.

Port number i of the query has two channels, 2i for data and 2i+1 for errors; on each the server
first sends the port (two bytes, little-endian). A channel cannot be closed, so the socket is, when
the last of its connections has ended.
"""

import asyncio
from contextlib import suppress

from aiohttp import web

from kaito.api.meta import Key
from kaito.base.clock import Clock
from kaito.local.apiserver.streaming.carrier import flush
from kaito.local.apiserver.streaming.channels import (
    PORT_PROTOCOLS,
    ChannelSocket,
    open_channels,
)
from kaito.local.apiserver.streaming.duplex import ByteQueue
from kaito.local.apiserver.streaming.errors import bad_request
from kaito.local.apiserver.streaming.forward import forward
from kaito.local.apiserver.streaming.port import PodStreams
from kaito.local.apiserver.streaming.query import parse_ports
from kaito.local.apiserver.streaming.waits import is_done_within, race

STALL = 30.0
"""Seconds a port may leave its received bytes unread while more are coming."""
MAX_PORTS = 64


async def answer_channels(
    request: web.Request, streams: PodStreams, pod: Key, *, clock: Clock
) -> web.StreamResponse:
    """Serve one WebSocket with all its ports; `StreamError` when the query is wrong."""
    ports = parse_ports(request.query)
    if len(ports) > MAX_PORTS:
        raise bad_request(f"at most {MAX_PORTS} ports can be forwarded over one WebSocket")
    channels = await open_channels(request, PORT_PROTOCOLS)
    clients = [_PortClient(channels, index) for index in range(len(ports))]
    with suppress(ConnectionError):
        for client, port in zip(clients, ports, strict=True):
            await client.greet(port)
        await race(
            _forward_all(channels, clients, ports, streams=streams, pod=pod),
            _receive(channels, clients, clock=clock),
        )
    await channels.response.close()
    return channels.response


async def _forward_all(
    channels: ChannelSocket,
    clients: list["_PortClient"],
    ports: tuple[int, ...],
    *,
    streams: PodStreams,
    pod: Key,
) -> None:
    async def forward_one(client: _PortClient, port: int) -> None:
        with suppress(ConnectionError):
            await client.report(await forward(streams, pod, port, client))
        client.received.discard()

    async with asyncio.TaskGroup() as group:
        for client, port in zip(clients, ports, strict=True):
            group.create_task(forward_one(client, port))
    await flush(channels.writer)


async def _receive(channels: ChannelSocket, clients: list["_PortClient"], *, clock: Clock) -> None:
    while (message := await channels.receive()) is not None:
        channel, payload = message
        index, is_error = divmod(channel, 2)
        if is_error or not 0 <= index < len(clients):
            continue
        received = clients[index].received
        if received.is_full and not await is_done_within(clock, STALL, received.wait_room()):
            received.discard()
            clients[index].gone.set()
        if not received.is_closed:
            received.put_now(payload)


class _PortClient:
    """The client's end of one port's connection. Implements `duplex.Duplex`."""

    def __init__(self, channels: ChannelSocket, index: int) -> None:
        self._channels = channels
        self._data = 2 * index
        self._error = 2 * index + 1
        self.received = ByteQueue()
        self.gone = asyncio.Event()

    async def greet(self, port: int) -> None:
        """Name the port on both channels."""
        for channel in (self._data, self._error):
            await self._channels.send(channel, port.to_bytes(2, "little"))

    async def report(self, problem: str) -> None:
        """Send an error, unless it is empty."""
        if problem:
            await self._channels.send(self._error, problem.encode())

    async def read(self) -> bytes:
        """What the client sent."""
        return await self.received.get()

    async def write(self, data: bytes) -> None:
        """Send data."""
        await self._channels.send(self._data, data)

    async def wait_gone(self) -> None:
        """Return when the connection was given up."""
        await self.gone.wait()
