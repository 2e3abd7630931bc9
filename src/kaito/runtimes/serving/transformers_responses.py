"""`/v1/responses` of the transformers runtime: transformers' own handler, within our bounds.

What it answers is its own. How long a prompt may be, what is counted, and that a client which
leaves ends its request, is as with the other endpoints.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from kaito.base.errors import UsageError
from kaito.runtimes.serving.openai_check import require_options
from kaito.runtimes.serving.transformers_answers import Surroundings, fit_settings

_TYPES: Final = frozenset(
    {"message", "reasoning", "function_call", "function_call_output", "input_text", "output_text"}
)
"""Of items without a role; of others the handler would answer as if they had not been there."""


def require_input(body: object) -> dict[str, Any]:
    """The body with what it leaves out; `UsageError` names what is wrong with it."""
    sound = require_options(body)
    given = sound.get("input")
    if not (isinstance(given, str | list) and given):
        raise UsageError("'input' has to be a text or a list that is not empty")
    if sound.get("stop"):
        raise UsageError("'stop' is not supported for responses", hint="ask for chat completions")
    for number, item in enumerate(given if isinstance(given, list) else ()):
        if not isinstance(item, dict) or not ("role" in item or item.get("type") in _TYPES):
            raise UsageError(
                f"input[{number}] has to be a message, a call or its output, or a text"
            )
    # Left out it means no stream to OpenAI's clients, and one to the handler.
    return {**sound, "stream": bool(sound.get("stream"))}


class Responses:
    """In the place of the handler's two ways to answer: the same, watched."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def take_over(self, handler: Any) -> None:
        """Watch transformers' `handler`."""
        self._stream, self._whole = handler._streaming, handler._non_streaming
        handler._streaming, handler._non_streaming = self.stream, self.whole

    def stream(self, request_id: str, *prepared: Any, **more: Any) -> Any:
        """Events, as they are written."""
        size = self._fit(prepared)
        response = self._stream(request_id, *prepared, **more)
        response.body_iterator = self._count(response.body_iterator, size)
        return response

    async def whole(self, request_id: str, *prepared: Any, **more: Any) -> Any:
        """One object, when all is written."""
        running = self._around.metrics.start(self._fit(prepared))
        try:
            return await self._whole(request_id, *prepared, **more)
        except asyncio.CancelledError:
            # The handler itself would wait for nobody's answer to be whole.
            if (batch := getattr(more["gen_manager"], "_cb", None)) is not None:
                batch.cancel_request(request_id)
            raise
        finally:
            running.leave()

    def _fit(self, prepared: tuple[Any, ...]) -> int:
        return fit_settings(prepared[4], prepared[5], self._around.context)

    async def _count(self, events: AsyncIterator[Any], size: int) -> AsyncIterator[Any]:
        running = self._around.metrics.start(size)
        try:
            async for event in events:
                running.note_piece()
                yield event
        finally:
            running.leave()
