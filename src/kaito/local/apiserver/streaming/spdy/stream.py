"""One stream of a SPDY connection: headers, and bytes both ways with a half-close each."""

import asyncio
from collections.abc import Mapping

from kaito.local.apiserver.streaming.duplex import PIECE, ByteQueue
from kaito.local.apiserver.streaming.spdy import frames
from kaito.local.apiserver.streaming.spdy.frames import Reason


class Stream:
    """A stream that the client opened. Implements `duplex.Duplex`."""

    def __init__(self, number: int, headers: Mapping[str, str], outbox: ByteQueue) -> None:
        self.number = number
        self.headers = headers
        self.received = ByteQueue()
        """What the client sent; the connection fills it."""
        self._outbox = outbox
        self._finished = False
        self._gone = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be received or sent."""
        return self._gone.is_set() or (self._finished and self.received.is_closed)

    async def read(self) -> bytes:
        """The next bytes; empty after the client's last, or when it has reset the stream."""
        return await self.received.get()

    async def write(self, data: bytes) -> None:
        """Send; `ConnectionError` once the stream is finished or reset."""
        for start in range(0, len(data), PIECE):
            self._require_open()
            await self._outbox.put(frames.encode_data(self.number, data[start : start + PIECE]))

    def finish(self) -> None:
        """Nothing more will be sent. Repeatable."""
        if not self._finished and not self._gone.is_set():
            self._finished = True
            self._send_now(frames.encode_data(self.number, b"", fin=True))

    def reset(self, reason: Reason) -> None:
        """Give the stream up in both directions. Repeatable."""
        if not self._gone.is_set():
            self._send_now(frames.encode_reset(self.number, reason))
            self.lose()

    def lose(self) -> None:
        """The client has reset the stream, or the connection is gone."""
        self._gone.set()
        self.received.discard()

    async def wait_gone(self) -> None:
        """Return when the stream was given up by either side."""
        await self._gone.wait()

    def _require_open(self) -> None:
        if self._finished or self._gone.is_set():
            raise BrokenPipeError(f"SPDY stream {self.number} is closed")

    def _send_now(self, frame: bytes) -> None:
        if not self._outbox.is_closed:
            self._outbox.put_now(frame)
