"""An answer that is not the engine's: an error in OpenAI's form, as ASGI messages.

    {"error": {"message": "...", "type": "...", "param": null, "code": "..."}}

Anthropic's clients, which speak to /v1/messages, find theirs in the same object: its `type` is
`error`, and `error.type` and `error.message` mean the same there.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from kaito.runtimes.serving.inner import Headers, Message, Receive, Send

Reason: TypeAlias = Literal[
    "key", "overload", "size", "slow", "json", "depth", "model", "task", "draining", "loading"
]
"""Why a request was refused, as the metrics name it."""

_LINGER_BYTES = 256 << 20
_LINGER_SECONDS = 10.0
"""What is taken in, and thrown away, of a body that nobody reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not passed on to the engine."""

    status: int
    reason: Reason
    message: str
    type: str = "invalid_request_error"
    code: str = ""
    param: str | None = None
    retry_after: int = 0
    """Seconds after which it is worth trying again; 0: never with the same request."""
    closes: bool = False
    """Whether the connection ends with the answer."""

    @property
    def content(self) -> bytes:
        """The JSON body."""
        error = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code or self.status,
        }
        return msgspec.json.encode({"type": "error", "error": error})

    @property
    def headers(self) -> Headers:
        """Those of the response, except the body's."""
        found: list[tuple[bytes, bytes]] = []
        if self.retry_after:
            found.append((b"retry-after", str(self.retry_after).encode()))
        if self.status == 401:
            found.append((b"www-authenticate", b"Bearer"))
        if self.closes:
            found.append((b"connection", b"close"))
        return tuple(found)


async def send_json(
    send: Send, status: int, content: bytes, *, headers: Headers = (), more: bool = False
) -> None:
    """A whole response; with `more` the connection is held until an empty body follows."""
    length = str(len(content)).encode()
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", length),
            *headers,
        ],
    }
    await send(start)
    await send({"type": "http.response.body", "body": content, "more_body": more})


async def send_refusal(refusal: Refusal, receive: Receive, send: Send) -> None:
    """Answer, and where the client is still sending, take a little more of it.

    A connection closed on a client that writes is reset, and the reset destroys an answer that the
    client has not read yet.
    """
    headers = refusal.headers
    await send_json(send, refusal.status, refusal.content, headers=headers, more=refusal.closes)
    if refusal.closes:
        await _discard(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(receive: Receive) -> None:
    left = _LINGER_BYTES
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
    except TimeoutError:
        return


def refuse_size(limit: int, *, has_more: bool = True) -> Refusal:
    """A body larger than what is accepted; `has_more` of it is still to come."""
    return Refusal(
        status=413,
        reason="size",
        message=f"the request body has more than {limit} bytes, which is the limit here",
        code="request_too_large",
        closes=has_more,
    )


def refuse_json(message: str, reason: Reason = "json") -> Refusal:
    """A body that is not what its type says."""
    return Refusal(status=400, reason=reason, message=message, code="invalid_json")


def refuse_websocket(status: int) -> dict[str, Any]:
    """The message that ends a WebSocket before it is open; the client sees an HTTP error."""
    return {"type": "websocket.close", "code": 1008, "reason": str(status)}
