"""A server that speaks as an engine does, for what talks to one: counts, streams, refuses.

A word is a token. It answers at once, so tests measure behaviour and not time.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from kaito.base.clock import settle


@dataclass(slots=True)
class PretendEngine:
    """What it serves, what it refuses, and what it was asked."""

    models: tuple[str, ...] = ("phi-4",)
    context: int = 4096
    api_key: str = ""
    busy: int = 0
    """So many of the next requests get 429."""
    retry_after: str = "2"
    failing: bool = False
    knows_ignore_eos: bool = True
    tokens_per_word: int = 1
    hold_after: int = 0
    """Answers to later requests than so many stop after their first word; 0: none does."""
    dies_after: int = 0
    """Answers to later requests than so many end after their first word; 0: none does."""
    held: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    """Released by each answer that has stopped."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    under_way: int = 0
    most_at_once: int = 0
    left: int = 0
    """Clients that hung up."""
    is_dead: bool = False
    keys: set[str] = field(default_factory=set)

    def routes(self, prefix: str = "") -> list[web.RouteDef]:
        return [
            web.get(f"{prefix}/v1/models", self.list_models),
            web.get(f"{prefix}/version", self.version),
            web.post(f"{prefix}/v1/completions", self.complete),
            web.post(f"{prefix}/v1/chat/completions", self.chat),
        ]

    async def list_models(self, request: web.Request) -> web.Response:
        if refused := self._refuse_key(request):
            return refused
        data = [{"id": name, "max_model_len": self.context} for name in self.models]
        return web.json_response({"object": "list", "data": data})

    async def version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "0.32.0"})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if refused := self._refuse(request, body):
            return refused
        self.asked.append(body)
        is_held = bool(self.hold_after) and len(self.asked) > self.hold_after
        self.is_dead = bool(self.dies_after) and len(self.asked) > self.dies_after
        tokens = len(body["prompt"].split()) * self.tokens_per_word
        usage = {"prompt_tokens": tokens, "completion_tokens": body["max_tokens"]}
        if not body.get("stream"):
            return web.json_response({"choices": [{"text": "x"}], "usage": usage})
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            # So that requests which are under way together meet here.
            await settle(50)
            return await self._stream(request, usage, is_held=is_held)
        except (ConnectionResetError, asyncio.CancelledError):
            self.left += 1
            raise
        finally:
            self.under_way -= 1

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if refused := self._refuse(request, body):
            return refused
        self.asked.append(body)
        text = 'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\ndata: [DONE]'
        return web.Response(text=text, content_type="text/event-stream")

    async def _stream(
        self, request: web.Request, usage: dict[str, int], *, is_held: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(usage["completion_tokens"]):
            await response.write(_event({"choices": [{"text": "word "}]}))
            if is_held:
                self.held.release()
                await asyncio.Event().wait()
            if self.is_dead:
                return response
        await response.write(_event({"choices": [], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")
        return response

    def _refuse(self, request: web.Request, body: dict[str, Any]) -> web.Response | None:
        if refused := self._refuse_key(request):
            return refused
        if self.busy:
            self.busy -= 1
            said = {"error": {"message": "too many requests"}}
            return web.json_response(said, status=429, headers={"Retry-After": self.retry_after})
        if self.failing:
            return web.json_response({"error": {"message": "out of memory"}}, status=500)
        if "ignore_eos" in body and not self.knows_ignore_eos:
            return web.json_response({"detail": "Unexpected fields: ignore_eos"}, status=422)
        return None

    def _refuse_key(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("X-Api-Key", "") or request.headers.get("Authorization", "")
        key = given.removeprefix("Bearer ")
        self.keys.add(key)
        if self.api_key and key != self.api_key:
            return web.json_response({"error": "Unauthorized"}, status=401)
        return None


@asynccontextmanager
async def running_pretend_engine(engine: PretendEngine) -> AsyncIterator[str]:
    """Its address."""
    app = web.Application()
    app.add_routes(engine.routes())
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _event(event: object) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()
