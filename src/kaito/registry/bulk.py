"""The body of an answer into a file, as fast as the connection gives it.

aiohttp has asked and read the answer's head; a long body of known length is then taken from its
connection without it: spliced where the bytes are not encrypted and the system can, else received
into one buffer and written to the file's place: half the copies and none of the parsing. Afterwards
the connection is closed, for aiohttp has lost count of it.
"""

import asyncio
import os
from typing import Final

import aiohttp

from kaito.base.quantity import MIB
from kaito.registry.splice import Arrived, Cut, Splice, write_at
from kaito.registry.web import ANSWER_SECONDS, Transient, to_reason

_BUFFER: Final = MIB // 4
"""Small enough to stay in the processor's cache between receiving and writing."""
_WORTH_TAKING_OVER: Final = 4 * MIB


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
            write_at(self._file, content, self._offset)
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
    try:
        if can_splice(transport):
            await _splice(response, transport, file, offset=offset, size=size, arrived=arrived)
        else:
            await _take_over(response, transport, _Receiver(file, offset, size, arrived))
    finally:
        response.close()


def can_splice(transport: asyncio.Transport) -> bool:
    """Whether a connection's bytes are the file's own, and the system moves them."""
    return hasattr(os, "splice") and transport.get_extra_info("sslcontext") is None


async def _splice(  # noqa: PLR0913 - `receive`'s, and the connection
    response: aiohttp.ClientResponse,
    transport: asyncio.Transport,
    file: int,
    *,
    offset: int,
    size: int,
    arrived: Arrived,
) -> None:
    # No await between the three: nothing can arrive in another place meanwhile. Taking what is
    # there lets aiohttp read on, so that it is stopped after that.
    early = response.content.read_nowait()[:size]
    transport.pause_reading()
    try:
        splice = Splice(
            transport.get_extra_info("socket").fileno(),
            file,
            offset=offset + len(early),
            size=size - len(early),
            arrived=arrived,
        )
    except OSError as error:  # closed already, or too many files are open: not the disk's fault
        raise Transient(to_reason(error)) from error
    try:
        write_at(file, early, offset)
        arrived(len(early))
        await _wait(splice)
    except Cut as cut:
        raise Transient(f"the connection was cut: {cut}") from cut
    finally:
        splice.close()


async def _take_over(
    response: aiohttp.ClientResponse, transport: asyncio.Transport, receiver: _Receiver
) -> None:
    transport.set_protocol(receiver)
    # No await between the two: nothing can arrive meanwhile.
    receiver.take(response.content.read_nowait())
    if not transport.is_reading():
        transport.resume_reading()
    await _wait(receiver)


async def _wait(taking: Splice | _Receiver) -> None:
    while True:
        before = taking.left
        await asyncio.wait([taking.over], timeout=ANSWER_SECONDS)
        if isinstance(taking, Splice):
            taking.move()  # it is not woken for little
        if taking.over.done():
            taking.over.result()
            return
        if taking.left == before:
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
            write_at(file, content, offset + size - left)
            left -= len(content)
            arrived(len(content))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Transient(to_reason(error)) from error
