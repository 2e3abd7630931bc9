"""`/chat` and `/ready` on top of an engine's own endpoints, called without a socket."""

import asyncio
from typing import Any

import msgspec

from kaito.runtimes.serving.inner import Answer, Message, Receive, Send, ask
from kaito.runtimes.serving.routes import Readiness


class EngineDouble:
    """An ASGI application that answers as an engine's server does; its health is data."""

    def __init__(self) -> None:
        self.completion_status = 200
        self.health_status = 200
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        self.asked.append(f"{scope['method']} {scope['path']}")
        message = await receive()
        if scope["path"] == "/health":
            await self.respond(send, self.health_status, b"")
        elif scope["path"] == "/hang":
            gone = await receive()
            await self.respond(send, 499, str(gone["type"]).encode())
        else:
            await self.gate.wait()
            await self.respond(send, self.completion_status, message["body"])

    async def respond(self, send: Send, status: int, content: bytes) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": content[:1], "more_body": True})
        await send({"type": "http.response.body", "body": content[1:]})


async def test_a_body_is_posted_and_the_whole_answer_read() -> None:
    engine = EngineDouble()
    answer = await ask(engine, "/v1/completions", {"prompt": "x"})
    assert answer == Answer(status=200, content=msgspec.json.encode({"prompt": "x"}))
    assert answer.json() == {"prompt": "x"}
    assert engine.asked == ["POST /v1/completions"]


async def test_a_client_that_goes_away_ends_the_inner_request() -> None:
    async def disconnected() -> Message:
        return {"type": "http.disconnect"}

    answer = await ask(EngineDouble(), "/hang", {}, receive=disconnected)
    assert answer.content == b"http.disconnect"


async def test_ready_only_after_a_token_has_really_come() -> None:
    engine = EngineDouble()
    engine.gate.clear()
    readiness = Readiness(engine, "m")
    warming = asyncio.create_task(readiness.warm_up())
    await asyncio.sleep(0)
    assert await readiness.observe() == "the engine has not answered yet"
    engine.gate.set()
    await warming
    assert await readiness.observe() == ""


async def test_once_ready_only_the_engines_health_is_asked() -> None:
    engine = EngineDouble()
    readiness = Readiness(engine, "m")
    assert await readiness.observe() == ""
    engine.asked.clear()
    assert await readiness.observe() == ""
    assert engine.asked == ["GET /health"]


async def test_a_dead_engine_is_not_ready() -> None:
    engine = EngineDouble()
    readiness = Readiness(engine, "m")
    await readiness.warm_up()
    engine.health_status = 503
    assert await readiness.observe() == "the engine's health is 503"


async def test_a_failed_first_answer_is_tried_again_at_the_next_probe() -> None:
    engine = EngineDouble()
    engine.completion_status = 500
    readiness = Readiness(engine, "m")
    assert await readiness.observe() == "the engine's first answer was 500"
    engine.completion_status = 200
    assert await readiness.observe() == ""
