"""Stands before the transformers server's application, as ASGI middleware.

A request for an adapter waits for its turn, goes on under the base model's name, the only one the
application knows, and is answered under its own.
"""

from typing import Any, Final

import msgspec

from kaito.runtimes.serving.adapters.peft_adapters import PeftAdapters
from kaito.runtimes.serving.inner import Application, Message, Receive, Send

_GENERATING: Final = ("/v1/chat/completions", "/v1/completions", "/v1/responses")
_LIST: Final = "/v1/models"


def attach_adapters(app: Any, model: Any, names: tuple[str, ...]) -> PeftAdapters:
    """Let `app`, a FastAPI application that serves `model` under `names`, take adapters."""
    adapters = PeftAdapters(model, names)
    app.add_middleware(AdapterRequests, adapters=adapters, base=names[0])
    return adapters


class AdapterRequests:
    """`adapters` says which names there are; `base` is what the application calls the model."""

    def __init__(self, app: Application, adapters: PeftAdapters, base: str) -> None:
        self._app = app
        self._adapters = adapters
        self._base = base

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request."""
        path = scope.get("path", "")
        if scope["type"] == "http" and path in _GENERATING:
            await self._generate(scope, receive, send)
        elif scope["type"] == "http" and path == _LIST:
            await self._app(scope, receive, _Rewriter(send, self._add_cards).send)
        else:
            await self._app(scope, receive, send)

    async def _generate(self, scope: Any, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if body is None:
            return
        name = _to_object(body).get("model")
        if name not in self._adapters.names:
            async with self._adapters.turn(""):
                await self._app(scope, _replay(body, receive), send)
            return

        def name_model(answer: dict[str, Any]) -> dict[str, Any]:
            if isinstance(inner := answer.get("response"), dict):
                return {**answer, "response": name_model(inner)}
            return {**answer, "model": name} if "model" in answer else answer

        asked = msgspec.json.encode({**_to_object(body), "model": self._base})
        async with self._adapters.turn(name):
            await self._app(
                _with_length(scope, len(asked)),
                _replay(asked, receive),
                _Rewriter(send, name_model).send,
            )

    def _add_cards(self, answer: dict[str, Any]) -> dict[str, Any]:
        cards = list(answer.get("data", ()))
        first = cards[0] if cards else {}
        cards += [{**first, "id": name, "parent": self._base} for name in self._adapters.names]
        return {**answer, "data": cards}


class _Rewriter:
    """Passes an answer on with each of its JSON objects changed; events as they come."""

    def __init__(self, send: Send, change: Any) -> None:
        self._send = send
        self._change = change
        self._start: Message | None = None
        self._content = b""

    async def send(self, message: Message) -> None:
        """Take one message of the application's."""
        if message["type"] == "http.response.start":
            self._start = message
            if self._is_stream:
                await self._send(message)
        elif message["type"] != "http.response.body" or self._start is None:
            await self._send(message)
        elif self._is_stream:
            content = self._content + message.get("body", b"")
            whole, end, self._content = content.rpartition(b"\n\n")
            is_last = not message.get("more_body", False)
            events = b"".join(map(self._change_event, (whole + end).splitlines(keepends=True)))
            await self._send({**message, "body": events + (self._content if is_last else b"")})
        else:
            self._content += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_whole(self._start)

    @property
    def _is_stream(self) -> bool:
        headers = dict(self._start["headers"]) if self._start else {}
        return bytes(headers.get(b"content-type", b"")).startswith(b"text/event-stream")

    async def _send_whole(self, start: Message) -> None:
        answer = _to_object(self._content)
        content = msgspec.json.encode(self._change(answer)) if answer else self._content
        await self._send(_with_length(start, len(content)))
        await self._send({"type": "http.response.body", "body": content, "more_body": False})

    def _change_event(self, line: bytes) -> bytes:
        event = _to_object(line.removeprefix(b"data: ")) if line.startswith(b"data: {") else {}
        return b"data: " + msgspec.json.encode(self._change(event)) + b"\n" if event else line


async def _read(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    inbox: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return inbox.pop() if inbox else await receive()

    return next_message


def _with_length(message: Any, length: int) -> Any:
    """A scope or a response's start whose content has another length."""
    kept = [pair for pair in message["headers"] if pair[0].lower() != b"content-length"]
    return {**message, "headers": [*kept, (b"content-length", str(length).encode())]}


def _to_object(content: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}
