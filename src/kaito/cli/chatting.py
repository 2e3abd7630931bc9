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
        is_over = False
        async with AsyncExitStack() as stack:
            response = await self._open(stack, msgspec.json.encode(request))
            async for line in lines_of(response):
                data = line.removeprefix(_DATA).strip() if line.startswith(_DATA) else ""
                if not data or data == _DONE:
                    is_over |= bool(data)
                    continue
                chunk = _parse_chunk(data)
                is_over |= any(choice.finish_reason for choice in chunk.choices)
                if piece := "".join(choice.delta.content or "" for choice in chunk.choices):
                    yield piece
        if not is_over:
            raise KaitoError("the answer broke off: the server ended it", hint="see `kaito status`")

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


def _parse_chunk(data: str) -> "_Chunk":
    """One event of the stream; `KaitoError` where it tells of a failure, or is none."""
    try:
        chunk = msgspec.json.decode(data, type=_Chunk)
    except msgspec.MsgspecError as error:
        raise KaitoError(
            f"the server does not answer as OpenAI's API does: {data[:80]}",
            hint="is it the address of a model?",
        ) from error
    if chunk.error is not None:
        said = chunk.error if isinstance(chunk.error, str) else chunk.error.message
        raise KaitoError(f"the model stopped: {said or 'without saying why'}")
    return chunk


class _Problem(msgspec.Struct):
    message: str = ""


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: tuple[_Choice, ...] = ()
    error: _Problem | str | None = None
