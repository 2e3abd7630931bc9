"""`GET pods/{name}/log`: a container's log as chunked plain text, one chunk a piece.

A follow may stay silent for hours, so the client's going away is watched for instead of found out
at the next write; either way the iterator is closed before the handler returns.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing, suppress

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from kaito.api.meta import Key
from kaito.base.clock import Clock
from kaito.local.apiserver.streaming.carrier import flush, intercept
from kaito.local.apiserver.streaming.errors import StreamError
from kaito.local.apiserver.streaming.port import PodStreams
from kaito.local.apiserver.streaming.query import parse_log_request
from kaito.local.apiserver.streaming.waits import race

OPENING = 0.5
"""Seconds a log has to be refused in; then the answer begins, though there may be no line yet."""


async def answer_log(
    request: web.Request, streams: PodStreams, pod: Key, *, clock: Clock
) -> web.StreamResponse:
    """Stream the log; `StreamError` when it cannot be opened."""
    asked = parse_log_request(request.query, pod.name)
    async with aclosing(_cut(streams.logs(pod, asked), asked.limit_bytes)) as pieces:
        # The first step is where the log is opened, so a refusal can still be an HTTP status.
        first = asyncio.ensure_future(anext(pieces, b""))
        try:
            await race(asyncio.wait({first}), clock.sleep(OPENING))
            if first.done():
                first.result()
            return await _answer(request, first, pieces)
        finally:
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)


async def _answer(
    request: web.Request, first: Awaitable[bytes], rest: AsyncGenerator[bytes, None]
) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "text/plain"
    response.force_close()
    # A refusal that comes too late to be told ends the log as if it were empty.
    with suppress(ConnectionError, StreamError):
        writer = await response.prepare(request)
        assert writer is not None
        hang_up = _HangUp()
        intercept(request, hang_up)
        await race(_copy(first, rest, writer), hang_up.event.wait())
    return response


async def _copy(
    first: Awaitable[bytes], rest: AsyncGenerator[bytes, None], writer: AbstractStreamWriter
) -> None:
    await writer.write(await first)
    async for piece in rest:
        await writer.write(piece)
    await flush(writer)


async def _cut(
    pieces: AsyncGenerator[bytes, None], limit: int | None
) -> AsyncGenerator[bytes, None]:
    left = limit
    async with aclosing(pieces):
        async for piece in pieces:
            yield piece if left is None else piece[:left]
            if left is not None:
                left -= len(piece)
                if left <= 0:
                    return


class _HangUp:
    """Ignores what the client sends; knows when it has gone."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        del data
        return False, b""

    def feed_eof(self) -> None:
        self.event.set()
