"""Port-forward over SPDY: a pair of streams, error and data, for each forwarded connection.

The streams' headers: `streamtype` (error or data), `port`, `requestid` (what pairs them). The error
stream carries one line of text when there is no connection, nothing otherwise. Protocol:
`portforward.k8s.io`, on an upgraded HTTP connection or inside a WebSocket.
"""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from kaito.api.meta import Key
from kaito.base.clock import Clock
from kaito.local.apiserver.streaming.carrier import Carrier, WebSocketCarrier, upgrade
from kaito.local.apiserver.streaming.channels import open_socket
from kaito.local.apiserver.streaming.errors import StreamError
from kaito.local.apiserver.streaming.forward import forward
from kaito.local.apiserver.streaming.port import PodStreams
from kaito.local.apiserver.streaming.query import parse_port
from kaito.local.apiserver.streaming.spdy.connection import Connection
from kaito.local.apiserver.streaming.spdy.frames import Reason
from kaito.local.apiserver.streaming.spdy.stream import Stream
from kaito.local.apiserver.streaming.waits import is_done_within

PROTOCOL = "portforward.k8s.io"
TUNNEL = f"SPDY/3.1+{PROTOCOL}"
"""The WebSocket subprotocol that kubectl 1.31 and later tunnel SPDY in."""

PAIRING = 30.0
"""Seconds between a pair's first stream and its second."""


async def answer_tunnel(
    request: web.Request, streams: PodStreams, pod: Key, *, clock: Clock
) -> web.StreamResponse:
    """Serve SPDY inside a WebSocket."""
    socket, writer = await open_socket(request, TUNNEL)
    await _serve(WebSocketCarrier(socket, writer), streams, pod, clock=clock)
    await socket.close()
    return socket


async def answer_upgrade(
    request: web.Request, streams: PodStreams, pod: Key, *, clock: Clock
) -> web.StreamResponse:
    """Serve SPDY on the upgraded HTTP connection."""
    response, carrier = await upgrade(request, {"X-Stream-Protocol-Version": PROTOCOL})
    await _serve(carrier, streams, pod, clock=clock)
    return response


async def _serve(carrier: Carrier, streams: PodStreams, pod: Key, *, clock: Clock) -> None:
    async with asyncio.TaskGroup() as group:
        forwarder = _Forwarder(streams, pod, clock=clock, group=group)
        await Connection(carrier, forwarder.accept, clock=clock).serve()
        forwarder.stop()


@dataclass(slots=True)
class _Pair:
    streams: dict[str, Stream] = field(default_factory=dict)
    complete: asyncio.Event = field(default_factory=asyncio.Event)


class _Forwarder:
    """Pairs streams, and runs one task a pair."""

    def __init__(
        self, streams: PodStreams, pod: Key, *, clock: Clock, group: asyncio.TaskGroup
    ) -> None:
        self._streams = streams
        self._pod = pod
        self._clock = clock
        self._group = group
        self._pairs: dict[str, _Pair] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, stream: Stream) -> bool:
        """Take a new stream; False when its headers are not those of a port-forward."""
        kind = stream.headers.get("streamtype", "")
        request_id = stream.headers.get("requestid", "")
        try:
            port = parse_port(stream.headers.get("port", ""))
        except StreamError:
            return False
        pair = self._pairs.get(request_id)
        if kind not in {"error", "data"} or (pair and kind in pair.streams):
            return False
        if pair is None:
            pair = self._pairs[request_id] = _Pair()
            task = self._group.create_task(self._forward(request_id, pair, port))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        pair.streams[kind] = stream
        if len(pair.streams) == 2:
            pair.complete.set()
        return True

    def stop(self) -> None:
        """End every forwarded connection."""
        for task in self._tasks:
            task.cancel()

    async def _forward(self, request_id: str, pair: _Pair, port: int) -> None:
        try:
            if not await is_done_within(self._clock, PAIRING, pair.complete.wait()):
                return
            data, error = pair.streams["data"], pair.streams["error"]
            try:
                if problem := await forward(self._streams, self._pod, port, data):
                    await error.write(problem.encode())
            except ConnectionError:
                return
            error.finish()
            data.finish()
        finally:
            del self._pairs[request_id]
            for stream in pair.streams.values():
                if not stream.is_over:
                    stream.reset(Reason.CANCEL)
