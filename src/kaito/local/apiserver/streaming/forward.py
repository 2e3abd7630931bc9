"""One forwarded connection: a client's byte stream copied to and from a port of a pod.

It ends when the pod's program closes its side, or when the client gives the stream up; the client's
end of input alone is passed on as a half-close. Both directions wait for their receivers.
"""

import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

from kaito.api.meta import Key
from kaito.local.apiserver.streaming.duplex import PIECE, Duplex
from kaito.local.apiserver.streaming.errors import StreamError, port_refused
from kaito.local.apiserver.streaming.port import PodStreams
from kaito.local.apiserver.streaming.waits import race


async def forward(streams: PodStreams, pod: Key, port: int, client: Duplex) -> str:
    """Connect and copy to the end. Returns why there is no connection, empty when there was one."""
    try:
        reader, writer = await streams.dial(pod, port)
    except StreamError as error:
        return str(error)
    except OSError as error:
        return str(port_refused(port, str(pod), str(error)))
    try:
        await race(_copy(client, reader, writer), client.wait_gone())
    finally:
        # Aborted, not closed: nobody is left to take part in a flush, and a program that reads
        # nothing would keep the socket for ever.
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
    return ""


async def _copy(client: Duplex, reader: StreamReader, writer: StreamWriter) -> None:
    upwards = asyncio.ensure_future(_copy_up(client, writer))
    try:
        await _copy_down(reader, client)
    finally:
        upwards.cancel()
        await asyncio.gather(upwards, return_exceptions=True)


async def _copy_down(reader: StreamReader, client: Duplex) -> None:
    with suppress(OSError):
        while data := await reader.read(PIECE):
            await client.write(data)


async def _copy_up(client: Duplex, writer: StreamWriter) -> None:
    try:
        while data := await client.read():
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        # The program no longer reads. What the client still sends is taken and dropped, because
        # left lying it would hold up every other stream of the connection.
        while await client.read():
            pass
