"""A chat with a served model: asking, and reading the answer as it comes.

Speaks OpenAI's chat completions with server-sent events
(https://platform.openai.com/docs/api-reference/chat-streaming).
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
import msgspec

from kaito.base.clock import Clock, SystemClock
from kaito.base.errors import KaitoError
from kaito.cli.endpoints import Asker, Refused
from kaito.cli.output import note
from kaito.cli.streams import lines_of

_DATA = "data:"
_DONE = "[DONE]"
_UNSAID_SECONDS = 1.0
_LONGEST_WAIT = 60.0
"""Seconds that a busy model may make somebody at a terminal wait."""


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Sampling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How to answer; what is not set is the engine's business."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How a busy model is waited for, and whom that is told."""

    clock: Clock = field(default_factory=SystemClock)
    tell: Callable[[str], None] = note


class Chat:
    """Asks one model."""

    def __init__(self, asker: Asker, sampling: Sampling, patience: Patience | None = None) -> None:
        self._asker = asker
        self._sampling = sampling
        self._patience = patience or Patience()

    async def answer(self, model: str, messages: Sequence[Message]) -> AsyncIterator[str]:
        """The pieces of the model's answer, as they come."""
        request = {
            **msgspec.to_builtins(self._sampling),
            "model": model,
            "messages": messages,
            "stream": True,
        }
        async with AsyncExitStack() as stack:
            response = await self._open(stack, msgspec.json.encode(request))
            async for line in lines_of(response):
                if piece := _piece(line):
                    yield piece

    async def _open(self, stack: AsyncExitStack, body: bytes) -> aiohttp.ClientResponse:
        """The answer; a model that is busy is asked once more, when it said."""
        path = "/v1/chat/completions"
        try:
            return await stack.enter_async_context(self._asker.open("POST", path, body))
        except Refused as refused:
            seconds = refused.retry_after or _UNSAID_SECONDS
            if not refused.is_busy or seconds > _LONGEST_WAIT:
                raise
        self._patience.tell(f"The model is busy; asking again in {seconds:.0f} s.")
        await self._patience.clock.sleep(seconds)
        return await stack.enter_async_context(self._asker.open("POST", path, body))


def _piece(line: str) -> str:
    """The text that one line of the stream carries; empty for every other line."""
    if not line.startswith(_DATA):
        return ""
    data = line.removeprefix(_DATA).strip()
    if data == _DONE:
        return ""
    chunk = msgspec.json.decode(data, type=_Chunk)
    if chunk.error is not None:
        raise KaitoError(f"the model stopped: {chunk.error.message}")
    return "".join(choice.delta.content or "" for choice in chunk.choices)


class _Problem(msgspec.Struct):
    message: str = ""


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)


class _Chunk(msgspec.Struct):
    choices: tuple[_Choice, ...] = ()
    error: _Problem | None = None
