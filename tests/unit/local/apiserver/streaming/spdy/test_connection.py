"""A SPDY connection against a client made of bytes."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kaito.base.clock import ManualClock, settle
from kaito.local.apiserver.streaming.duplex import LIMIT, ByteQueue
from kaito.local.apiserver.streaming.spdy import frames
from kaito.local.apiserver.streaming.spdy.connection import LINGER, STALL, Connection
from kaito.local.apiserver.streaming.spdy.headers import HeaderPacker
from kaito.local.apiserver.streaming.spdy.stream import Stream


class _Client:
    """The far end: is the connection's carrier, and speaks to it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.streams: list[Stream] = []
        self.refuses = False
        self.connection = Connection(self, self._accept, clock=self.clock)
        self.sent = b""
        self.may_write = asyncio.Event()
        self.may_write.set()
        self._inbox = ByteQueue()
        self._packer = HeaderPacker()

    async def read(self) -> bytes:
        return await self._inbox.get()

    async def write(self, data: bytes) -> None:
        await self.may_write.wait()
        self.sent += data

    async def flush(self) -> None: ...

    async def say(self, *data: bytes) -> None:
        self._inbox.put_now(b"".join(data))
        await settle()

    async def open(self, number: int, *, fin: bool = False) -> None:
        payload = struct.pack(">IIH", number, 0, 0) + self._packer.pack({"n": str(number)})
        head = struct.pack(">HHI", 0x8003, 1, int(fin) << 24 | len(payload))
        await self.say(head + payload)

    def hang_up(self) -> None:
        self._inbox.close()

    def heard(self) -> list[tuple[str, int]]:
        """What the server sent: frame type and stream (or ping) number."""
        names = {2: "reply", 3: "reset", 6: "ping", 7: "goaway"}
        heard, rest = [], self.sent
        while rest:
            first, word, number = struct.unpack(">III", rest[:12].ljust(12, b"\0"))
            if first >> 31:
                heard.append((names[first & 0xFFFF], number))
            else:
                heard.append(("fin" if word >> 24 else "data", first))
            rest = rest[8 + (word & 0xFFFFFF) :]
        return heard

    def _accept(self, stream: Stream) -> bool:
        if not self.refuses:
            self.streams.append(stream)
        return not self.refuses


@asynccontextmanager
async def _served() -> AsyncIterator[_Client]:
    client = _Client()
    serving = asyncio.create_task(client.connection.serve())
    await settle()
    yield client
    client.hang_up()
    await client.clock.advance(max(STALL, LINGER) + 1)
    await serving


async def test_a_stream_is_answered_and_carries_bytes_both_ways() -> None:
    async with _served() as client:
        await client.open(1)
        (stream,) = client.streams
        assert stream.headers == {"n": "1"}
        await client.say(frames.encode_data(1, b"up"), frames.encode_data(1, b"", fin=True))
        assert await stream.read() == b"up"
        assert await stream.read() == b""
        await stream.write(b"down")
        stream.finish()
        await settle()
        assert client.heard() == [("reply", 1), ("data", 1), ("fin", 1)]
        assert stream.is_over


async def test_a_refused_stream_is_reset() -> None:
    async with _served() as client:
        client.refuses = True
        await client.open(1)
        assert client.heard() == [("reset", 1)]


@pytest.mark.parametrize("number", [2, 1], ids=["even", "used"])
async def test_a_stream_number_out_of_order_is_reset(number: int) -> None:
    async with _served() as client:
        await client.open(1)
        await client.open(number)
        assert client.heard() == [("reply", 1), ("reset", number)]
        assert len(client.streams) == 1


async def test_a_reset_ends_reading_and_forbids_writing() -> None:
    async with _served() as client:
        await client.open(1)
        (stream,) = client.streams
        await client.say(frames.encode_reset(1, frames.Reason.CANCEL))
        assert await stream.read() == b""
        with pytest.raises(BrokenPipeError):
            await stream.write(b"late")
        await stream.wait_gone()
        await client.say(frames.encode_data(1, b"late"))
        assert client.heard() == [("reply", 1)]


async def test_hanging_up_ends_every_stream() -> None:
    async with _served() as client:
        await client.open(1)
        await client.open(3)
        client.hang_up()
        await client.connection.wait_ended()
        for stream in client.streams:
            await stream.wait_gone()


async def test_a_ping_is_answered_even_when_the_client_reads_nothing_else() -> None:
    async with _served() as client:
        await client.open(1)
        client.may_write.clear()
        pouring = asyncio.create_task(client.streams[0].write(bytes(10 * LIMIT)))
        await settle()
        assert not pouring.done(), "a writer waits for a client that does not read"
        await client.say(frames.encode_ping(9), frames.encode_data(1, b"still heard"))
        assert await client.streams[0].read() == b"still heard"
        client.may_write.set()
        await pouring
        assert ("ping", 9) in client.heard()


async def test_pings_of_our_own_numbers_are_not_answered() -> None:
    async with _served() as client:
        await client.say(frames.encode_ping(2))
        assert client.heard() == []


async def test_a_stream_nobody_reads_stops_the_connection_and_is_then_reset() -> None:
    async with _served() as client:
        await client.open(1)
        await client.say(frames.encode_data(1, bytes(LIMIT)), frames.encode_data(1, b"more"))
        await client.say(frames.encode_ping(1))
        assert ("ping", 1) not in client.heard(), "the connection is held back"
        await client.clock.advance(STALL)
        assert client.heard() == [("reply", 1), ("reset", 1), ("ping", 1)]
        await client.streams[0].wait_gone()


async def test_reading_a_stream_lets_a_held_back_connection_go_on() -> None:
    async with _served() as client:
        await client.open(1)
        await client.say(frames.encode_data(1, bytes(LIMIT)), frames.encode_data(1, b"more"))
        assert len(await client.streams[0].read()) == LIMIT
        assert await client.streams[0].read() == b"more"
        await client.say(frames.encode_ping(1))
        assert client.heard() == [("reply", 1), ("ping", 1)]


async def test_a_client_that_breaks_the_protocol_is_told_to_go_away() -> None:
    async with _served() as client:
        await client.open(1)
        await client.say(struct.pack(">HHI", 0x8002, 6, 4) + bytes(4))
        await client.connection.wait_ended()
        assert client.heard()[-1] == ("goaway", 1)


async def test_a_client_that_goes_away_is_not_waited_for() -> None:
    async with _served() as client:
        await client.open(1)
        await client.say(frames.encode_go_away(0))
        await client.connection.wait_ended()


async def test_closing_sends_what_is_queued_then_gives_the_client_time_to_hang_up() -> None:
    async with _served() as client:
        await client.open(1)
        await client.streams[0].write(b"last words")
        client.streams[0].finish()
        client.connection.close()
        ended = asyncio.create_task(client.connection.wait_ended())
        await settle()
        assert client.heard()[-2:] == [("data", 1), ("fin", 1)]
        assert not ended.done()
        await client.clock.advance(LINGER)
        await ended
