"""Calls an ASGI application from inside its own process, without a socket.

`/chat` and `/ready` are put on top of the engine's own HTTP handlers this way: those are its public
interface, where the Python classes behind them change with every release.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The status and the whole body of a response."""

    status: int
    content: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object; an empty one when it is something else."""
        try:
            return msgspec.json.decode(self.content, type=dict[str, Any])
        except msgspec.MsgspecError:
            return {}


async def ask(
    app: Application,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    headers: Headers = (),
    receive: Receive | None = None,
) -> Answer:
    """POST `body` to `path` of `app`, or GET it without a body.

    `receive` is the caller's own channel: when its client goes away, the inner request ends too.
    """
    content = msgspec.json.encode(body) if body is not None else b""
    inbox = [{"type": "http.request", "body": content, "more_body": False}]
    parts: list[bytes] = []
    status = 500

    async def next_message() -> Message:
        if inbox:
            return inbox.pop()
        if receive is not None:
            return await receive()
        # Nobody is connected, so nobody can disconnect.
        forever: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await forever

    async def take(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(_to_scope(path, content, headers), next_message, take)
    return Answer(status=status, content=b"".join(parts))


def _to_scope(path: str, content: bytes, headers: Headers) -> dict[str, Any]:
    length = str(len(content)).encode()
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST" if content else "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", length), *headers],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
        "state": {},
    }
