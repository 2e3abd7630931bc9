"""KAITO's `/chat`, and what `/ready` means: the engine has really answered, and lives.

Engine-independent: both go through the application's own OpenAI endpoints.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any

from kaito.api.runtime import CHAT_PATH, HEALTH_PATH
from kaito.base.errors import UsageError
from kaito.base.logs import facts
from kaito.runtimes.serving.chat import parse_chat, to_engine_request, to_result
from kaito.runtimes.serving.inner import Application, Headers, ask

logger = logging.getLogger(__name__)

_FORWARDED = (b"authorization", b"x-request-id")


FIRST_REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "generate": ("/v1/completions", {"prompt": "Hello", "max_tokens": 1, "temperature": 0.0}),
    "embed": ("/v1/embeddings", {"input": "Hello"}),
}
"""What is asked first of an engine, by what it can do."""


class Readiness:
    """Whether the engine answers: it is really asked for something, until it has come once."""

    def __init__(
        self,
        app: Application,
        model: str,
        *,
        headers: Headers = (),
        tasks: Collection[str] = ("generate",),
        on_answer: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        asked = next((FIRST_REQUESTS[task] for task in FIRST_REQUESTS if task in tasks), None)
        self._path = asked[0] if asked else ""
        self._body = {"model": model, **asked[1]} if asked else {}
        self._headers = headers
        self._on_answer = on_answer
        self._asking = asyncio.Lock()
        self._has_answered = False
        self._reason = "the engine has not answered yet"

    async def warm_up(self) -> None:
        """Ask, unless the answer has come or is being waited for."""
        if self._has_answered or self._asking.locked():
            return
        async with self._asking:
            status = await self._ask()
            self._has_answered = status == 200
            if self._has_answered:
                logger.info("engine answered its first request")
                self._on_answer()
            else:
                self._reason = f"the engine's first answer was {status}"
                logger.error("engine failed its first request", extra=facts(status=status))

    async def observe(self) -> str:
        """Why the server is not ready; empty when it is."""
        if not self._has_answered:
            await self.warm_up()
        if not self._has_answered:
            return self._reason
        health = await ask(self._app, HEALTH_PATH, headers=self._headers)
        return "" if health.status == 200 else f"the engine's health is {health.status}"

    async def _ask(self) -> int:
        if not self._path:
            return 200  # it neither generates nor embeds: its health is all that is known
        answer = await ask(self._app, self._path, self._body, headers=self._headers)
        return answer.status


def attach_chat(app: Any, *, model: str, has_template: bool) -> None:
    """Add `/chat` to the engine's FastAPI application."""
    from fastapi import Request
    from fastapi.responses import JSONResponse, Response

    async def chat(request: Request) -> Response:
        try:
            body = parse_chat(await request.body())
            asked = to_engine_request(body, model=model, has_template=has_template)
        except UsageError as error:
            return JSONResponse(_to_error(error), status_code=400)
        headers = tuple((name, value) for name, value in request.headers.raw if name in _FORWARDED)
        answer = await ask(app, asked.path, asked.body, headers=headers, receive=request.receive)
        if answer.status != 200:
            return Response(answer.content, answer.status, media_type="application/json")
        return JSONResponse(to_result(answer.json(), body))

    # No response model: FastAPI would build one from the annotation.
    app.add_api_route(CHAT_PATH, chat, methods=["POST"], response_model=None)


def _to_error(error: UsageError) -> dict[str, Any]:
    return {"error": {"message": error.line, "type": "invalid_request_error", "code": 400}}
