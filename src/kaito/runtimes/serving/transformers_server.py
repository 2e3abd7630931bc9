"""The fallback runtime: transformers' serving handlers behind the same endpoints as vLLM's server.

transformers' own application is not used: it lets any client load other models or unload this one,
and lists the hub's cache instead of what is served.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from kaito.api.runtime import HEALTH_PATH, METRICS_PATH, ExitCode, ServingArguments
from kaito.base.errors import UsageError
from kaito.base.suggest import did_you_mean
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.adapters.program import start_adapters
from kaito.runtimes.serving.adapters.requests import attach_adapters
from kaito.runtimes.serving.config import Options
from kaito.runtimes.serving.device import observe_device
from kaito.runtimes.serving.door import Door
from kaito.runtimes.serving.gate import Engine, Gate
from kaito.runtimes.serving.http_server import make_server, serve_http
from kaito.runtimes.serving.model import has_chat_template
from kaito.runtimes.serving.openai_body import require_batchable, to_handler_body, to_sampling
from kaito.runtimes.serving.options import parse_assignments
from kaito.runtimes.serving.protection import protect
from kaito.runtimes.serving.routes import Readiness, attach_chat
from kaito.runtimes.serving.transformers_engine import SAMPLING, EngineSettings, TransformersEngine

_BATCH = 64
"""Requests at once before others count as waiting; transformers itself has no such bound."""
_OPTIONS = ("continuous-batching", "attn-implementation", "quantization", "dtype")


def serve_transformers(arguments: ServingArguments, options: Options, door: Door) -> None:
    """Serve until told to stop. Raises `Ending` for a wrong option."""
    settings = decide_settings(arguments, options)
    door.board.start_stage("import")
    from transformers import __version__ as version

    door.board.start_stage("load")
    model = TransformersEngine(settings)
    asyncio.run(_serve(model, arguments, door, version))


async def _serve(
    model: TransformersEngine, arguments: ServingArguments, door: Door, version: str
) -> None:
    names = model.settings.names
    is_chat = bool(model.settings.chat_template) or has_chat_template(model.settings.model)
    app = build_app(model, is_chat=is_chat)
    adapters = attach_adapters(app, model.model, names) if arguments.adapters_file else None
    readiness = Readiness(app, names[0], on_answer=door.board.end_stage)
    engine = Engine(
        app=app,
        readiness=readiness,
        names=lambda: names + (adapters.names if adapters else ()),
        version=version,
    )
    context = model.context_tokens or 0
    door.board.set_engine(
        engine=f"transformers {version}", context_tokens=context, cache_tokens=model.cache_tokens
    )
    running = _BATCH if model.settings.is_batching else 1
    gate = Gate(engine, door.board, protect(arguments, door, arguments.max_num_seqs or running))
    server = make_server(gate, {"access_log": False})
    door.board.start_stage("answer")
    sock = door.end_lobby()
    tasks_beside = [asyncio.ensure_future(readiness.warm_up())]
    if adapters is not None:
        tasks_beside.append(start_adapters(arguments, adapters, report=door.board.set_adapters))
    try:
        await serve_http(server, gate, sock, door.clock, is_dead=lambda: not model.is_alive)
    finally:
        for task in tasks_beside:
            task.cancel()


def decide_settings(arguments: ServingArguments, options: Options) -> EngineSettings:
    """The engine's settings; the config file's options win over the arguments'."""
    merged = {**parse_assignments(arguments.engine_option), **options}
    chosen = {name.lstrip("-").replace("_", "-"): value for name, value in merged.items()}
    for name in chosen:
        if name not in _OPTIONS:
            raise Ending(
                f"option {name!r} is not known to the transformers runtime",
                ExitCode.CONFIG,
                hint=did_you_mean(name, _OPTIONS),
            )
    device = observe_device()
    dtype = str(chosen.get("dtype") or arguments.dtype)
    return EngineSettings(
        model=arguments.model,
        names=arguments.served_model_name or (arguments.model,),
        device="auto" if device == "gpu" else "cpu",
        dtype="bfloat16" if dtype == "auto" and device == "cpu" else dtype,
        is_batching=bool(chosen.get("continuous-batching", True)),
        kv_cache_bytes=arguments.kv_cache_bytes,
        trust_remote_code=arguments.trust_remote_code,
        attention=_optional(chosen.get("attn-implementation")),
        quantization=_optional(chosen.get("quantization") or arguments.quantization),
        chat_template=_read_template(arguments.chat_template),
        takes_adapters=bool(arguments.adapters_file),
    )


def build_app(engine: TransformersEngine, *, is_chat: bool) -> Any:
    """The application: OpenAI's endpoints, health, metrics and `/chat`."""
    from fastapi import FastAPI, HTTPException, Request
    from fastapi.responses import JSONResponse, Response
    from prometheus_fastapi_instrumentator import Instrumentator

    names = engine.settings.names

    @asynccontextmanager
    async def lifespan(_: Any) -> Any:
        yield
        engine.stop()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None)

    def _route(path: str, answer: Callable[[dict[str, Any], str], Awaitable[Any]]) -> None:
        async def serve(request: Request) -> Response:
            return await _answer(engine, answer, await request.json())

        app.add_api_route(path, serve, methods=["POST"], response_model=None)

    _route("/v1/chat/completions", engine.chat.handle_request)
    _route("/v1/completions", engine.completion.handle_request)

    async def models() -> Response:
        return JSONResponse(_to_model_list(engine))

    async def health() -> Response:
        return Response(status_code=200 if engine.is_alive else 503)

    async def refuse(_: Request, error: HTTPException) -> Response:
        return JSONResponse(_to_error(str(error.detail), error.status_code), error.status_code)

    app.add_api_route("/v1/models", models, methods=["GET"], response_model=None)
    app.add_api_route(HEALTH_PATH, health, methods=["GET"], response_model=None)
    app.add_exception_handler(HTTPException, refuse)
    app.state.engine = engine
    attach_chat(app, model=names[0], has_template=is_chat)
    Instrumentator(excluded_handlers=[HEALTH_PATH, METRICS_PATH]).instrument(app).expose(app)
    return app


async def _answer(
    engine: TransformersEngine,
    answer: Callable[[dict[str, Any], str], Awaitable[Any]],
    body: dict[str, Any],
) -> Any:
    from fastapi import HTTPException

    names, defaults = engine.settings.names, engine.generation_defaults
    name = body.get("model") or names[0]
    if name not in names:
        raise HTTPException(404, f"model {name!r} is not served here; served: {', '.join(names)}")
    try:
        if engine.settings.is_batching:
            require_batchable(body)
        SAMPLING.set(to_sampling(body, defaults))
        # One name inside: the batch belongs to a name, and another one would start another.
        asked = to_handler_body({**body, "model": names[0]}, defaults)
    except (UsageError, ValueError, TypeError) as error:
        raise HTTPException(400, str(error)) from error
    return await answer(asked, uuid4().hex)


def _to_model_list(engine: TransformersEngine) -> dict[str, Any]:
    settings = engine.settings
    entries = [
        {
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": "kaito",
            "root": settings.model,
            "max_model_len": engine.context_tokens,
        }
        for name in settings.names
    ]
    return {"object": "list", "data": entries}


def _to_error(message: str, status: int) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "code": status}}


def _read_template(path: str) -> str | None:
    return Path(path).read_text(encoding="utf-8") if path else None


def _optional(value: object) -> str | None:
    return str(value) if value else None
