"""The body of an answer into a file, as fast as the connection gives it.

aiohttp has asked and read the answer's head; for a long body of known length its connection is then
given a protocol that receives into one buffer and writes that to the file's place: half the copies
and none of the parsing. Afterwards the connection is closed, for aiohttp has lost count of it.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Final

import aiohttp

from kaito.base.quantity import MIB
from kaito.registry.web import ANSWER_SECONDS, Transient, to_reason

_BUFFER: Final = MIB // 2
_WORTH_TAKING_OVER: Final = 4 * MIB

Arrived = Callable[[int], None]
"""Told of every stretch that was written: its length."""


class _Receiver(asyncio.BufferedProtocol):
    """Writes what arrives at `offset` and on, until `size` bytes have."""

    def __init__(self, file: int, offset: int, size: int, arrived: Arrived) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.left = size
        self._file = file
        self._offset = offset
        self._arrived = arrived
        self._buffer = memoryview(bytearray(_BUFFER))

    def get_buffer(self, _sizehint: int, /) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.take(self._buffer[:nbytes])

    def take(self, content: memoryview | bytes) -> None:
        content = content[: self.left]
        if self.over.done() or not content:
            return
        try:
            _write(self._file, content, self._offset)
        except OSError as error:
            self.over.set_exception(error)
            return
        self._offset += len(content)
        self.left -= len(content)
        self._arrived(len(content))
        if not self.left:
            self.over.set_result(None)

    def connection_lost(self, _error: Exception | None, /) -> None:
        if not self.over.done():
            self.over.set_exception(Transient("the server cut the connection"))


async def receive(
    response: aiohttp.ClientResponse, file: int, *, offset: int, size: int, arrived: Arrived
) -> None:
    """Write the first `size` bytes of the body into `file` from `offset` on.

    Raises:
        Transient: the body ended early or fell silent; what `arrived` was told of is written.
        OSError: the file cannot be written.
    """
    connection = response.connection
    transport = connection.transport if connection is not None else None
    is_plain = response.content_length is not None and "Content-Encoding" not in response.headers
    if transport is None or not is_plain or size < _WORTH_TAKING_OVER:
        await _receive_plainly(response, file, offset=offset, size=size, arrived=arrived)
        return
    receiver = _Receiver(file, offset, size, arrived)
    transport.set_protocol(receiver)
    try:
        # No await between the two: nothing can arrive meanwhile.
        receiver.take(response.content.read_nowait())
        if not transport.is_reading():
            transport.resume_reading()
        await _wait(receiver)
    finally:
        response.close()


async def _wait(receiver: _Receiver) -> None:
    while True:
        before = receiver.left
        await asyncio.wait([receiver.over], timeout=ANSWER_SECONDS)
        if receiver.over.done():
            receiver.over.result()
            return
        if receiver.left == before:
            raise Transient(f"the server sent nothing for {ANSWER_SECONDS:.0f} s")


async def _receive_plainly(
    response: aiohttp.ClientResponse, file: int, *, offset: int, size: int, arrived: Arrived
) -> None:
    left = size
    try:
        while left:
            async with asyncio.timeout(ANSWER_SECONDS):
                content = await response.content.read(min(left, MIB))
            if not content:
                raise Transient("the server sent less than it announced")
            _write(file, content, offset + size - left)
            left -= len(content)
            arrived(len(content))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Transient(to_reason(error)) from error


def _write(file: int, content: memoryview | bytes, offset: int) -> None:
    while len(content):
        written = os.pwrite(file, content, offset)
        content, offset = content[written:], offset + written
