"""vLLM's own OpenAI application in this process, with our settings, behind our gate.

The pieces are the ones that vLLM's `run_server` is made of (vllm.entrypoints.launchers, 0.32): the
parser, the engine, the application. Only the HTTP server around them is started by us, for vLLM's
stops listening, and ends its engine, as soon as it is told to stop.
"""

import asyncio
import os
from argparse import Action, ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, NoReturn

from kaito.api.runtime import ExitCode, ServingArguments
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.adapters.limits import decide_lora_options
from kaito.runtimes.serving.config import Options
from kaito.runtimes.serving.defaults import decide_defaults, decide_options
from kaito.runtimes.serving.device import observe_device
from kaito.runtimes.serving.door import Door
from kaito.runtimes.serving.gate import Engine, Gate, Protection
from kaito.runtimes.serving.http_server import make_server, serve_http
from kaito.runtimes.serving.inner import Headers
from kaito.runtimes.serving.model import has_chat_template
from kaito.runtimes.serving.options import (
    EngineOption,
    Form,
    KnownOptions,
    merge_options,
    parse_assignments,
    require_not_ours,
    to_command_line,
)
from kaito.runtimes.serving.protection import protect
from kaito.runtimes.serving.routes import Readiness, attach_chat
from kaito.runtimes.serving.server_metrics import make_gauge_reader

# argparse names its classes of actions with an underscore.
_REPEATED: type[Action] = type(ArgumentParser().add_argument("-x", action="append"))


def serve_vllm(arguments: ServingArguments, options: Options, door: Door) -> None:
    """Serve until told to stop. Raises `Ending` for a wrong option and for an engine that died."""
    # Read when vLLM is imported: it reports usage to its makers unless told not to.
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    door.board.start_stage("import")
    import uvloop

    args = _parse(arguments, door.host, options)
    _load_plugins(args)
    door.board.start_stage("load")
    uvloop.run(_serve(args, arguments, door))


def _parse(arguments: ServingArguments, host: str, options: Options) -> Namespace:
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
    from vllm.entrypoints.serve.utils.api_utils import cli_env_setup
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    cli_env_setup()
    parser = make_arg_parser(FlexibleArgumentParser())
    known = observe_known_options(parser)
    require_not_ours(known, options, "inference_config.yaml")
    device = observe_device()
    merged = merge_options(
        known,
        ("the runtime", {**decide_defaults(device), "host": host or None}),
        ("the runtime", decide_lora_options(arguments, options)),
        ("the pod", decide_options(arguments, device)),
        ("the pod", parse_assignments(arguments.engine_option)),
        ("inference_config.yaml", options),
    )
    # argparse reports a wrong value by ending the program, with its words on standard error.
    parser.error = _refuse
    args: Namespace = parser.parse_args(to_command_line(known, merged))
    validate_parsed_serve_args(args)
    return args


def observe_known_options(parser: ArgumentParser) -> KnownOptions:
    """Every option of `parser` under each of its spellings."""
    known: dict[str, EngineOption] = {}
    # argparse has no public list of its options.
    for action in vars(parser)["_actions"]:
        spellings = [_to_name(text) for text in action.option_strings]
        if not spellings:
            continue
        option = EngineOption(name=spellings[0], form=_form_of(action))
        # `no-x: true` would read as its own opposite: x takes true or false.
        negation = f"no-{spellings[0]}"
        known |= {text: option for text in spellings if text != negation}
    return known


def _load_plugins(args: Namespace) -> None:
    """What vLLM's own start does between its options and its engine, but for the socket."""
    from vllm.entrypoints.launchers.launcher import validate_api_server_args
    from vllm.reasoning import ReasoningParserManager
    from vllm.tool_parsers import ToolParserManager
    from vllm.utils.system_utils import set_ulimit

    if args.tool_parser_plugin:
        ToolParserManager.import_tool_parser(args.tool_parser_plugin)
    if args.reasoning_parser_plugin:
        ReasoningParserManager.import_reasoning_parser(args.reasoning_parser_plugin)
    try:
        validate_api_server_args(args)
    except KeyError as error:
        _refuse(str(error.args[0]))
    set_ulimit()


async def _serve(args: Namespace, arguments: ServingArguments, door: Door) -> None:
    from vllm.entrypoints.launchers.api_server.app_state import init_app_state
    from vllm.entrypoints.launchers.api_server.entry import build_async_engine_client
    from vllm.entrypoints.launchers.app import build_app

    async with _refusing(build_async_engine_client(args)) as engine:
        tasks = await engine.get_supported_tasks()
        app = build_app(args, tasks, engine.model_config)
        await init_app_state(engine, app.state, args, tasks)
        served = _to_engine(app, args, tasks, arguments, door)
        door.board.set_engine(**observe_sizes(engine))
        if cut := find_cut(engine.model_config):
            door.board.warn(cut)
        gate = Gate(served, door.board, _protect(arguments, door, engine))
        server = make_server(gate, _to_settings(args))
        # Its error handlers end the server through this when the engine is gone.
        app.state.server = server
        sock = door.end_lobby()
        tasks_beside = (
            asyncio.ensure_future(_first_answer(served.readiness, door)),
            *_keep_adapters(app, engine, arguments, door),
        )
        try:
            await serve_http(server, gate, sock, door.clock, is_dead=lambda: _is_dead(engine))
        finally:
            for task in tasks_beside:
                task.cancel()


def _is_dead(engine: Any) -> bool:
    return bool(engine.errored and not engine.is_running)


@asynccontextmanager
async def _refusing(opening: AbstractAsyncContextManager[Any]) -> AsyncIterator[Any]:
    """Opens an engine; options that only prove wrong together, or for this model, are a refusal."""
    from pydantic import ValidationError

    async with AsyncExitStack() as stack:
        try:
            engine = await stack.enter_async_context(opening)
        except ValidationError as error:
            sentence = error.errors()[0]["msg"].removeprefix("Value error, ").partition(". ")[0]
            raise Ending(f"vLLM refuses its options: {sentence}", ExitCode.CONFIG) from error
        yield engine


def _to_engine(
    app: Any, args: Namespace, tasks: Collection[str], arguments: ServingArguments, door: Door
) -> Engine:
    from vllm.version import __version__ as version

    model = (args.served_model_name or [args.model])[0]
    is_chat = bool(args.chat_template) or has_chat_template(arguments.model)
    attach_chat(app, model=model, has_template=is_chat)
    readiness = Readiness(
        app,
        model,
        headers=_to_headers(args),
        tasks=tasks,
        on_answer=door.board.end_stage,
    )
    models = app.state.openai_serving_models
    return Engine(
        app=app,
        readiness=readiness,
        names=lambda: served_names(models),
        version=version,
        tasks=tasks,
    )


def served_names(models: Any) -> tuple[str, ...]:
    """Model names that requests may give, adapters included; none where plugins resolve more."""
    if models.lora_resolvers:
        return ()
    return (*(path.name for path in models.base_model_paths), *models.lora_requests)


def observe_sizes(engine: Any) -> dict[str, Any]:
    """What the engine accepts and holds, for the report."""
    from vllm.version import __version__ as version

    cache = engine.vllm_config.cache_config
    return {
        "engine": f"vllm {version}",
        "context_tokens": int(engine.model_config.max_model_len),
        "cache_tokens": int(cache.num_gpu_blocks or 0) * int(cache.block_size or 0),
    }


def find_cut(config: Any) -> str:
    """That the engine fitted the context to its memory, when it was left to; empty otherwise."""
    longest = int(getattr(config.hf_text_config, "max_position_embeddings", 0) or 0)
    context = int(config.max_model_len)
    if config.original_max_model_len != -1 or context >= longest:
        return ""
    return f"context {context} of the model's {longest}: no more fits into the memory for its cache"


def _protect(arguments: ServingArguments, door: Door, engine: Any) -> Protection:
    config = engine.vllm_config
    running = config.scheduler_config.max_num_seqs * config.parallel_config.data_parallel_size
    return protect(arguments, door, running, make_gauge_reader("vllm:num_requests_waiting"))


async def _first_answer(readiness: Readiness, door: Door) -> None:
    door.board.start_stage("answer")
    await readiness.warm_up()


def _keep_adapters(
    app: Any, engine: Any, arguments: ServingArguments, door: Door
) -> tuple[asyncio.Task[None], ...]:
    if not arguments.adapters_file:
        return ()
    from kaito.runtimes.serving.adapters.program import start_adapters
    from kaito.runtimes.serving.adapters.vllm_adapters import VllmAdapters

    models = VllmAdapters(app.state.openai_serving_models, engine)
    return (start_adapters(arguments, models, report=door.board.set_adapters),)


def _to_settings(args: Namespace) -> dict[str, Any]:
    from vllm import envs
    from vllm.entrypoints.launchers.utils.server_utils import get_uvicorn_log_config

    log_config = get_uvicorn_log_config(args)
    settings: dict[str, Any] = {
        "log_level": args.uvicorn_log_level,
        "access_log": not args.disable_uvicorn_access_log,
        "timeout_keep_alive": envs.VLLM_HTTP_TIMEOUT_KEEP_ALIVE,
        "ssl_keyfile": args.ssl_keyfile,
        "ssl_certfile": args.ssl_certfile,
        "ssl_ca_certs": args.ssl_ca_certs,
        "ssl_cert_reqs": args.ssl_cert_reqs,
        "h11_max_incomplete_event_size": args.h11_max_incomplete_event_size,
    }
    if args.ssl_ciphers:
        settings["ssl_ciphers"] = args.ssl_ciphers
    if log_config is not None:
        settings["log_config"] = log_config
    return settings


def _to_headers(args: Namespace) -> Headers:
    keys = args.api_key or [os.environ.get("VLLM_API_KEY", "")]
    return ((b"authorization", f"Bearer {keys[0]}".encode()),) if keys[0] else ()


def _refuse(message: str) -> NoReturn:
    raise Ending(f"vLLM refuses its options: {message}", ExitCode.CONFIG)


def _to_name(spelling: str) -> str:
    return spelling.lstrip("-").replace("_", "-")


def _form_of(action: Action) -> Form:
    if isinstance(action, BooleanOptionalAction):
        return "toggle"
    if action.nargs == 0:
        return "switch"
    if isinstance(action, _REPEATED):
        return "repeat"
    return "many" if action.nargs in {"+", "*"} else "value"
