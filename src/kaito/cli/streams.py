"""The lines of an answer that comes bit by bit: logs, and the events of a streaming chat."""

from collections.abc import AsyncIterator

import aiohttp


async def lines_of(response: aiohttp.ClientResponse) -> AsyncIterator[str]:
    """Each line without its end, the last one also where it has none."""
    pending = b""
    async for chunk in response.content.iter_any():
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace").rstrip("\r")
    if pending:
        yield pending.decode(errors="replace")
