"""The bounded byte queue: order, bounds, ends."""

import asyncio

import pytest

from kaito.base.clock import settle
from kaito.local.apiserver.streaming.duplex import PIECE, ByteQueue


async def test_bytes_come_out_in_the_order_they_went_in() -> None:
    queue = ByteQueue()
    for word in (b"a", b"b", b"c"):
        await queue.put(word)
    queue.close()
    assert await queue.get() == b"abc"
    assert await queue.get() == b""


async def test_a_full_queue_makes_the_writer_wait_until_something_is_read() -> None:
    queue = ByteQueue(limit=2)
    await queue.put(b"12")
    waiting = asyncio.create_task(queue.put(b"3"))
    await settle()
    assert not waiting.done()
    assert await queue.get() == b"12"
    await waiting
    assert await queue.get() == b"3"


async def test_a_reader_waits_for_bytes_and_for_the_end() -> None:
    queue = ByteQueue()
    first = asyncio.create_task(queue.get())
    await settle()
    assert not first.done()
    queue.put_now(b"x")
    assert await first == b"x"
    last = asyncio.create_task(queue.get())
    await settle()
    queue.close()
    assert await last == b""


async def test_one_read_joins_small_pieces_and_never_splits_a_large_one() -> None:
    queue = ByteQueue()
    queue.put_now(b"s")
    queue.put_now(b"l" * (PIECE + 1))
    assert await queue.get() == b"s"
    assert len(await queue.get()) == PIECE + 1


async def test_closing_releases_a_waiting_writer_with_an_error() -> None:
    queue = ByteQueue(limit=1)
    await queue.put(b"1")
    waiting = asyncio.create_task(queue.put(b"2"))
    await settle()
    queue.close()
    with pytest.raises(BrokenPipeError):
        await waiting
    assert await queue.get() == b"1"


async def test_discarding_forgets_what_was_not_read() -> None:
    queue = ByteQueue()
    queue.put_now(b"lost")
    queue.discard()
    assert queue.size == 0
    assert await queue.get() == b""
