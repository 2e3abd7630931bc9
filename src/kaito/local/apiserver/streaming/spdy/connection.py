"""A SPDY connection, server side: frames from a carrier to streams and back.

One task reads, one writes; the reader never waits for the writer, so a client that does not read
can still be heard. Windows (section 2.6.8) are not used: Go's spdystream, which is what Kubernetes'
clients use, neither grants nor heeds them. So what we send is held back by the socket, and what we
receive by a bounded queue a stream: a full one stops the whole connection, and a stream that stays
full for `STALL` seconds is reset, so that it cannot hold up the others for ever.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeAlias

from kaito.base.clock import Clock
from kaito.base.logs import facts
from kaito.local.apiserver.streaming.carrier import Carrier
from kaito.local.apiserver.streaming.duplex import ByteQueue
from kaito.local.apiserver.streaming.spdy import frames
from kaito.local.apiserver.streaming.spdy.errors import ProtocolError
from kaito.local.apiserver.streaming.spdy.frames import Reason
from kaito.local.apiserver.streaming.spdy.stream import Stream
from kaito.local.apiserver.streaming.waits import is_done_within, race

logger = logging.getLogger(__name__)

STALL = 30.0
"""Seconds a stream may leave its received bytes unread while more are coming."""
LINGER = 30.0
"""Seconds a client has to hang up after we have sent our last."""
MAX_STREAMS = 4096
MAX_QUEUED = 4 * 1024 * 1024
"""Bytes waiting to be sent: answers to a client that asks and does not read; then it is cut off."""

Acceptor: TypeAlias = Callable[[Stream], bool]
"""Told of each new stream, before anything of it is read; False refuses it. It must not wait."""


class Connection:
    """Serves one client until it goes or `close` was called."""

    def __init__(self, carrier: Carrier, accept: Acceptor, *, clock: Clock) -> None:
        self._carrier = carrier
        self._accept = accept
        self._clock = clock
        self._decoder = frames.FrameDecoder()
        self._encoder = frames.FrameEncoder()
        self._outbox = ByteQueue()
        self._streams: dict[int, Stream] = {}
        self._last = 0
        self._ended = asyncio.Event()

    async def serve(self) -> None:
        """Run the connection; when it returns, every stream is gone. The carrier stays open."""
        try:
            await race(self._read_frames(), self._write_frames())
        except ConnectionError:
            logger.debug("stream connection lost", extra=facts(streams=len(self._streams)))
        finally:
            self._outbox.discard()
            for stream in self._streams.values():
                stream.lose()
            self._ended.set()

    def close(self) -> None:
        """Send what is queued, give the client time to hang up, then let `serve` return."""
        self._outbox.close()

    async def wait_ended(self) -> None:
        """Return when `serve` has."""
        await self._ended.wait()

    async def _read_frames(self) -> None:
        try:
            while data := await self._carrier.read():
                for frame in self._decoder.feed(data):
                    if isinstance(frame, frames.GoAway):
                        return
                    await self._receive(frame)
                if self._outbox.size > MAX_QUEUED:
                    raise ProtocolError("the client does not read what it asks for")
        except ProtocolError as error:
            logger.warning("stream connection refused", extra=facts(problem=error))
            await self._carrier.write(frames.encode_go_away(self._last, status=1))

    async def _write_frames(self) -> None:
        while data := await self._outbox.get():
            await self._carrier.write(data)
        await self._carrier.flush()
        await self._clock.sleep(LINGER)

    async def _receive(self, frame: frames.Frame) -> None:
        match frame:
            case frames.Data():
                await self._receive_data(frame)
            case frames.SynStream():
                self._open(frame)
            case frames.RstStream():
                if stream := self._streams.pop(frame.stream, None):
                    stream.lose()
            case frames.Ping() if frame.number % 2:
                self._send_now(frames.encode_ping(frame.number))

    async def _receive_data(self, frame: frames.Data) -> None:
        stream = self._streams.get(frame.stream)
        if stream is None or stream.received.is_closed:
            # Late data of a stream that we have given up.
            return
        if stream.received.is_full and not await self._waits_for_room(stream):
            logger.info("stalled stream reset", extra=facts(stream=stream.number, after=STALL))
            stream.reset(Reason.FLOW_CONTROL_ERROR)
        if not stream.received.is_closed:
            stream.received.put_now(frame.payload)
            if frame.fin:
                stream.received.close()

    async def _waits_for_room(self, stream: Stream) -> bool:
        return await is_done_within(self._clock, STALL, stream.received.wait_room())

    def _open(self, frame: frames.SynStream) -> None:
        if frame.stream % 2 == 0 or frame.stream <= self._last:
            self._send_now(frames.encode_reset(frame.stream, Reason.PROTOCOL_ERROR))
            return
        self._last = frame.stream
        self._forget_ended()
        stream = Stream(frame.stream, frame.headers, self._outbox)
        if len(self._streams) >= MAX_STREAMS or not self._accept(stream):
            stream.reset(Reason.REFUSED_STREAM)
            return
        self._streams[stream.number] = stream
        # Before any data of ours: whoever was told of the stream has had no turn to write yet.
        self._send_now(self._encoder.reply(stream.number, {}))
        if frame.fin:
            stream.received.close()

    def _forget_ended(self) -> None:
        over = [number for number, stream in self._streams.items() if stream.is_over]
        for number in over:
            del self._streams[number]

    def _send_now(self, frame: bytes) -> None:
        if not self._outbox.is_closed:
            self._outbox.put_now(frame)
