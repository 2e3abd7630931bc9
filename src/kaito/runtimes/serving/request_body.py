"""Reads a request's body within bounds, and says what is wrong with it before the engine does.

Of JSON only the form is judged, and the model's name read: nothing is built of the rest, so a
megabyte takes less than a millisecond.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NoReturn

import msgspec

from kaito.runtimes.serving.inner import Message, Receive
from kaito.runtimes.serving.refusal import Refusal, refuse_json, refuse_size

MAX_BYTES = 64 << 20
"""Room for some pictures as text; OpenAI's own limit is of this order."""
MAX_SECONDS = 60.0
"""Within which a body has to arrive."""
_MAX_LEVELS = 128
_MAX_PARTS = 100_000
"""Arrays and objects in one body."""
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in _STEPS)


class _Named(msgspec.Struct):
    """A body, of which only the model's name matters."""

    model: msgspec.Raw = msgspec.Raw(b"")


class ClientGone(Exception):
    """The client hung up before its request was complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A body that has arrived whole."""

    content: bytes
    model: str = ""
    """The name it asks for; empty when it names none."""


async def read_body(
    receive: Receive, headers: Sequence[tuple[bytes, bytes]], *, limit: int = MAX_BYTES
) -> Body | Refusal:
    """The body, or why it is refused. Raises `ClientGone`."""
    if declared_length(headers) > limit:
        return refuse_size(limit)
    try:
        async with asyncio.timeout(MAX_SECONDS):
            content = await _collect(receive, limit)
    except TimeoutError:
        return _refuse_slow()
    return content if isinstance(content, Refusal) else judge_json(content)


def declared_length(headers: Sequence[tuple[bytes, bytes]]) -> int:
    """What Content-Length says; 0 without one."""
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def is_json(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the body is JSON: everything is that is not said to be something else."""
    for name, value in headers:
        if name == b"content-type":
            kind = value.partition(b";")[0].strip().lower()
            return kind.endswith(b"json") or kind in (b"", b"application/x-www-form-urlencoded")
    return True


def judge_json(content: bytes) -> Body | Refusal:
    """The model's name, or what is wrong with the form."""
    parts = content.count(b"[") + content.count(b"{")
    if parts > _MAX_LEVELS and (said := _nesting_problem(content)):
        return refuse_json(f"the request body {said}", "depth")
    try:
        content.decode()
        named = msgspec.json.decode(content, type=_Named)
    except UnicodeDecodeError as error:
        return refuse_json(f"the request body is not UTF-8 (byte {error.start})")
    except msgspec.ValidationError:
        return Body(content=content)  # such as a list: the engine says what it needs
    except msgspec.DecodeError as error:
        return refuse_json(f"the request body is not JSON: {error}")
    except RecursionError:
        return refuse_json("the request body is nested too deeply", "depth")
    return Body(content=content, model=_text(bytes(named.model)))


def bounded(receive: Receive, limit: int, refuse: Callable[[Refusal], Awaitable[None]]) -> Receive:
    """`receive` of a body that is not kept, such as a recording.

    Where it breaks a bound, `refuse` is awaited first, and `BodyRefused` raised at whoever reads.
    """
    taken = 0
    deadline = asyncio.get_running_loop().time() + MAX_SECONDS
    is_whole = False

    async def count() -> Message:
        nonlocal taken, is_whole
        if is_whole:
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            await _refuse_body(_refuse_slow(), refuse)
        taken += len(message.get("body", b""))
        if taken > limit:
            has_more = bool(message.get("more_body"))
            await _refuse_body(refuse_size(limit, has_more=has_more), refuse)
        is_whole = not message.get("more_body")
        return message

    return count


class BodyRefused(Exception):
    """A body that is passed through has broken a bound, and its sender was told."""


def replay(content: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body first, and then whatever the client does."""
    inbox: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def next_message() -> Message:
        return inbox.pop() if inbox else await receive()

    return next_message


async def _refuse_body(refusal: Refusal, refuse: Callable[[Refusal], Awaitable[None]]) -> NoReturn:
    await refuse(refusal)
    raise BodyRefused(refusal.message)


async def _collect(receive: Receive, limit: int) -> bytes | Refusal:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            return refuse_size(limit, has_more=bool(message.get("more_body")))
        parts.append(part)
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _nesting_problem(content: bytes) -> str:
    brackets = _STRING.sub(b"", content).translate(None, _NOT_BRACKETS)
    if len(brackets) > 2 * _MAX_PARTS:
        return f"has more than {_MAX_PARTS} arrays and objects"
    deepest = max(accumulate(_STEPS[byte] for byte in brackets), default=0)
    return f"is nested more than {_MAX_LEVELS} levels deep" if deepest > _MAX_LEVELS else ""


def _text(raw: bytes) -> str:
    try:
        return msgspec.json.decode(raw, type=str) if raw else ""
    except msgspec.DecodeError:
        return ""  # null or a number: the engine's to judge


def _refuse_slow() -> Refusal:
    return Refusal(
        status=408,
        reason="slow",
        message=f"the request body did not arrive within {MAX_SECONDS:.0f} s",
        code="request_timeout",
        closes=True,
    )
