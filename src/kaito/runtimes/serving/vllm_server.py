"""vLLM's own OpenAI server in this process, with our settings and our two routes.

The pieces are the ones that vLLM's `run_server` is made of (vllm.entrypoints.launchers, 0.32): the
parser, the engine, the application, the HTTP server. Nothing of the engine is replaced.
"""

import asyncio
import os
from argparse import Action, ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, NoReturn

from kaito.api.runtime import ExitCode, ServingArguments
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.config import Options
from kaito.runtimes.serving.defaults import decide_defaults, decide_options
from kaito.runtimes.serving.device import observe_device
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
from kaito.runtimes.serving.routes import Readiness, attach_routes


def serve_vllm(arguments: ServingArguments, host: str, options: Options) -> None:
    """Serve until told to stop. Raises `Ending` for a wrong option and for an engine that died."""
    # Read when vLLM is imported: it reports usage to its makers unless told not to.
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    import uvloop

    args = _parse(arguments, host, options)
    uvloop.run(_serve(args, arguments))


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


async def _serve(args: Namespace, arguments: ServingArguments) -> None:
    from vllm.entrypoints.launchers.api_server.app_state import init_app_state
    from vllm.entrypoints.launchers.api_server.entry import build_async_engine_client
    from vllm.entrypoints.launchers.app import build_app
    from vllm.entrypoints.launchers.launcher import setup_server

    address, sock = setup_server(args, reuse_port=False)
    del address
    try:
        async with _refusing(build_async_engine_client(args)) as engine:
            tasks = await engine.get_supported_tasks()
            app = build_app(args, tasks, engine.model_config)
            await init_app_state(engine, app.state, args, tasks)
            warming = _extend(app, args, arguments)
            was_told_to_stop = _watch_shutdown(engine)
            ended = await _serve_http(app, sock, args)
            warming.cancel()
            if not was_told_to_stop():
                ended.close()
                raise Ending("the engine died", ExitCode.SOFTWARE)
        # The engine is gone; what is left of the HTTP server ends now.
        await ended
    finally:
        sock.close()


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


def _extend(app: Any, args: Namespace, arguments: ServingArguments) -> asyncio.Task[None]:
    model = (args.served_model_name or [args.model])[0]
    readiness = Readiness(app, model, headers=_to_headers(args))
    is_chat = bool(args.chat_template) or has_chat_template(arguments.model)
    attach_routes(app, readiness, model=model, has_template=is_chat)
    return asyncio.get_running_loop().create_task(readiness.warm_up())


def _watch_shutdown(engine: Any) -> Callable[[], bool]:
    """Whether the HTTP server ended because of a signal.

    vLLM's server takes the signals for itself and returns the same way when the engine has died;
    only for a signal does it shut the engine down first.
    """
    shut_down = engine.shutdown
    calls: list[None] = []

    def record(*args: object, **kwargs: object) -> None:
        calls.append(None)
        shut_down(*args, **kwargs)

    engine.shutdown = record
    return lambda: bool(calls)


async def _serve_http(app: Any, sock: Any, args: Namespace) -> Any:
    from vllm import envs
    from vllm.entrypoints.launchers.launcher import serve_http
    from vllm.entrypoints.launchers.utils.server_utils import get_uvicorn_log_config

    log_config = get_uvicorn_log_config(args)
    return await serve_http(
        app,
        sock=sock,
        enable_ssl_refresh=args.enable_ssl_refresh,
        host=args.host,
        port=args.port,
        log_level=args.uvicorn_log_level,
        access_log=not args.disable_uvicorn_access_log,
        timeout_keep_alive=envs.VLLM_HTTP_TIMEOUT_KEEP_ALIVE,
        ssl_keyfile=args.ssl_keyfile,
        ssl_certfile=args.ssl_certfile,
        ssl_ca_certs=args.ssl_ca_certs,
        ssl_cert_reqs=args.ssl_cert_reqs,
        ssl_ciphers=args.ssl_ciphers,
        h11_max_incomplete_event_size=args.h11_max_incomplete_event_size,
        h11_max_header_count=args.h11_max_header_count,
        **({"log_config": log_config} if log_config is not None else {}),
    )


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
    return "many" if action.nargs in {"+", "*"} else "value"
