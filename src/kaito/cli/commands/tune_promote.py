"""`kaito tune promote`: serve the adapter that a tuning job made."""

import argparse

from kaito.api.meta import Key, Manifest
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.base.clock import SystemClock
from kaito.base.errors import UsageError
from kaito.cli.arguments import add_cluster_options, add_output_option
from kaito.cli.durations import parse_duration
from kaito.cli.history import History
from kaito.cli.output import note, print_document
from kaito.cli.progress import Lines
from kaito.cli.target import Target, choose_target, run_with_client
from kaito.cli.tuning.adapter_wait import wait_for_adapter
from kaito.cli.tuning.promotion import adapter_of, add_adapter, check_promotable, render_serving
from kaito.cli.tuning.reading import read_tuning
from kaito.cli.waiting import Waiting, wait_until_ready
from kaito.kube.client import Client
from kaito.kube.errors import NotFound

_MANAGER = "kaito"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="name of the tuning workspace")
    parser.add_argument(
        "--to",
        metavar="WORKSPACE",
        default="",
        help="the workspace that serves it: one that is there, or a new one; NAME-serving if left "
        "out",
    )
    parser.add_argument(
        "--as",
        dest="adapter",
        metavar="ADAPTER",
        default="",
        help="the model name that requests give; NAME unless given",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be written and write nothing"
    )
    parser.add_argument("--wait", action="store_true", help="until it is served")
    parser.add_argument(
        "--timeout", default="30m", metavar="TIME", help="longest wait; 30m unless given"
    )
    add_output_option(parser, "json", "yaml")
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the Workspace, or print it."""
    seconds = parse_duration(arguments.timeout)
    target = choose_target(arguments)
    key = Key(target.namespace, arguments.name.rpartition("/")[2])

    async def work(client: Client) -> int:
        served = await _promote(client, key, arguments)
        if served is not None and arguments.wait:
            clock = SystemClock()
            latest = clock.monotonic() + seconds
            await _wait(client, served, seconds, target)
            left = max(latest - clock.monotonic(), 1.0)
            await wait_for_adapter(client, served, arguments.adapter or key.name, seconds=left)
        return 0

    return run_with_client(target, work)


async def _promote(client: Client, key: Key, arguments: argparse.Namespace) -> Key | None:
    """Where it is served; None where nothing was written."""
    workspace, spec = await read_tuning(client, key)
    check_promotable(workspace, spec)
    name = arguments.adapter or key.name
    served = Key(key.namespace, arguments.to or f"{key.name}-serving")
    if served == key:
        raise UsageError(f"workspace {key} tunes; it cannot serve", hint="name another with --to")
    adapter = adapter_of(workspace, spec, name)
    there = await _find(client, served)
    if there is None:
        manifest = render_serving(workspace, adapter, name=served.name)
    else:
        manifest = add_adapter(there, adapter, preset=workspace.preset_name)
    if arguments.dry_run:
        print_document(manifest, arguments.output or "yaml")
        return None
    await _write(client, served, manifest, is_new=there is None)
    if arguments.output:
        print_document(manifest, arguments.output)
    verb = "created" if there is None else "configured"
    note(f"workspace {served} {verb}; ask it: kaito chat {served.name} --model {name} PROMPT")
    return served


async def _find(client: Client, key: Key) -> Workspace | None:
    try:
        return await client.get(WORKSPACES, key)
    except NotFound:
        return None


async def _write(client: Client, key: Key, manifest: Manifest, *, is_new: bool) -> None:
    if is_new:
        await client.apply(WORKSPACES, manifest, manager=_MANAGER, force=False)
    else:
        await client.patch(WORKSPACES, key, manifest)


async def _wait(client: Client, key: Key, seconds: float, target: Target) -> None:
    waiting = Waiting(history=History(target.state), seconds=seconds, lines=Lines())
    await wait_until_ready(client, key, waiting)
