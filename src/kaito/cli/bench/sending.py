"""One streamed completion, timed piece by piece.

The moments are taken when bytes arrive, before they are decoded, so that reading one answer does
not make another seem slower than it is.
"""

import asyncio
from dataclasses import dataclass

import msgspec

from kaito.base.clock import Clock
from kaito.base.errors import KaitoError
from kaito.cli.bench.samples import Outcome, Sample
from kaito.cli.endpoints import Asker, Refused

COMPLETIONS = "/v1/completions"
_LONGEST_REQUEST = 600.0
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one request asks for."""

    model: str
    prompt: str
    max_tokens: int
    is_exact: bool = True
    """Whether the engine is told to go on past an end of text (`ignore_eos`)."""

    def to_body(self, *, is_stream: bool = True) -> bytes:
        """OpenAI's JSON."""
        body = {
            "model": self.model,
            "prompt": self.prompt,
            "max_tokens": self.max_tokens,
            "temperature": 0,
            **({"ignore_eos": True} if self.is_exact else {}),
        }
        if is_stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return msgspec.json.encode(body)


async def send(asker: Asker, request: Request, clock: Clock, take: list[Sample]) -> Sample:
    """Ask, and append what happened to `take`, also when cancelled meanwhile."""
    answer = _Answer()
    started = clock.monotonic()

    def record(outcome: Outcome, message: str = "", retry_after: float = 0.0) -> Sample:
        # What was cut has no count of the server's.
        tokens = len(answer.pieces) if outcome == "cut" else answer.output_tokens
        sample = Sample(
            outcome=outcome,
            started=started,
            ended=clock.monotonic(),
            pieces=tuple(answer.pieces),
            input_tokens=answer.input_tokens,
            output_tokens=tokens,
            message=message,
            retry_after=retry_after,
        )
        take.append(sample)
        return sample

    try:
        async with asyncio.timeout(_LONGEST_REQUEST):
            await _read(asker, request, clock, answer)
    except asyncio.CancelledError:
        record("cut")
        raise
    except TimeoutError:
        return record("failed", f"no whole answer within {_LONGEST_REQUEST:.0f} s")
    except Refused as refused:
        outcome: Outcome = "busy" if refused.is_busy else "failed"
        return record(outcome, str(refused), refused.retry_after)
    except KaitoError as error:
        return record("failed", str(error))
    if answer.problem or not answer.pieces:
        return record("failed", answer.problem or "the answer was empty")
    if not answer.is_over:
        return record("failed", "the answer broke off: the server ended it")
    return record("done")


async def _read(asker: Asker, request: Request, clock: Clock, answer: "_Answer") -> None:
    async with asker.open("POST", COMPLETIONS, request.to_body()) as response:
        async for data in response.content.iter_any():
            answer.take(clock.monotonic(), data)


class _Answer:
    """An answer as it arrives."""

    def __init__(self) -> None:
        self.pieces: list[float] = []
        self.input_tokens = 0
        self.problem = ""
        self.is_over = False
        self._counted = 0
        self._pending = b""

    @property
    def output_tokens(self) -> int:
        """As the server counted, or the pieces where it did not."""
        return self._counted or len(self.pieces)

    def take(self, moment: float, data: bytes) -> None:
        """Some bytes of the stream that came at `moment`."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._take_event(moment, line[5:])

    def _take_event(self, moment: float, text: bytes) -> None:
        if text.strip() == b"[DONE]":
            self.is_over = True
            return
        try:
            event = _DECODER.decode(text)
        except msgspec.MsgspecError:
            self.problem = f"an event is unreadable: {text[:80].decode(errors='replace')}"
            return
        if event.error is not None:
            said = event.error if isinstance(event.error, str) else event.error.message
            self.problem = said or "the stream broke off"
        if event.usage is not None:
            self.input_tokens = event.usage.prompt_tokens
            self._counted = event.usage.completion_tokens
        if not event.choices:
            return
        first = event.choices[0]
        self.is_over |= bool(first.finish_reason)
        # The last event of some servers only says why the answer ended.
        if first.text or not (first.finish_reason or event.usage):
            self.pieces.append(moment)


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Choice(msgspec.Struct):
    text: str = ""
    finish_reason: str | None = None


class _Problem(msgspec.Struct):
    message: str = ""


class _Event(msgspec.Struct):
    choices: tuple[_Choice, ...] = ()
    usage: _Usage | None = None
    error: _Problem | str | None = None


_DECODER = msgspec.json.Decoder(_Event)
