"""Exec and attach over a WebSocket of channels: stdin, stdout, stderr, error, resize."""

from aiohttp import web

from kaito.api.meta import Manifest
from kaito.local.apiserver.streaming import status
from kaito.local.apiserver.streaming.carrier import flush
from kaito.local.apiserver.streaming.channels import (
    CLOSE_CHANNEL,
    COMMAND_PROTOCOLS,
    ChannelSocket,
    choose_protocol,
    open_channels,
)
from kaito.local.apiserver.streaming.port import ExecRequest, Session
from kaito.local.apiserver.streaming.session import (
    ERROR,
    RESIZE,
    STDERR,
    STDIN,
    STDOUT,
    Opener,
    resize,
    serve_session,
)


async def answer_websocket(
    request: web.Request, asked: ExecRequest, start: Opener
) -> web.StreamResponse:
    """Serve one exec or attach; a refusal is raised before the upgrade, as a plain HTTP answer."""
    choose_protocol(request, COMMAND_PROTOCOLS)
    session = await start()
    try:
        channels = await open_channels(request, COMMAND_PROTOCOLS)
        client = _ChannelClient(channels)
        # An empty message on the first output channel tells the client that it is connected.
        await client.send(STDOUT if asked.stdout else STDERR if asked.stderr else ERROR, b"")
        if await serve_session(client, session, reports_exit=bool(asked.command)):
            await channels.response.close()
    finally:
        await session.kill()
    return channels.response


class _ChannelClient:
    """Implements `session.RemoteClient`."""

    def __init__(self, channels: ChannelSocket) -> None:
        self._channels = channels

    async def pump_input(self, session: Session) -> None:
        """Read messages until the client closes the socket."""
        while (received := await self._channels.receive()) is not None:
            channel, payload = received
            if channel == STDIN and payload:
                await session.write_stdin(payload)
            elif channel == RESIZE:
                resize(session, payload)
            elif self._closes_stdin(channel, payload):
                await session.close_stdin()

    async def send(self, channel: int, data: bytes) -> None:
        """Send one message."""
        await self._channels.send(channel, data)

    async def finish(self, outcome: Manifest) -> None:
        """Send the status; closing the socket is the caller's, once nobody reads from it."""
        if self._channels.protocol.has_status:
            await self._channels.send(ERROR, status.encode(outcome))
        elif outcome is not status.SUCCESS:
            await self._channels.send(ERROR, outcome["message"].encode())
        await flush(self._channels.writer)

    def _closes_stdin(self, channel: int, payload: bytes) -> bool:
        return (
            self._channels.protocol.has_close
            and channel == CLOSE_CHANNEL
            and payload[:1] == bytes((STDIN,))
        )
