"""`kaito tune status`: how far a tuning job is. Exit status 1 where it failed."""

import argparse
import os
import shutil
import sys
from typing import Any

import msgspec

from kaito.api.meta import Key
from kaito.api.report import LossPoint
from kaito.api.tuning_record import TuningRecord
from kaito.api.workspace import TuningStatus, Workspace
from kaito.base.errors import KaitoError
from kaito.cli.arguments import add_cluster_options, add_output_option
from kaito.cli.output import print_document
from kaito.cli.target import choose_target, run_with_client
from kaito.cli.tuning.reading import is_over, read_record, read_tuning
from kaito.cli.tuning.standing import curve_of, point_of, render_standing
from kaito.cli.waiting import states_of
from kaito.kube.client import Client

_UP_AND_CLEAR = "\x1b[{}F\x1b[J"
"""To the start of so many lines above, and away with everything below."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="name of the tuning workspace")
    parser.add_argument(
        "-w", "--watch", action="store_true", help="until it has ended, redrawing as it goes on"
    )
    add_output_option(parser, "json", "yaml")
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print how far it is; scripts learn from the exit status whether it failed."""
    target = choose_target(arguments)
    key = Key(target.namespace, arguments.name.rpartition("/")[2])

    async def work(client: Client) -> int:
        workspace, _ = await read_tuning(client, key)
        if arguments.watch:
            return await _watch(client, key, arguments.output)
        if arguments.output:
            print_document(_to_document(workspace), arguments.output)
        else:
            record = await _find_record(client, key)
            seen = point_of(workspace.status.tuning)
            print(_render(workspace, curve_of(record, (seen,) if seen else ())))
        return _exit_status(workspace)

    return run_with_client(target, work)


async def _watch(client: Client, key: Key, output: str) -> int:
    """Redraw with each change; where lines stay, one line, or one document, a change."""
    seen: list[LossPoint] = []
    height, before = 0, ""
    async for workspace in states_of(client, key):
        point = point_of(workspace.status.tuning)
        if point is not None and (not seen or seen[-1].step < point.step):
            seen.append(point)
        if output:
            document = _to_document(workspace)
            if str(document) != before:
                print("---\n" if before and output == "yaml" else "", end="")
                print_document(document, output)
                sys.stdout.flush()
                before = str(document)
        elif _can_redraw():
            text = _render(workspace, curve_of(await _find_record(client, key), seen))
            clear = _UP_AND_CLEAR.format(height) if height else ""
            print(f"{clear}{text}", flush=True)
            height = text.count("\n") + 1
        elif (line := _line(workspace)) != before:
            print(line, flush=True)
            before = line
        if is_over(workspace):
            return _exit_status(workspace)
    return 0


async def _find_record(client: Client, key: Key) -> TuningRecord | None:
    """The record, for its curve; without one that can be had and read, the status says enough."""
    try:
        return await read_record(client, key)
    except KaitoError:
        return None


def _can_redraw() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _line(workspace: Workspace) -> str:
    status = workspace.status.tuning or TuningStatus(phase="Waiting")
    parts = [f"{status.phase.lower():<10}"]
    if status.steps:
        parts.append(f"step {status.step} of {status.steps}")
    if status.loss:
        parts.append(f"loss {status.loss}")
    if status.result:
        parts.append(status.result)
    if status.message and status.phase not in ("Training", "Done"):
        parts.append(status.message)
    return "  ".join(parts).rstrip()


def _render(workspace: Workspace, curve: tuple[LossPoint, ...]) -> str:
    size = shutil.get_terminal_size()
    unicode = "utf" in (sys.stdout.encoding or "").lower()
    # Its last column and line stay free: writing there scrolls some terminals.
    room = {"width": min(size.columns - 1, 100), "height": max(size.lines - 1, 4)}
    return render_standing(workspace, curve, **room, unicode=unicode)


def _to_document(workspace: Workspace) -> dict[str, Any]:
    status = workspace.status
    return {
        "namespace": workspace.metadata.namespace,
        "name": workspace.metadata.name,
        "state": status.state or "Pending",
        "tuning": msgspec.to_builtins(status.tuning or TuningStatus(phase="Waiting")),
    }


def _exit_status(workspace: Workspace) -> int:
    return 1 if workspace.status.state == "Failed" else 0
