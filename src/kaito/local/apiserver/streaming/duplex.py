"""Bytes between tasks: a bounded queue, and what a two-way stream to a client looks like.

The queue is where back-pressure turns from "the transport is full" into "this task waits", so it
is also what bounds memory: each holds its limit plus one piece.
"""

import asyncio
from collections import deque
from typing import Protocol

PIECE = 64 * 1024
"""The most bytes we move at once."""
LIMIT = 256 * 1024
"""The bytes a queue holds before whoever fills it has to wait."""


class ByteQueue:
    """Pieces of bytes from any number of tasks to one reader, in order."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._closed = False
        self._room = asyncio.Event()
        self._some = asyncio.Event()

    @property
    def size(self) -> int:
        """Bytes waiting to be read."""
        return self._size

    @property
    def is_full(self) -> bool:
        """Whether the next `put` would wait."""
        return self._size >= self._limit and not self._closed

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is accepted."""
        return self._closed

    async def put(self, data: bytes) -> None:
        """Add `data` once there is room; `BrokenPipeError` when the queue is or gets closed."""
        await self.wait_room()
        self.put_now(data)

    async def wait_room(self) -> None:
        """Return when there is room, or when the queue is closed."""
        while self.is_full:
            self._room.clear()
            await self._room.wait()

    def put_now(self, data: bytes) -> None:
        """Add `data` whatever the limit; `BrokenPipeError` when the queue is closed."""
        if self._closed:
            raise BrokenPipeError("the stream is closed")
        if data:
            self._pieces.append(data)
            self._size += len(data)
            self._some.set()

    async def get(self) -> bytes:
        """What there is, up to `PIECE` bytes or one piece; empty when closed and exhausted."""
        while not self._pieces:
            if self._closed:
                return b""
            self._some.clear()
            await self._some.wait()
        return self._take()

    def close(self) -> None:
        """Accept nothing more; what was put can still be read."""
        self._closed = True
        self._room.set()
        self._some.set()

    def discard(self) -> None:
        """Close, and forget what was not read."""
        self._pieces.clear()
        self._size = 0
        self.close()

    def _take(self) -> bytes:
        taken = [self._pieces.popleft()]
        total = len(taken[0])
        while self._pieces and total + len(self._pieces[0]) <= PIECE:
            total += len(self._pieces[0])
            taken.append(self._pieces.popleft())
        self._size -= total
        if not self.is_full:
            self._room.set()
        return taken[0] if len(taken) == 1 else b"".join(taken)


class Duplex(Protocol):
    """The client's side of one byte stream, whatever it is multiplexed in."""

    async def read(self) -> bytes:
        """The next bytes from the client; empty when it has no more to say."""
        ...

    async def write(self, data: bytes) -> None:
        """Send to the client, waiting for room; `ConnectionError` when it does not listen."""
        ...

    async def wait_gone(self) -> None:
        """Return when the client has given the stream up in both directions."""
        ...
