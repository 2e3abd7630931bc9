"""`kaito up`: run the plane here, or start one that goes on by itself.

A detached plane is this very command in a new session. What it prints when it is ready comes back
through a pipe, whose end is also how its death is noticed.
"""

import argparse
import asyncio
import shlex
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kaito.app.state import PlaneLock, StateFolder, choose_state_folder
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.arguments import add_state_option
from kaito.cli.output import note

if TYPE_CHECKING:
    from kaito.app.plane import PlaneReady

_READY_WITHIN = 30.0
"""Seconds a detached plane may take; it takes less than 2 on any machine that is not overloaded."""
_LAST_LINE = "export KUBECONFIG="
_STOPPED = 130


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("-d", "--detach", action="store_true", help="return once it is ready")
    parser.add_argument(
        "--port",
        type=int,
        default=0,
        metavar="PORT",
        help="of the API; the last one, or a free one, unless given",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log what happens")
    add_state_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the plane until it is told to stop."""
    if not 0 <= arguments.port <= 65535:
        raise UsageError(f"--port {arguments.port} is not a port", hint="0 takes a free one")
    state = choose_state_folder(arguments.state_dir)
    if arguments.detach:
        state.prepare()
        return asyncio.run(_start_detached(state, arguments.port))
    return asyncio.run(_run_here(state, arguments))


async def _run_here(state: StateFolder, arguments: argparse.Namespace) -> int:
    from kaito.app.plane import PlaneOptions, run_plane
    from kaito.base.garbage import collect_seldom
    from kaito.base.logs import start_logging

    collect_seldom()
    start_logging(level="INFO" if arguments.verbose else "WARNING")
    options = PlaneOptions(state=state, port=arguments.port)
    plane = asyncio.ensure_future(run_plane(options, _announce))
    asked: list[signal.Signals] = []

    def stop(received: signal.Signals) -> None:
        asked.append(received)
        plane.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        await plane
    except asyncio.CancelledError:
        if not asked:
            raise
    return _STOPPED if asked[:1] == [signal.SIGINT] else 0


def _announce(ready: "PlaneReady") -> None:
    kubeconfig = str(ready.kubeconfig)
    print(f"plane up in {ready.seconds:.1f}s at {ready.url}")
    print(f"kubeconfig: {kubeconfig}")
    # The last line: whoever started a detached plane waits for it.
    print(f"{_LAST_LINE}{shlex.quote(kubeconfig)}", flush=True)


async def _start_detached(state: StateFolder, port: int) -> int:
    if state.running() is not None:
        PlaneLock(state).acquire()
    log = state.log_file
    begins_at = log.stat().st_size if log.exists() else 0
    # -P: the current folder may hold anything, also something called kaito.
    command = [sys.executable, "-P", "-m", "kaito", "up", "--verbose"]
    command += ["--state-dir", str(state.root), "--port", str(port)]
    with log.open("ab") as stream:
        plane = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=stream,
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(_READY_WITHIN):
            lines = await _read_announcement(plane)
    except TimeoutError:
        plane.terminate()
        raise KaitoError(
            f"the plane was not ready within {_READY_WITHIN:g}s and was stopped",
            hint=f"see {log}",
        ) from None
    if lines is None:
        await plane.wait()
        raise _why(log, begins_at)
    print("\n".join(lines))
    note(f"It runs as process {plane.pid} and logs to {log}; `kaito down` stops it.")
    return 0


async def _read_announcement(plane: Process) -> list[str] | None:
    """The lines a ready plane prints; None when it ended instead."""
    assert plane.stdout is not None, "its output was asked for"
    lines: list[str] = []
    async for line in plane.stdout:
        lines.append(line.decode().rstrip("\n"))
        if lines[-1].startswith(_LAST_LINE):
            return lines
    return None


def _why(log: Path, begins_at: int) -> KaitoError:
    """The error that a plane logged last before it ended."""
    message, hint = "", ""
    for line in _lines_after(log, begins_at):
        if line.startswith("error: "):
            message, hint = line.removeprefix("error: "), ""
        elif line.startswith("hint: "):
            hint = line.removeprefix("hint: ")
        elif line.strip() and not message:
            hint = line.strip()
    return KaitoError(message or "the plane ended before it was ready", hint=hint or f"see {log}")


def _lines_after(log: Path, begins_at: int) -> Iterator[str]:
    with suppress(OSError), log.open("rb") as stream:
        stream.seek(begins_at)
        for line in stream:
            yield line.decode(errors="replace").rstrip("\n")
