"""`kaito down`: ask the plane to stop, and wait until it has."""

import argparse
import os
import select
import signal
from contextlib import closing
from typing import Self

from kaito.app.state import choose_state_folder
from kaito.base.errors import KaitoError
from kaito.cli.arguments import add_state_option
from kaito.cli.durations import parse_duration
from kaito.cli.output import note


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--timeout", default="1m", metavar="TIME", help="longest wait; 1m unless given"
    )
    add_state_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Stop the plane of the state folder, if there is one."""
    seconds = parse_duration(arguments.timeout)
    state = choose_state_folder(arguments.state_dir)
    holder = state.running()
    if holder is None:
        note(f"no plane runs in {str(state.root)!r}")
        return 0
    if holder.pid == 0:
        raise KaitoError(f"the plane of {str(state.root)!r} is just starting", hint="try again")
    with closing(_Process.open(holder.pid)) as process:
        # Looked at again now that the number can no longer pass to another process: whoever holds
        # the lock under it is the plane.
        again = state.running()
        if again is None or again.pid != holder.pid:
            note(f"the plane of {str(state.root)!r} has just ended by itself")
            return 0
        process.send(signal.SIGTERM)
        if not process.wait(seconds):
            raise KaitoError(
                f"the plane (process {holder.pid}) did not stop within {seconds:g}s",
                hint=f"see {state.log_file}; `kill -9 {holder.pid}` ends it, nothing is lost",
            )
    print(f"plane of {str(state.root)!r} stopped")
    return 0


class _Process:
    """A process held by a descriptor, so that its number cannot come to mean another one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def open(cls, pid: int) -> Self:
        """Hold on to a process; `KaitoError` where it is not one of ours."""
        try:
            return cls(os.pidfd_open(pid))
        except OSError as error:
            raise KaitoError(
                f"process {pid} holds the lock of the plane and cannot be reached: {error}",
                hint="is it in another container? stop it there",
            ) from error

    def send(self, number: signal.Signals) -> None:
        """Signal it."""
        signal.pidfd_send_signal(self._descriptor, number)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; whether it came in time."""
        ended, _, _ = select.select([self._descriptor], [], [], seconds)
        return bool(ended)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)
