"""`GET pods/{name}/log`: a container's log as chunked plain text, one chunk a piece.

A follow may stay silent for hours, so the client's going away is watched for instead of found out
at the next write; either way the iterator is closed before the handler returns.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from aiohttp import web

from kaito.api.meta import Key
from kaito.local.apiserver.streaming.carrier import intercept
from kaito.local.apiserver.streaming.port import PodStreams
from kaito.local.apiserver.streaming.query import parse_log_request
from kaito.local.apiserver.streaming.waits import race


async def answer_log(request: web.Request, streams: PodStreams, pod: Key) -> web.StreamResponse:
    """Stream the log; `StreamError` when it cannot be opened."""
    asked = parse_log_request(request.query, pod.name)
    response = web.StreamResponse()
    response.content_type = "text/plain"
    response.force_close()
    async with aclosing(_cut(streams.logs(pod, asked), asked.limit_bytes)) as pieces:
        # The first step is where the log is opened, so a refusal can still be an HTTP status.
        first = await anext(pieces, b"")
        with suppress(ConnectionError):
            await response.prepare(request)
            hang_up = _HangUp()
            intercept(request, hang_up)
            await race(_copy(first, pieces, response), hang_up.event.wait())
    return response


async def _copy(
    first: bytes, rest: AsyncGenerator[bytes, None], response: web.StreamResponse
) -> None:
    await response.write(first)
    async for piece in rest:
        await response.write(piece)


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
