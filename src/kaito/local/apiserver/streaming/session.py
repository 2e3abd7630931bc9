"""One exec or attach: a client's channels connected to a `port.Session`, whatever the wire.

Output goes to the client, then the exit status; input comes from it at the same time. The session
is always let go of at the end, so a client that vanishes takes its command with it.
"""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Protocol, TypeAlias

import msgspec

from kaito.api.meta import Manifest
from kaito.local.apiserver.streaming import status
from kaito.local.apiserver.streaming.errors import StreamError
from kaito.local.apiserver.streaming.port import Session
from kaito.local.apiserver.streaming.waits import race

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
"""The channels of remote commands, numbered as in the WebSocket protocols."""


Opener: TypeAlias = Callable[[], Awaitable[Session]]
"""Starts the command, or attaches; `StreamError` when that is refused."""


class RemoteClient(Protocol):
    """The client's end of an exec or attach."""

    async def pump_input(self, session: Session) -> None:
        """Bring stdin and terminal sizes to the session; return when the client has gone."""
        ...

    async def send(self, channel: int, data: bytes) -> None:
        """Output on STDOUT or STDERR; `ConnectionError` when the client has gone."""
        ...

    async def finish(self, outcome: Manifest) -> None:
        """Send the `metav1.Status` that ends the session, and see it off."""
        ...


async def serve_session(client: RemoteClient, session: Session, *, reports_exit: bool) -> bool:
    """Run the session to its end; False when the client went away first.

    An attach reports success whatever its process returned (`reports_exit` False), as a kubelet
    does: the exit code is in the pod's status.
    """
    work = _run(client, session, reports_exit=reports_exit)
    try:
        return await race(work, client.pump_input(session)) is True
    except ConnectionError:
        return False


async def _run(client: RemoteClient, session: Session, *, reports_exit: bool) -> bool:
    try:
        async with aclosing(session.output()) as pieces:
            async for channel, data in pieces:
                await client.send(channel, data)
        code = await session.wait()
    except StreamError as error:
        await client.finish(status.failure_status(error))
    else:
        await client.finish(status.exit_status(code) if reports_exit else status.SUCCESS)
    return True


class _Size(msgspec.Struct):
    width: int = msgspec.field(name="Width", default=0)
    height: int = msgspec.field(name="Height", default=0)


def resize(session: Session, message: bytes) -> None:
    """Apply a terminal size, `{"Width": columns, "Height": rows}`; nonsense is ignored."""
    try:
        size = msgspec.json.decode(message, type=_Size)
    except msgspec.DecodeError:
        return
    if 0 < size.width < 65536 and 0 < size.height < 65536:
        session.resize(size.width, size.height)
