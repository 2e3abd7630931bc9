"""Kubernetes' WebSocket subprotocols: several byte streams as numbered channels of one socket.

A message is a channel number and a payload: one raw byte and raw bytes in the binary protocols, one
ASCII digit and base64 in the textual ones. Version 4 reports the end as a Status on the error
channel, version 5 adds a message that closes one channel (255, then the channel's number).
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import WSMessage, WSMsgType, hdrs, web
from aiohttp.abc import AbstractStreamWriter

from kaito.local.apiserver.streaming.errors import bad_request

CLOSE_CHANNEL = 255
MAX_MESSAGE = 32 * 1024 * 1024
"""Bytes of one message. The Python client sends whatever it is given to write in a single one."""
FAREWELL = 30.0
"""Seconds a client has to answer our closing of the socket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelProtocol:
    """How one subprotocol writes messages."""

    is_text: bool = False
    has_status: bool = True
    has_close: bool = False

    def parse(self, message: WSMessage) -> tuple[int, bytes]:
        """The channel and payload of a data message; (-1, b"") when it is none."""
        raw = message.data.encode() if isinstance(message.data, str) else bytes(message.data)
        if not raw:
            return -1, b""
        if not self.is_text:
            return raw[0], raw[1:]
        try:
            return raw[0] - ord("0"), base64.b64decode(raw[1:], validate=True)
        except binascii.Error:
            return -1, b""


COMMAND_PROTOCOLS: Mapping[str, ChannelProtocol] = {
    "v5.channel.k8s.io": ChannelProtocol(has_close=True),
    "v4.channel.k8s.io": ChannelProtocol(),
    "v4.base64.channel.k8s.io": ChannelProtocol(is_text=True),
    "channel.k8s.io": ChannelProtocol(has_status=False),
    "base64.channel.k8s.io": ChannelProtocol(is_text=True, has_status=False),
    "": ChannelProtocol(has_status=False),
}
"""What exec and attach speak, the empty one when a client asks for none."""

PORT_PROTOCOLS: Mapping[str, ChannelProtocol] = {
    "v4.channel.k8s.io": ChannelProtocol(),
    "v4.base64.channel.k8s.io": ChannelProtocol(is_text=True),
    "": ChannelProtocol(),
}
"""What port-forward speaks when nothing is tunnelled in the socket."""


class ChannelSocket:
    """A WebSocket of channels. Made by `open_channels`."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        writer: AbstractStreamWriter,
        protocol: ChannelProtocol,
    ) -> None:
        self.response = socket
        self.writer = writer
        self.protocol = protocol

    async def receive(self) -> tuple[int, bytes] | None:
        """The next channel and payload; None when the client has gone. Pings are answered here."""
        message = await self.response.receive()
        if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
            return None
        return self.protocol.parse(message)

    async def send(self, channel: int, payload: bytes) -> None:
        """Send one message; `ConnectionError` when the client has gone."""
        if self.protocol.is_text:
            digit = chr(ord("0") + channel)
            await self.response.send_str(digit + base64.b64encode(payload).decode())
        else:
            await self.response.send_bytes(bytes((channel,)) + payload)


def choose_protocol(request: web.Request, known: Mapping[str, object]) -> str:
    """The first subprotocol of the client's that we know; 400 when it offers only others."""
    headers = request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, [])
    offered = [name.strip() for line in headers for name in line.split(",")]
    chosen = next((name for name in offered if name in known), None)
    if chosen is not None:
        return chosen
    if offered or "" not in known:
        accepted = ", ".join(filter(None, known))
        raise bad_request(
            f"unable to negotiate a WebSocket subprotocol: client offers {offered}, "
            f"server accepts {accepted}"
        )
    return ""


async def open_socket(
    request: web.Request, protocol: str
) -> tuple[web.WebSocketResponse, AbstractStreamWriter]:
    """Accept the WebSocket with this subprotocol (none when empty)."""
    # No pings of ours: the Python client answers them only while somebody reads from it, so they
    # would cut off the idle. Dead peers are TCP keep-alive's to find.
    socket = web.WebSocketResponse(
        protocols=(protocol,) if protocol else (),
        compress=False,
        max_msg_size=MAX_MESSAGE,
        timeout=FAREWELL,
    )
    writer = await socket.prepare(request)
    return socket, writer


async def open_channels(
    request: web.Request, known: Mapping[str, ChannelProtocol]
) -> ChannelSocket:
    """Accept the WebSocket with a `known` subprotocol; `StreamError` when there is none."""
    name = choose_protocol(request, known)
    socket, writer = await open_socket(request, name)
    return ChannelSocket(socket, writer, known[name])
