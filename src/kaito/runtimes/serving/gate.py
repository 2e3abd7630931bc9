"""What stands before an engine's application, one for both engines: keys, limits, health, draining.

Plain ASGI. A request is judged once, on its way in; what the engine then sends goes to the client
as it is, chunk by chunk, and the client's leaving reaches the engine as it would without a gate.

    open to all     /health /ready /metrics /version /kaito/report
    with a key      everything else, where keys are asked for
    counted         POST requests that make the engine compute: 429 where too many wait
"""

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import msgspec

from kaito import __version__
from kaito.api.report import REPORT_PATH
from kaito.api.runtime import HEALTH_PATH, METRICS_PATH, READY_PATH
from kaito.runtimes.reporting import Board
from kaito.runtimes.serving.draining import TOO_LATE, Draining
from kaito.runtimes.serving.inner import Application, Message, Receive, Send
from kaito.runtimes.serving.key_ring import KeyRing, find_key
from kaito.runtimes.serving.overload import Overload
from kaito.runtimes.serving.refusal import (
    Refusal,
    refuse_size,
    refuse_websocket,
    send_json,
    send_refusal,
)
from kaito.runtimes.serving.request_body import (
    MAX_BYTES,
    Body,
    BodyRefused,
    ClientGone,
    bounded,
    declared_length,
    is_json,
    read_body,
    replay,
)
from kaito.runtimes.serving.routes import Readiness
from kaito.runtimes.serving.server_metrics import Outcome, ServerMetrics
from kaito.runtimes.serving.tasks import refuse_task

VERSION_PATH: Final = "/version"
_OPEN: Final = frozenset({HEALTH_PATH, READY_PATH, METRICS_PATH, VERSION_PATH, REPORT_PATH})
_CHEAP: Final = frozenset(
    {
        "/tokenize",
        "/detokenize",
        "/v1/messages/count_tokens",
        "/v1/load_lora_adapter",
        "/v1/unload_lora_adapter",
    }
)
"""POST requests that compute nothing to speak of: they are let in when others have to wait."""
_SMALL: Final = 1 << 16
"""Bytes of a body that a refused request may leave unread on a connection that goes on."""
_Scope: TypeAlias = "MutableMapping[str, Any]"
_Answer: TypeAlias = "Callable[[], Awaitable[tuple[int, bytes]]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What the gate has to know of the engine behind it."""

    app: Application
    readiness: Readiness
    names: Callable[[], Collection[str]]
    """The model names it serves now; empty: whatever the engine makes of a name."""
    version: str
    tasks: Collection[str] = ("generate",)
    """What it can do, in vLLM's words (vllm.tasks); empty: whatever it makes of a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What the gate protects the engine with."""

    overload: Overload
    draining: Draining
    metrics: ServerMetrics
    keys: KeyRing | None = None
    """None lets everybody in."""
    max_body_bytes: int = MAX_BYTES


class Gate:
    """An ASGI application around the engine's."""

    def __init__(self, engine: Engine, board: Board, protection: Protection) -> None:
        self.overload = protection.overload
        self.draining = protection.draining
        self._engine = engine
        self._board = board
        self._metrics = protection.metrics
        self._keys = protection.keys
        self._limit = protection.max_body_bytes
        self._own: dict[str, _Answer] = {
            READY_PATH: self._ready,
            VERSION_PATH: self._version,
            REPORT_PATH: self._report,
        }

    async def __call__(self, scope: _Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or pass on."""
        kind = scope["type"]
        if kind == "http":
            await self._pass_http(scope, receive, send)
        elif kind == "websocket":
            await self._pass_websocket(scope, receive, send)
        else:
            await self._engine.app(scope, receive, send)

    async def _pass_http(self, scope: _Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path in _OPEN and scope["method"] in {"GET", "HEAD"}:
            await self._answer_open(path, scope, receive, send)
            return
        self._metrics.count_arrival()
        if refusal := self._judge(scope):
            await self._refuse(_for_body(refusal, scope), receive, send)
        elif scope["method"] == "POST":
            await self._pass_post(scope, receive, send)
        else:
            await self._pass_cheap(scope, receive, send)

    async def _answer_open(self, path: str, scope: _Scope, receive: Receive, send: Send) -> None:
        answer = self._own.get(path)
        if answer is None:
            await self._engine.app(scope, receive, send)
            return
        status, content = await answer()
        await send_json(send, status, content)

    def _judge(self, scope: _Scope) -> Refusal | None:
        """What its first lines alone say against a request."""
        # A browser asks with OPTIONS, without a key, whether it may send one.
        if scope.get("method") == "OPTIONS":
            return None
        if self._keys is not None and (refusal := _judge_key(self._keys, scope["headers"])):
            return refusal
        if self.draining.refuses:
            return TOO_LATE
        if declared_length(scope["headers"]) > self._limit:
            return refuse_size(self._limit)
        return self._judge_load() if _is_counted(scope) else None

    def _judge_load(self) -> Refusal | None:
        seconds = self.overload.decide_retry()
        if not seconds:
            return None
        waiting, limit = self.overload.waiting, self.overload.capacity.waiting
        return Refusal(
            status=429,
            reason="overload",
            message=f"too many requests: {waiting} wait, the limit is {limit}; "
            f"try again in {seconds} s",
            type="requests",
            code="rate_limit_exceeded",
            retry_after=seconds,
        )

    async def _pass_post(self, scope: _Scope, receive: Receive, send: Send) -> None:
        if not is_json(scope["headers"]):
            await self._pass_unread(scope, receive, send)
            return
        try:
            body = await read_body(receive, scope["headers"], limit=self._limit)
        except ClientGone:
            self._metrics.count("abandoned")
            return
        refusal = body if isinstance(body, Refusal) else self._judge_body(body, scope)
        if refusal is not None:
            await self._refuse(refusal, receive, send)
            return
        assert isinstance(body, Body)
        watch = self._watch(replay(body.content, receive), send)
        await self._compute(scope, watch, watch.send)

    async def _pass_unread(self, scope: _Scope, receive: Receive, send: Send) -> None:
        """Pass on a body that the application reads itself, such as a recording, within bounds.

        Where it breaks one, the client is answered then and there: what the application makes of
        an upload that fails in its hands is some error of its own.
        """

        async def refuse(refusal: Refusal) -> None:
            if not watch.has_begun:
                watch.is_refused = True
                await self._refuse(refusal, receive, send)

        watch = self._watch(bounded(receive, self._limit, refuse), send)
        await self._compute(scope, watch, watch.send_unless_refused)

    async def _pass_cheap(self, scope: _Scope, receive: Receive, send: Send) -> None:
        """Pass on what the engine computes nothing for, such as its list of models."""
        watch = self._watch(receive, send)
        try:
            await self._engine.app(scope, watch.receive, watch.send)
        finally:
            self._metrics.count(watch.outcome)

    def _judge_body(self, body: Body, scope: _Scope) -> Refusal | None:
        if refusal := refuse_task(scope["path"], self._engine.tasks):
            return refusal
        names = self._engine.names()
        if body.model and names and body.model not in names:
            return Refusal(
                status=404,
                reason="model",
                message=f"model {body.model!r} is not served here; served: {', '.join(names)}",
                code="model_not_found",
                param="model",
            )
        # Others may have come in while this one's body was on its way.
        return self._judge_load() if _is_counted(scope) else None

    async def _compute(self, scope: _Scope, watch: "_Watch", send: Send) -> None:
        """Pass on a request that the engine works for, and count it until it has ended."""
        self.overload.enter()
        try:
            await self._engine.app(scope, watch.receive, send)
        except BodyRefused:
            pass  # the client has its answer
        finally:
            self.overload.leave()
            if not watch.is_refused:
                self._metrics.count(watch.outcome)
            self.draining.note_left(self.overload.in_flight)

    def _watch(self, receive: Receive, send: Send) -> "_Watch":
        return _Watch(receive, send, closes=self.draining.is_told)

    async def _pass_websocket(self, scope: _Scope, receive: Receive, send: Send) -> None:
        self._metrics.count_arrival()
        refusal = self._judge(scope)
        if refusal is None:
            watch = self._watch(receive, send)
            await self._compute(scope, watch, watch.send)
            return
        self._metrics.count_refusal(refusal)
        await send(refuse_websocket(refusal.status))

    async def _refuse(self, refusal: Refusal, receive: Receive, send: Send) -> None:
        self._metrics.count_refusal(refusal)
        await send_refusal(refusal, receive, send)

    async def _ready(self) -> tuple[int, bytes]:
        reason = "it is being stopped" if self.draining.is_told else ""
        reason = reason or await self._engine.readiness.observe()
        status = HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK
        return status, msgspec.json.encode({"ready": not reason, "reason": reason})

    async def _version(self) -> tuple[int, bytes]:
        found = {
            "version": self._engine.version,
            "engine": self._board.report.engine,
            "kaito": __version__,
        }
        return HTTPStatus.OK, msgspec.json.encode(found)

    async def _report(self) -> tuple[int, bytes]:
        return HTTPStatus.OK, msgspec.json.encode(self._board.report)


class _Watch:
    """Sees how an exchange ends; costs a function call for each chunk."""

    __slots__ = (
        "_closes",
        "_is_complete",
        "_is_left",
        "_receive",
        "_send",
        "_status",
        "is_refused",
    )

    def __init__(self, receive: Receive, send: Send, *, closes: bool) -> None:
        self._receive = receive
        self._send = send
        self._closes = closes
        self._status = 0
        self._is_complete = False
        self._is_left = False
        self.is_refused = False
        """Whether the client was answered by the gate: what the engine says goes nowhere."""

    @property
    def has_begun(self) -> bool:
        """Whether the client has the first of its answer."""
        return bool(self._status)

    @property
    def outcome(self) -> Outcome:
        if self._is_left:
            return "abandoned"
        is_well = self._is_complete and self._status < HTTPStatus.INTERNAL_SERVER_ERROR
        return "answered" if is_well else "failed"

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] in {"http.disconnect", "websocket.disconnect"}:
            # Afterwards an engine may still answer, to nobody.
            self._is_left = not self._is_complete
        return message

    def send(self, message: Message) -> Awaitable[None]:
        kind = message["type"]
        if kind == "http.response.body":
            self._is_complete = not message.get("more_body")
        elif kind == "http.response.start":
            self._status = message["status"]
            if self._closes:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
        elif kind == "websocket.close":
            self._is_complete = True
        return self._send(message)

    async def send_unless_refused(self, message: Message) -> None:
        """As `send`, for a request that may be refused while the engine reads it."""
        if not self.is_refused:
            await self.send(message)


def _judge_key(keys: KeyRing, headers: list[tuple[bytes, bytes]]) -> Refusal | None:
    key = find_key(headers)
    if key and keys.accepts(key):
        return None
    if not len(keys):
        message = "this server asks for an API key and has none itself: its Secret holds no key"
    elif key:
        message = "the API key is wrong"
    else:
        message = "an API key is needed: send Authorization: Bearer KEY, or x-api-key: KEY"
    return Refusal(status=401, reason="key", message=message, code="invalid_api_key")


def _is_counted(scope: _Scope) -> bool:
    return scope.get("method", "POST") == "POST" and scope["path"] not in _CHEAP


def _for_body(refusal: Refusal, scope: _Scope) -> Refusal:
    """Ends the connection too where a large body would come in after the answer."""
    headers = scope["headers"]
    is_chunked = any(name == b"transfer-encoding" for name, _ in headers)
    if is_chunked or declared_length(headers) > _SMALL:
        return replace(refusal, closes=True)
    return refusal
