"""Real mounts for a container, with bubblewrap: the argv that stands before its program.

The container sees this machine's whole file system, plus its volumes at their mount paths. A mount
point that does not exist is made in a copy of its nearest existing folder whose entries are bound
one by one, so the machine itself is never written to. bwrap needs no root where user namespaces
are allowed. https://github.com/containers/bubblewrap
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from kaito.local.node.mounts import Mount
from kaito.local.node.spawn import kill_session, spawn, wait_exit

_DEVICES = ("nvidia", "dri", "kfd", "shm", "fuse", "mqueue", "vfio")
"""What a bare /dev lacks and a container may need: accelerators and shared memory."""

_TRIAL_SECONDS = 5.0


class HostView(Protocol):
    """What has to be known of this machine's file system."""

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder at the path."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is anything at the path."""
        ...

    def entries(self, path: str) -> tuple[tuple[str, str], ...]:
        """The names in a folder, each with the target of its link, or an empty text."""
        ...


class Host:
    """This machine."""

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder at the path."""
        return Path(path).is_dir()

    def exists(self, path: str) -> bool:
        """Whether there is anything at the path."""
        return Path(path).exists()

    def entries(self, path: str) -> tuple[tuple[str, str], ...]:
        """The names in a folder, each with the target of its link, or an empty text."""
        found = sorted(Path(path).iterdir())
        return tuple((e.name, str(e.readlink()) if e.is_symlink() else "") for e in found)


def plan_sandbox(bwrap: str, mounts: Sequence[Mount], *, cwd: str, host: HostView) -> list[str]:
    """The arguments up to and with `--`."""
    copied = sorted({folder for mount in mounts if (folder := _missing_from(mount.path, host))})
    argv = [bwrap, "--dev-bind", "/", "/"]
    for folder in copied:
        argv += _copy(folder, host)
    if any(_is_in_dev(mount.path) for mount in mounts):
        argv += _devices(host)
    for mount in mounts:
        argv += ["--ro-bind" if mount.is_read_only else "--bind", str(mount.source), mount.path]
    # The shim is the parent and survives the plane, so dying with it loses nothing.
    return [*argv, "--die-with-parent", "--chdir", cwd, "--"]


async def find_bwrap(environment: dict[str, str]) -> str:
    """Where bwrap is, if it is there and works; else an empty text."""
    path = shutil.which("bwrap", path=environment.get("PATH"))
    if path is None:
        return ""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        trial = [path, "--dev-bind", "/", "/", "--dev", "/dev", "--tmpfs", "/mnt", "true"]
        child = spawn(trial, environment, streams={0: null, 1: null, 2: null})
    finally:
        os.close(null)
    try:
        async with asyncio.timeout(_TRIAL_SECONDS):
            return path if await wait_exit(child) == 0 else ""
    except TimeoutError:
        kill_session(child.pid, signal.SIGKILL)
        return ""


def _missing_from(path: str, host: HostView) -> str:
    """The folder that lacks the way to a mount point; empty when nothing is missing."""
    if _is_in_dev(path) or host.exists(path):
        return ""
    for folder in PurePosixPath(path).parents:
        if host.is_folder(str(folder)):
            return str(folder)
    return "/"


def _copy(folder: str, host: HostView) -> Iterator[str]:
    """An empty folder in the place of `folder`, with the same entries."""
    yield from ("--tmpfs", folder)
    for name, target in host.entries(folder):
        path = str(PurePosixPath(folder) / name)
        yield from ("--symlink", target, path) if target else ("--dev-bind-try", path, path)


def _devices(host: HostView) -> list[str]:
    argv = ["--dev", "/dev"]
    for name, _ in host.entries("/dev"):
        if name.startswith(_DEVICES):
            argv += ["--dev-bind-try", f"/dev/{name}", f"/dev/{name}"]
    return argv


def _is_in_dev(path: str) -> bool:
    # A folder in /dev that exists, such as /dev/shm, is mounted over like any other.
    return path.startswith("/dev/")
