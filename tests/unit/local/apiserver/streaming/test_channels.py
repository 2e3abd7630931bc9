"""The WebSocket subprotocols: which is chosen, how a message is read."""

import pytest
from aiohttp import WSMessage, WSMsgType
from aiohttp.test_utils import make_mocked_request

from kaito.local.apiserver.streaming.channels import (
    COMMAND_PROTOCOLS,
    PORT_PROTOCOLS,
    choose_protocol,
)
from kaito.local.apiserver.streaming.errors import StreamError


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("v5.channel.k8s.io", "v5.channel.k8s.io"),
        ("v9.channel.k8s.io, v4.channel.k8s.io", "v4.channel.k8s.io"),
        ("v4.base64.channel.k8s.io,v5.channel.k8s.io", "v4.base64.channel.k8s.io"),
        (None, ""),
    ],
)
def test_the_clients_first_known_protocol_is_chosen(offered: str | None, chosen: str) -> None:
    headers = {} if offered is None else {"Sec-WebSocket-Protocol": offered}
    request = make_mocked_request("GET", "/", headers=headers)
    assert choose_protocol(request, COMMAND_PROTOCOLS) == chosen


def test_only_unknown_protocols_are_refused_with_what_is_accepted() -> None:
    request = make_mocked_request("GET", "/", headers={"Sec-WebSocket-Protocol": "v5.channel.x"})
    with pytest.raises(StreamError, match=r"accepts v4\.channel\.k8s\.io") as caught:
        choose_protocol(request, PORT_PROTOCOLS)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("protocol", "data", "parsed"),
    [
        ("v5.channel.k8s.io", b"\x00in", (0, b"in")),
        ("v5.channel.k8s.io", b"\xff\x00", (255, b"\x00")),
        ("v4.channel.k8s.io", "\x00grüß", (0, "grüß".encode())),
        ("v4.channel.k8s.io", b"", (-1, b"")),
        ("v4.base64.channel.k8s.io", "0aGk=", (0, b"hi")),
        ("v4.base64.channel.k8s.io", "0!", (-1, b"")),
    ],
)
def test_a_message_is_a_channel_and_a_payload(
    protocol: str, data: str | bytes, parsed: tuple[int, bytes]
) -> None:
    kind = WSMsgType.TEXT if isinstance(data, str) else WSMsgType.BINARY
    assert COMMAND_PROTOCOLS[protocol].parse(WSMessage(kind, data, None)) == parsed
