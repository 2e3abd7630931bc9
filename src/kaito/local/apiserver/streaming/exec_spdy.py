"""Exec and attach over an HTTP connection upgraded to SPDY: one stream a channel.

The streams' header `streamtype` is error, stdin, stdout, stderr or resize; the command's streams
are connected when the client has opened all that its query string asks for. Of the versions of the
protocol (header X-Stream-Protocol-Version) only v4.channel.k8s.io is spoken; kubectl has it since
1.4.
"""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from kaito.api.meta import Manifest
from kaito.base.clock import Clock
from kaito.local.apiserver.streaming import session as remote
from kaito.local.apiserver.streaming import status
from kaito.local.apiserver.streaming.carrier import Carrier, upgrade
from kaito.local.apiserver.streaming.errors import StreamError
from kaito.local.apiserver.streaming.port import ExecRequest, Session
from kaito.local.apiserver.streaming.session import Opener, serve_session
from kaito.local.apiserver.streaming.spdy.connection import Connection
from kaito.local.apiserver.streaming.spdy.stream import Stream
from kaito.local.apiserver.streaming.waits import is_done_within, race

VERSION_HEADER = "X-Stream-Protocol-Version"
PROTOCOL = "v4.channel.k8s.io"

OPENING = 30.0
"""Seconds a client has to open the streams it asked for."""


async def answer_upgrade(
    request: web.Request, asked: ExecRequest, start: Opener, *, clock: Clock
) -> web.StreamResponse:
    """Serve one exec or attach; a refusal is raised before the upgrade, as a plain HTTP answer."""
    offered = request.headers.getall(VERSION_HEADER, [])
    if PROTOCOL not in {name.strip() for line in offered for name in line.split(",")}:
        raise StreamError(
            403,
            "Forbidden",
            f"unable to negotiate protocol: client offers {offered}, server accepts [{PROTOCOL}]",
        )
    session = await start()
    try:
        response, carrier = await upgrade(request, {VERSION_HEADER: PROTOCOL})
        await _serve(carrier, asked, session, clock=clock)
    finally:
        await session.kill()
    return response


async def _serve(carrier: Carrier, asked: ExecRequest, session: Session, *, clock: Clock) -> None:
    opening = _Opening(asked)
    connection = Connection(carrier, opening.accept, clock=clock)

    async def run() -> None:
        if await is_done_within(clock, OPENING, opening.complete.wait()):
            client = _StreamClient(opening.streams, connection)
            await serve_session(client, session, reports_exit=bool(asked.command))
            # Input for a command that has ended must not fill a queue and stop the connection.
            for stream in opening.streams.values():
                stream.received.discard()
        connection.close()
        await connection.wait_ended()

    await race(connection.serve(), run())


class _Opening:
    """Collects the streams that belong to the request."""

    def __init__(self, asked: ExecRequest) -> None:
        self.streams: dict[str, Stream] = {}
        self.complete = asyncio.Event()
        wanted = {
            "error": True,
            "stdin": asked.stdin,
            "stdout": asked.stdout,
            "stderr": asked.stderr,
            "resize": asked.tty,
        }
        self._wanted = {kind for kind, is_wanted in wanted.items() if is_wanted}

    def accept(self, stream: Stream) -> bool:
        """Take a new stream; False when it was not asked for or is there already."""
        kind = stream.headers.get("streamtype", "")
        if kind not in self._wanted or kind in self.streams:
            return False
        self.streams[kind] = stream
        if self.streams.keys() == self._wanted:
            self.complete.set()
        return True


class _StreamClient:
    """Implements `session.RemoteClient`."""

    def __init__(self, streams: Mapping[str, Stream], connection: Connection) -> None:
        self._streams = streams
        self._outputs = {remote.STDOUT: streams.get("stdout"), remote.STDERR: streams.get("stderr")}
        self._connection = connection

    async def pump_input(self, session: Session) -> None:
        """Read stdin and sizes until the connection ends."""
        async with asyncio.TaskGroup() as group:
            if stdin := self._streams.get("stdin"):
                group.create_task(_pump_stdin(stdin, session))
            if sizes := self._streams.get("resize"):
                group.create_task(_pump_sizes(sizes, session))
            await self._connection.wait_ended()

    async def send(self, channel: int, data: bytes) -> None:
        """Send on the stream of that channel."""
        if stream := self._outputs.get(channel):
            await stream.write(data)

    async def finish(self, outcome: Manifest) -> None:
        """Send the status and end every stream."""
        await self._streams["error"].write(status.encode(outcome))
        for stream in self._streams.values():
            stream.finish()


async def _pump_stdin(stream: Stream, session: Session) -> None:
    while data := await stream.read():
        await session.write_stdin(data)
    await session.close_stdin()


async def _pump_sizes(stream: Stream, session: Session) -> None:
    # One JSON value a write of the client's; spdystream never splits or joins such small ones.
    while data := await stream.read():
        for line in data.splitlines():
            remote.resize(session, line)
