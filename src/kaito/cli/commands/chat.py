"""`kaito chat`: one question, or a conversation at the terminal."""

import argparse
import asyncio
import sys
from dataclasses import dataclass
from importlib import import_module

from kaito.api.explain import explain_workspace
from kaito.api.meta import Key
from kaito.base.clock import SystemClock
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.arguments import add_cluster_options
from kaito.cli.chatting import Chat, Endpoint, Message, Sampling, find_endpoint
from kaito.cli.commands.explain import age_of
from kaito.cli.output import note
from kaito.cli.target import Target, choose_target
from kaito.cli.workspaces import read_workspace
from kaito.kube.client import Client
from kaito.kube.errors import NotFound

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
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask and print."""
    target = choose_target(arguments)
    key = Key(target.namespace, arguments.name.rpartition("/")[2])
    sampling = Sampling(max_tokens=arguments.max_tokens, temperature=arguments.temperature)
    line = asyncio.run(_connect(target, key, sampling))
    start = [Message("system", arguments.system)] if arguments.system else []
    prompt = " ".join(arguments.prompt)
    if not prompt and sys.stdin.isatty():
        return _converse(line, start)
    prompt = prompt or sys.stdin.read().strip()
    if not prompt:
        raise UsageError("there is no question", hint=f"for example: kaito chat {key.name} Hello!")
    asyncio.run(_say(line, [*start, Message("user", prompt)]))
    return 0


async def _connect(target: Target, key: Key, sampling: Sampling) -> Line:
    """The address and the model's name; `KaitoError` explains a Workspace that is not ready."""
    async with Client(target.cluster) as client:
        explanation = explain_workspace(await read_workspace(client, key))
        if explanation.reason != "Ready":
            age = age_of(explanation, SystemClock().now())
            since = f" for {age}" if age else ""
            raise KaitoError(
                f"workspace {key} is not ready: {explanation.reason}{since}: {explanation.message}",
                hint=explanation.then or f"see: {explanation.look}",
            )
        try:
            endpoint = await find_endpoint(client, key)
        except NotFound as error:
            raise KaitoError(f"workspace {key} has no Service to talk to") from error
        model = await Chat(client, endpoint, sampling).model()
    return Line(target=target, endpoint=endpoint, model=model, sampling=sampling)


async def _say(line: Line, messages: list[Message]) -> str:
    """Print the answer as it comes, and return it."""
    pieces: list[str] = []
    async with Client(line.target.cluster) as client:
        chat = Chat(client, line.endpoint, line.sampling)
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
        messages = [*messages, Message("user", prompt), Message("assistant", answer)]
