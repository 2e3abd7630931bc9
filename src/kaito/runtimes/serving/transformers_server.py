"""The fallback runtime: transformers' serving handlers behind the same endpoints as vLLM's server.

transformers' own application is not used: it lets any client load other models or unload this one,
and lists the hub's cache instead of what is served.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
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
from kaito.runtimes.serving.engine_metrics import EngineMetrics
from kaito.runtimes.serving.gate import Engine, Gate
from kaito.runtimes.serving.http_server import make_server, serve_http
from kaito.runtimes.serving.model import has_chat_template
from kaito.runtimes.serving.openai_answer import to_error
from kaito.runtimes.serving.openai_body import (
    require_batchable,
    to_handler_body,
    to_sampling,
    to_wish,
)
from kaito.runtimes.serving.openai_check import require_sound, require_text_only
from kaito.runtimes.serving.options import parse_assignments
from kaito.runtimes.serving.protection import protect
from kaito.runtimes.serving.routes import Readiness, attach_chat
from kaito.runtimes.serving.transformers_answers import WISH, GenerationFailed
from kaito.runtimes.serving.transformers_engine import SAMPLING, EngineSettings, TransformersEngine
from kaito.runtimes.serving.transformers_responses import require_input

_BATCH = 64
"""Requests at once before others count as waiting; transformers itself has no such bound."""
_LEFT: Final = 499
"""A status for who is not there any more, as proxies write it into their logs."""
Kind: TypeAlias = Literal["chatcmpl", "cmpl", "resp"]
"""What is answered, as its id begins."""
Handle: TypeAlias = Callable[[dict[str, Any], str], Coroutine[Any, Any, Any]]
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
    running = _BATCH if model.is_batching else 1
    model.take_over(door.clock, EngineMetrics(names[0], door.clock, room=running))
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
    door.board.set_engine(
        engine=f"transformers {version}",
        context_tokens=model.context_tokens,
        cache_tokens=model.cache_tokens,
    )
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
        max_tokens=arguments.max_model_len or 0,
        trust_remote_code=arguments.trust_remote_code,
        attention=_optional(chosen.get("attn-implementation")),
        quantization=_optional(chosen.get("quantization") or arguments.quantization),
        chat_template=_read_template(arguments.chat_template),
        takes_adapters=bool(arguments.adapters_file),
    )


def build_app(engine: TransformersEngine, *, is_chat: bool) -> Any:
    """The application: OpenAI's endpoints, health, metrics and `/chat`."""
    from fastapi import FastAPI, Request
    from fastapi.responses import JSONResponse, Response
    from prometheus_fastapi_instrumentator import Instrumentator

    names = engine.settings.names

    @asynccontextmanager
    async def lifespan(_: Any) -> Any:
        yield
        engine.stop()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    def _route(path: str, answer: Handle, kind: Kind) -> None:
        async def serve(request: Request) -> Response:
            return await _answer(engine, answer, request, kind)

        app.add_api_route(path, serve, methods=["POST"], response_model=None)

    _route("/v1/chat/completions", engine.chat.handle_request, "chatcmpl")
    _route("/v1/completions", engine.completion.handle_request, "cmpl")
    _route("/v1/responses", engine.responses.handle_request, "resp")

    async def models() -> Response:
        return JSONResponse(_to_model_list(engine))

    async def health() -> Response:
        return Response(status_code=200 if engine.is_alive else 503)

    app.add_api_route("/v1/models", models, methods=["GET"], response_model=None)
    app.add_api_route(HEALTH_PATH, health, methods=["GET"], response_model=None)
    app.state.engine = engine
    attach_chat(app, model=names[0], has_template=is_chat)
    tell_errors(app)
    Instrumentator(excluded_handlers=[HEALTH_PATH, METRICS_PATH]).instrument(app).expose(app)
    return app


def tell_errors(app: Any) -> None:
    """Let the application tell every error in OpenAI's form."""
    from fastapi import Request
    from fastapi.responses import JSONResponse, Response
    from starlette.exceptions import HTTPException

    async def refuse(_: Request, error: HTTPException) -> Response:
        # transformers says 422 of fields that it does not know; OpenAI's clients expect 400.
        status = 400 if error.status_code == HTTPStatus.UNPROCESSABLE_ENTITY else error.status_code
        return JSONResponse(to_error(str(error.detail), status), status)

    async def fail(_: Request, error: Exception) -> Response:
        # The traceback is in the log; what is in it is not the client's.
        return JSONResponse(to_error(f"the server failed: {type(error).__name__}", 500), 500)

    app.add_exception_handler(HTTPException, refuse)
    app.add_exception_handler(Exception, fail)


async def _answer(engine: TransformersEngine, answer: Handle, request: Any, kind: Kind) -> Any:
    from fastapi.responses import JSONResponse
    from jinja2 import TemplateError

    try:
        asked = _prepare(engine, await request.json(), kind)
        request_id = f"{kind}-{uuid4().hex}" if kind != "resp" else uuid4().hex
        return await _unless_left(request, answer(asked, request_id))
    except UsageError as error:
        return JSONResponse(to_error(error.line, 400), 400)
    except (ValueError, TypeError, KeyError, TemplateError) as error:
        # Of what a chat template or the tokenizer makes of a body, before anything is generated.
        return JSONResponse(to_error(f"the request cannot be used: {_to_line(error)}", 400), 400)
    except GenerationFailed as error:
        return JSONResponse(to_error(str(error), 500), 500)


def _prepare(engine: TransformersEngine, body: object, kind: Kind) -> dict[str, Any]:
    """The body as the handlers take it, and the rest where answers find it."""
    names, defaults = engine.settings.names, engine.generation_defaults
    is_chat = kind == "chatcmpl"
    sound = require_input(body) if kind == "resp" else require_sound(body, is_chat=is_chat)
    name = sound.get("model") or names[0]
    if name not in names:
        from fastapi import HTTPException

        raise HTTPException(404, f"model {name!r} is not served here; served: {', '.join(names)}")
    if is_chat and engine.takes_text_only:
        require_text_only(sound)
    if engine.is_batching:
        require_batchable(sound)
    SAMPLING.set(to_sampling(sound, defaults))
    WISH.set(to_wish(sound))
    # One name inside: the batch belongs to a name, and another one would start another.
    return to_handler_body({**sound, "model": names[0]}, defaults)


async def _unless_left(request: Any, answering: Coroutine[Any, Any, Any]) -> Any:
    """The response; when the client leaves before it is there, the engine stops."""
    from fastapi.responses import Response

    answer = asyncio.create_task(answering)
    leaving = asyncio.create_task(_wait_until_left(request))
    try:
        await asyncio.wait({answer, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            return Response(status_code=_LEFT)
        return await answer
    finally:
        for task in (answer, leaving):
            task.cancel()
        await asyncio.wait({answer, leaving})


async def _wait_until_left(request: Any) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _to_model_list(engine: TransformersEngine) -> dict[str, Any]:
    settings = engine.settings
    entries = [
        {
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": "kaito",
            "root": settings.model,
            "max_model_len": engine.context_tokens or None,
        }
        for name in settings.names
    ]
    return {"object": "list", "data": entries}


def _to_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _read_template(path: str) -> str | None:
    return Path(path).read_text(encoding="utf-8") if path else None


def _optional(value: object) -> str | None:
    return str(value) if value else None
