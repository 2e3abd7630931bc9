"""`kaito chat`: one question, or a conversation at the terminal."""

import argparse
import asyncio
import sys
from dataclasses import dataclass
from importlib import import_module

from kaito.api.meta import Key
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.arguments import add_cluster_options
from kaito.cli.chatting import Chat, Message, Sampling
from kaito.cli.endpoints import (
    ENV_API_KEY,
    Endpoint,
    choose_api_key,
    choose_model,
    open_endpoint,
    require_endpoint,
)
from kaito.cli.output import note
from kaito.cli.target import Target, choose_target
from kaito.kube.client import Client

_LEAVE = frozenset({"exit", "quit", "/exit", "/quit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Whom we talk to, and how."""

    target: Target
    endpoint: Endpoint
    model: str
    sampling: Sampling


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "%(prog)s NAME [PROMPT] [options]"
    parser.add_argument("name", metavar="NAME", help="name of the workspace")
    parser.add_argument(
        "prompt",
        nargs="*",
        metavar="PROMPT",
        help="the question; without one, what is piped in, or a conversation",
    )
    parser.add_argument(
        "--model",
        default="",
        metavar="NAME",
        help="an adapter, or another name the model is served under; the model itself unless given",
    )
    parser.add_argument(
        "--api-key",
        default="",
        metavar="KEY",
        help=f"where the server wants one; ${ENV_API_KEY} unless given",
    )
    parser.add_argument("--system", default="", metavar="TEXT", help="instructions to the model")
    parser.add_argument(
        "--max-tokens", type=int, metavar="N", help="longest answer; the engine's own unless given"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.0,
        metavar="T",
        help="0, always the likeliest word, unless given; more varies more",
    )
    parser.add_argument(
        "--top-p",
        type=float,
        metavar="P",
        help="choose among the likeliest words that together have this share; 1 unless given",
    )
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask and print."""
    target = choose_target(arguments)
    key = Key(target.namespace, arguments.name.rpartition("/")[2])
    line = asyncio.run(_connect(target, key, arguments))
    start = [Message("system", arguments.system)] if arguments.system else []
    prompt = " ".join(arguments.prompt)
    if not prompt and sys.stdin.isatty():
        return _converse(line, start)
    prompt = prompt or sys.stdin.read().strip()
    if not prompt:
        raise UsageError("there is no question", hint=f"for example: kaito chat {key.name} Hello!")
    asyncio.run(_say(line, [*start, Message("user", prompt)]))
    return 0


async def _connect(target: Target, key: Key, arguments: argparse.Namespace) -> Line:
    """The address and the model's name; `KaitoError` explains a Workspace that is not ready."""
    api_key = choose_api_key(arguments.api_key)
    async with Client(target.cluster) as client:
        endpoint = await require_endpoint(client, key, api_key=api_key)
        async with open_endpoint(endpoint, client) as asker:
            model = choose_model(await asker.models(), arguments.model)
    sampling = Sampling(
        max_tokens=arguments.max_tokens, temperature=arguments.temperature, top_p=arguments.top_p
    )
    return Line(target=target, endpoint=endpoint, model=model.id, sampling=sampling)


async def _say(line: Line, messages: list[Message]) -> str:
    """Print the answer as it comes, and return it."""
    pieces: list[str] = []
    async with (
        Client(line.target.cluster) as client,
        open_endpoint(line.endpoint, client) as asker,
    ):
        chat = Chat(asker, line.sampling)
        try:
            async for piece in chat.answer(line.model, messages):
                pieces.append(piece)
                print(piece, end="", flush=True)
        finally:
            if pieces:
                print(flush=True)
    return "".join(pieces)


def _converse(line: Line, messages: list[Message]) -> int:
    """Question and answer until end of input; ctrl-C ends an answer, or the conversation."""
    import_module("readline")  # Loading it gives `input` line editing and history.
    note(f"Talking to {line.model}. ctrl-D or exit leaves.")
    while True:
        try:
            prompt = input("> ").strip()
        except EOFError:
            print()
            return 0
        if prompt in _LEAVE:
            return 0
        if not prompt:
            continue
        try:
            answer = asyncio.run(_say(line, [*messages, Message("user", prompt)]))
        except KeyboardInterrupt:
            note("(stopped)")
            continue
        except KaitoError as error:
            # Such as a question too long; what was said before still stands.
            note(error.line)
            continue
        messages = [*messages, Message("user", prompt), Message("assistant", answer)]
