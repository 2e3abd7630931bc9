"""Runs commands inside running containers: for `kubectl exec`, for exec probes and for hooks.

Inside means: with the container's environment, working folder and mounts. A command ends with its
container, and is marked so that the next start of the agent finds it if this one is killed.
"""

import os
import pty
import shutil
from collections.abc import Mapping, Sequence
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
from kaito.local.node.view import IN_FOLDER, View, find_inner, open_view
from kaito.local.node.waiting import ends_within

_LONGEST_OUTPUT = 10 * 1024
"""Bytes of a probe's output that are kept (the kubelet's limit)."""
_SANDBOX_WITHIN = 5.0
"""Seconds for a container's mounts to be there; then a command makes its own."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended; the code is None when it did not in time."""

    code: int | None
    output: str


class Commands:
    """Commands in the containers of one runtime."""

    def __init__(self, runtime: ContainerRuntime, *, clock: Clock, nsenter: str = "") -> None:
        """Without `nsenter` a command sees the container's mounts, but copies of its folders."""
        self._runtime = runtime
        self._clock = clock
        self._nsenter = nsenter

    async def start(
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
        _require_program(spec, command)
        env = {**spec.env, **self._runtime.marks(run), EXEC_MARK: "1"}
        way = await self._way(run, spec)
        argv = [*way.argv, *translate_all(command, spec.rewrites)]
        try:
            if tty:
                child, streams = _start_on_terminal(argv, {"TERM": "xterm", **env}, way.descriptors)
            else:
                child, streams = _start_on_pipes(argv, env, way.descriptors, stdin=stdin)
        finally:
            for fd in way.descriptors.values():
                os.close(fd)
        streams = replace(streams, silent=silent)
        return ExecSession(child, streams, ends_with=partial(self._runtime.wait_ended, run))

    async def _way(self, run: RunId, spec: RunSpec) -> View:
        """Into the container: its own view, or another one with the same mounts."""
        if not spec.sandbox:
            return View((*IN_FOLDER, spec.cwd), {})
        identity = self._runtime.files(run).read_identity()
        if identity is None or not self._nsenter:
            return View(spec.sandbox, {})
        # A container counts as started when its sandbox does, milliseconds before its program.
        inner = find_inner(identity.main) or await self._wait_inside(run, identity.main)
        entered = open_view(self._nsenter, inner, cwd=spec.cwd) if inner else None
        return entered or View(spec.sandbox, {})

    async def _wait_inside(self, run: RunId, main: int) -> int:
        found = 0

        async def look() -> None:
            nonlocal found
            while not (found or self._runtime.has_ended(run)):
                await self._clock.sleep(0.01)
                found = find_inner(main)

        await ends_within(self._clock, _SANDBOX_WITHIN, look())
        return found

    async def run(self, run: RunId, command: Sequence[str], *, within: float) -> Result:
        """Run a command to its end, or kill it when the time is over."""
        session = await self.start(run, command)
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


def _require_program(spec: RunSpec, command: Sequence[str]) -> None:
    program = command[0] if command else ""
    search = spec.env.get("PATH")
    if "/" not in program and shutil.which(program, path=search) is None:
        raise SpawnFailed(f'exec: "{program}": executable file not found in $PATH')


def _start_on_pipes(
    argv: list[str], env: dict[str, str], more: Mapping[int, int], *, stdin: bool
) -> tuple[Child, Streams]:
    out, out_theirs = os.pipe()
    err, err_theirs = os.pipe()
    in_theirs, ours = os.pipe() if stdin else (os.open(os.devnull, os.O_RDONLY), -1)
    theirs = (in_theirs, out_theirs, err_theirs)
    try:
        child = spawn(argv, env, streams={**dict(enumerate(theirs)), **more})
    except SpawnFailed:
        for fd in (out, err, ours):
            if fd >= 0:
                os.close(fd)
        raise
    finally:
        for fd in theirs:
            os.close(fd)
    return child, Streams(stdin=ours, outputs={out: 1, err: 2})


def _start_on_terminal(
    argv: list[str], env: dict[str, str], more: Mapping[int, int]
) -> tuple[Child, Streams]:
    master, slave = pty.openpty()
    try:
        child = spawn(argv, env, streams=more, terminal=os.ttyname(slave))
    except SpawnFailed:
        os.close(master)
        raise
    finally:
        os.close(slave)
    return child, Streams(stdin=master, outputs={master: 1}, is_terminal=True)
