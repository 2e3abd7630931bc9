"""How the transformers runtime answers: what its generation writes, in the forms clients expect.

transformers' own handlers turn a body into tokens; from there on the answer is ours. Theirs ends a
stream without `[DONE]`, tells errors in a form of its own, takes prompts of any length, and goes on
for a client that has left.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kaito.base.clock import Clock
from kaito.base.errors import KaitoError, UsageError
from kaito.runtimes.serving.engine_metrics import EngineMetrics
from kaito.runtimes.serving.openai_answer import (
    DONE,
    Finish,
    Form,
    Piece,
    Usage,
    to_error,
    to_event,
)
from kaito.runtimes.serving.openai_body import Wish
from kaito.runtimes.serving.stop_strings import StopText

WISH: ContextVar[Wish] = ContextVar("WISH")
"""Of the request that the current task serves."""


class GenerationFailed(KaitoError):
    """The engine could not write an answer to this request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What answers need."""

    clock: Clock
    metrics: EngineMetrics
    context: int
    """Tokens of prompt and answer together; 0: not known."""
    make_parser: Callable[[Any, Any, Any], Any]
    """Of a processor, a model and the prompt's tokens; None where it does not know its parts."""
    to_piece: Callable[[object], Piece]
    """An item of the engine's queue, which is neither the end nor an error."""


class Answers:
    """In the place of a handler's two ways to answer: `stream` and `whole`."""

    def __init__(self, around: Surroundings, *, is_chat: bool) -> None:
        self._around = around
        self._is_chat = is_chat

    def take_over(self, handler: Any) -> None:
        """Let transformers' `handler` answer so."""
        self._plain = handler._non_streaming
        handler._streaming, handler._non_streaming = self.stream, self.whole

    def stream(self, request_id: str, *prepared: Any, **more: Any) -> Any:
        """Events, as they are written."""
        from fastapi.responses import StreamingResponse

        answer = self._start(request_id, *prepared, **more)
        return StreamingResponse(answer.events(), media_type="text/event-stream")

    async def whole(self, request_id: str, *prepared: Any, **more: Any) -> Any:
        """One object, when all is written."""
        from fastapi.responses import JSONResponse

        if not (_writes_pieces(prepared[1]) or WISH.get().stops):
            fit_settings(prepared[3], prepared[4], self._around.context)
            return await self._plain(request_id, *prepared, **more)
        return JSONResponse(await self._start(request_id, *prepared, **more).whole())

    def _start(self, request_id: str, *prepared: Any, **more: Any) -> "_Answer":
        """Judge what a handler has prepared; generation begins when the answer is read."""
        model, processor, name, inputs, settings, *rest = prepared
        manager = more["gen_manager"] if "gen_manager" in more else rest[0]
        around, wish = self._around, WISH.get()
        size = fit_settings(inputs, settings, around.context)
        if not _writes_pieces(processor):
            raise UsageError(
                "this model's tokenizer writes whole texts only", hint="leave out stream and stop"
            )
        make_parser = around.make_parser
        parser = make_parser(processor, model, inputs["input_ids"]) if self._is_chat else None
        if parser is None and wish.has_tools:
            raise UsageError(
                "this model's tokenizer does not say how its tool calls look",
                hint="leave tools out, or serve the model with vLLM and a tool parser",
            )
        generate = partial(
            manager.generate_streaming, model, processor, inputs, settings,
            request_id=request_id, response_parser=parser,
        )  # fmt: skip
        return _Answer(
            form=Form(
                is_chat=self._is_chat,
                id=request_id,
                model=name,
                created=int(around.clock.now().timestamp()),
            ),
            wish=wish,
            # A stream is read in another task; how to sample is known in this one.
            generate=partial(copy_context().run, generate),
            to_piece=around.to_piece,
            metrics=around.metrics,
            prompt=size,
            most=settings.max_new_tokens,
        )


def fit_settings(inputs: Any, settings: Any, context: int) -> int:
    """The prompt's tokens; `settings` say then how many the answer may have. As `fit_tokens`."""
    tokens, is_bounded = inputs["input_ids"], WISH.get().is_bounded
    size = len(tokens) if isinstance(tokens, list) else int(tokens.shape[-1])
    settings.max_new_tokens = fit_tokens(
        size, settings.max_new_tokens, context, is_bounded=is_bounded
    )
    return size


def _writes_pieces(processor: Any) -> bool:
    """Whether it is a fast tokenizer, or has one: others decode what is whole."""
    return hasattr(getattr(processor, "tokenizer", processor), "_tokenizer")


def fit_tokens(prompt: int, asked: int, context: int, *, is_bounded: bool) -> int:
    """How many tokens an answer may have.

    Raises:
        UsageError: what the client asked for, where it did (`is_bounded`), does not fit.
    """
    if not prompt:
        raise UsageError("the prompt has no tokens")
    if not context:
        return asked
    if prompt >= context:
        raise UsageError(
            f"the prompt has {prompt} tokens; with its answer it has to be within this model's "
            f"context of {context}"
        )
    if is_bounded and prompt + asked > context:
        raise UsageError(
            f"the prompt has {prompt} tokens and max_tokens is {asked}: together more than this "
            f"model's context of {context}"
        )
    return min(asked, context - prompt)


@dataclass(kw_only=True)
class _Answer:
    """One, on its way."""

    form: Form
    wish: Wish
    generate: Callable[[], tuple[Any, Any]]
    """Begins; a queue of what is written and who writes it."""
    to_piece: Callable[[object], Piece]
    metrics: EngineMetrics
    prompt: int
    most: int
    calls: int = 0
    written: int = 0
    cut: StopText = field(init=False)

    def __post_init__(self) -> None:
        self.cut = StopText(self.wish.stops)

    async def whole(self) -> dict[str, Any]:
        pieces = [piece async for piece in self._pieces()]
        return self.form.whole(pieces, self._finish, self._usage)

    async def events(self) -> AsyncIterator[bytes]:
        if start := self.form.start():
            yield start
        try:
            async with aclosing(self._pieces()) as pieces:
                async for piece in pieces:
                    before = self.calls - (piece.call is not None)
                    yield self.form.chunk(piece, calls_before=before)
        except GenerationFailed as error:
            yield to_event(to_error(str(error), 500)) + DONE
        else:
            yield self.form.end(self._finish, self._usage if self.wish.includes_usage else None)

    async def _pieces(self) -> AsyncGenerator[Piece, None]:
        """What is written, until a string that ends it; the engine stops when nobody listens."""
        running, is_over = self.metrics.start(self.prompt), False
        try:
            queue, streamer = self._begin()
            try:
                while not (is_over or self.cut.is_cut):
                    item = await queue.get()
                    # After an error it may write on: what it had written was not understood.
                    is_over = item is None
                    if (piece := self._read(item)) is not None:
                        running.note_piece()
                        yield piece
            finally:
                self.written = streamer.total_tokens
                if not is_over:
                    streamer.cancel()
            running.end(self.written, self._finish)
        finally:
            running.leave()

    def _begin(self) -> tuple[Any, Any]:
        try:
            return self.generate()
        except RuntimeError as error:
            raise GenerationFailed(f"the engine takes no requests: {_to_line(error)}") from error

    def _read(self, item: Any) -> Piece | None:
        """What of an item can be passed on; None: nothing yet. Raises `GenerationFailed`."""
        if item is None:
            return Piece(text=held) if (held := self.cut.finish()) else None
        if hasattr(item, "msg"):
            raise GenerationFailed(f"the engine could not answer: {_to_line(item.msg)}")
        piece = self.to_piece(item)
        self.calls += piece.call is not None
        if not piece.text:
            return piece
        text = self.cut.feed(piece.text)
        return Piece(text=text) if text else None

    @property
    def _finish(self) -> Finish:
        if self.calls:
            return "tool_calls"
        is_full = self.written >= self.most
        return "length" if is_full and not self.cut.is_cut else "stop"

    @property
    def _usage(self) -> Usage:
        return Usage(prompt=self.prompt, completion=self.written)


def _to_line(text: object) -> str:
    return " ".join(str(text).split())[:300]
