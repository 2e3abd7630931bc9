"""Starts programs: the only module that does.

posix_spawn instead of fork: the plane is a large process, and this neither copies its page tables
nor runs Python in the child. Every program gets a session of its own. Its end is a readable pidfd,
so waiting needs no thread and no signal handler.
"""

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kaito.local.node.errors import SpawnFailed


@dataclass(frozen=True, slots=True)
class Child:
    """A program that was started here and has to be waited for."""

    pid: int
    pidfd: int


def spawn(
    argv: Sequence[str], env: Mapping[str, str], *, streams: Mapping[int, int], terminal: str = ""
) -> Child:
    """Start `argv[0]`, a path or a name on `env`'s PATH, with our `streams` as its descriptors.

    `terminal` names a terminal that becomes its standard streams and its controlling terminal
    (a session leader that opens one gets it).
    """
    actions: list[tuple[int, int, int] | tuple[int, int] | tuple[int, int, str, int, int]] = []
    if terminal:
        actions = [(os.POSIX_SPAWN_OPEN, 0, terminal, os.O_RDWR, 0)]
        actions += [(os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]
    actions += [(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in streams.items()]
    try:
        pid = os.posix_spawn(
            argv[0], list(argv), dict(env), file_actions=actions, setsid=True, setsigdef=_RESET
        )
    except OSError as error:
        raise SpawnFailed(f"{argv[0]!r} cannot be started: {error.strerror}") from error
    return Child(pid, os.pidfd_open(pid))


async def wait_exit(child: Child) -> int:
    """The exit code (128 + N after signal N), once it has ended. Call once; it frees the child."""
    try:
        await wait_readable(child.pidfd)
    finally:
        os.close(child.pidfd)
    code = reap(child.pid)
    assert code is not None, "a child stays until it is waited for"
    return code if code >= 0 else 128 - code


def reap(pid: int) -> int | None:
    """Free a child that has ended: its exit code, negative for a signal.

    None when it is not our child: after an adoption its parent is somebody else.
    """
    try:
        _, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status)


async def wait_readable(*descriptors: int) -> frozenset[int]:
    """Which of the descriptors have something to read, or have ended, once one of them does."""
    loop = asyncio.get_running_loop()
    ready: set[int] = set()
    event = asyncio.Event()

    def note(fd: int) -> None:
        ready.add(fd)
        event.set()

    for fd in descriptors:
        loop.add_reader(fd, note, fd)
    try:
        await event.wait()
    finally:
        for fd in descriptors:
            loop.remove_reader(fd)
    return frozenset(ready)


async def wait_writable(fd: int) -> None:
    """Return once a descriptor takes more, or nobody reads it any more."""
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    loop.add_writer(fd, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_writer(fd)


def kill_session(leader: int, number: int) -> None:
    """Signal the process group that a spawned program leads; gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


_SIGPIPE, _SIGXFSZ = 13, 25
_RESET = (_SIGPIPE, _SIGXFSZ)
"""What Python ignores and a program expects at its default."""
