"""Runs commands inside running containers: for `kubectl exec`, for exec probes and for hooks.

Inside means: with the container's environment, working folder and mounts. A command ends with its
container, and is marked so that the next start of the agent finds it if this one is killed.
"""

import os
import pty
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from kaito.base.clock import Clock
from kaito.local.node.errors import SpawnFailed
from kaito.local.node.exec_session import ExecSession, Streams
from kaito.local.node.lifecycle.facts import RunId
from kaito.local.node.process import EXEC_MARK, ContainerRuntime
from kaito.local.node.run_files import RunSpec
from kaito.local.node.spawn import Child, spawn
from kaito.local.node.translation import translate_all
from kaito.local.node.waiting import ends_within

_LONGEST_OUTPUT = 10 * 1024
"""Bytes of a probe's output that are kept (the kubelet's limit)."""
_ENTER = 'cd "$0" && exec "$@"'


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended; the code is None when it did not in time."""

    code: int | None
    output: str


class Commands:
    """Commands in the containers of one runtime."""

    def __init__(self, runtime: ContainerRuntime, *, clock: Clock) -> None:
        self._runtime = runtime
        self._clock = clock

    def start(
        self,
        run: RunId,
        command: Sequence[str],
        *,
        stdin: bool = False,
        tty: bool = False,
        silent: frozenset[int] = frozenset(),
    ) -> ExecSession:
        """Start a command; `SpawnFailed` when it does not exist. The caller kills it at the end."""
        spec = self._runtime.spec(run)
        argv = _inside(spec, command)
        env = {**spec.env, **self._runtime.marks(run), EXEC_MARK: "1"}
        if tty:
            child, streams = _start_on_terminal(argv, {"TERM": "xterm", **env})
        else:
            child, streams = _start_on_pipes(argv, env, stdin=stdin)
        streams = replace(streams, silent=silent)
        return ExecSession(child, streams, ends_with=partial(self._runtime.wait_ended, run))

    async def run(self, run: RunId, command: Sequence[str], *, within: float) -> Result:
        """Run a command to its end, or kill it when the time is over."""
        session = self.start(run, command)
        collected = bytearray()

        async def collect() -> None:
            async for _, data in session.output():
                if len(collected) < _LONGEST_OUTPUT:
                    collected.extend(data[: _LONGEST_OUTPUT - len(collected)])
            await session.wait()

        try:
            is_done = await ends_within(self._clock, within, collect())
            code = await session.wait() if is_done else None
        finally:
            await session.kill()
        return Result(code, collected.decode(errors="replace").strip())


def _inside(spec: RunSpec, command: Sequence[str]) -> list[str]:
    program = command[0] if command else ""
    search = spec.env.get("PATH")
    if "/" not in program and shutil.which(program, path=search) is None:
        raise SpawnFailed(f'exec: "{program}": executable file not found in $PATH')
    if spec.sandbox:
        return [*spec.sandbox, *command]
    return ["/bin/sh", "-c", _ENTER, spec.cwd, *translate_all(command, spec.rewrites)]


def _start_on_pipes(argv: list[str], env: dict[str, str], *, stdin: bool) -> tuple[Child, Streams]:
    out, out_theirs = os.pipe()
    err, err_theirs = os.pipe()
    in_theirs, ours = os.pipe() if stdin else (os.open(os.devnull, os.O_RDONLY), -1)
    theirs = (in_theirs, out_theirs, err_theirs)
    try:
        child = spawn(argv, env, streams=dict(enumerate(theirs)))
    except SpawnFailed:
        for fd in (out, err, ours):
            if fd >= 0:
                os.close(fd)
        raise
    finally:
        for fd in theirs:
            os.close(fd)
    return child, Streams(stdin=ours, outputs={out: 1, err: 2})


def _start_on_terminal(argv: list[str], env: dict[str, str]) -> tuple[Child, Streams]:
    master, slave = pty.openpty()
    try:
        child = spawn(argv, env, streams={}, terminal=os.ttyname(slave))
    except SpawnFailed:
        os.close(master)
        raise
    finally:
        os.close(slave)
    return child, Streams(stdin=master, outputs={master: 1}, is_terminal=True)
