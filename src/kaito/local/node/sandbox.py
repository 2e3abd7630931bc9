"""Real mounts for a container, with bubblewrap: the argv that stands before its program.

The container sees this machine's whole file system, plus its volumes at their mount paths. A mount
point that does not exist is made in a copy of its nearest existing folder, so the machine itself is
never written to: the entries of a small folder are bound one by one, those of a large one are links
into the one bound original. bwrap needs no root where user namespaces are allowed.
https://github.com/containers/bubblewrap
"""

import asyncio
import os
import shlex
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from kaito.local.node.mounts import Mount
from kaito.local.node.spawn import kill_session, spawn, wait_exit

_DEVICES = ("nvidia", "dri", "kfd", "shm", "fuse", "mqueue", "vfio")
"""What a bare /dev lacks and a container may need: accelerators and shared memory."""

_MOST_BINDS = 64
"""Entries of a folder that are bound one by one: bwrap's time grows with the square of its mounts
(it reads the table of all of them for each), 0.03 s for 100 and 1.6 s for 1,000, more than the
second that a probe has; and it takes 9,000 arguments. A busy /tmp has that many."""
_ORIGINAL = ".kaito-original"
_LINK_ALL = (
    f"find {_ORIGINAL} -mindepth 1 -maxdepth 1"
    """ -exec /bin/sh -c 'ln -s "$@" . 2>/dev/null' sh {} +"""
)
"""Links, in the working folder, to every entry of the original that is not there yet."""

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
    """The arguments that stand before the program."""
    copied = sorted({folder for mount in mounts if (folder := _missing_from(mount.path, host))})
    places = [*copied, cwd, *(mount.path for mount in mounts)]
    argv = [bwrap, "--dev-bind", "/", "/"]
    for folder in copied:
        argv += _copy(folder, places, host)
    if any(_is_in_dev(mount.path) for mount in mounts):
        argv += _devices(host)
    for mount in mounts:
        argv += ["--ro-bind" if mount.is_read_only else "--bind", str(mount.source), mount.path]
    # The shim is the parent and survives the plane, so dying with it loses nothing.
    argv += ["--die-with-parent", "--chdir", cwd, "--"]
    return argv + _link([folder for folder in copied if _is_large(folder, host)])


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


def _copy(folder: str, places: Sequence[str], host: HostView) -> Iterator[str]:
    """An empty folder in the place of `folder`, with the same entries."""
    yield from ("--tmpfs", folder)
    is_large = _is_large(folder, host)
    if is_large:
        yield from ("--dev-bind", folder, str(PurePosixPath(folder) / _ORIGINAL))
    for name, target in host.entries(folder):
        path = PurePosixPath(folder) / name
        if is_large and not any(PurePosixPath(place).is_relative_to(path) for place in places):
            continue
        yield from ("--symlink", target, str(path)) if target else _bind(str(path))


def _bind(path: str) -> tuple[str, str, str]:
    return ("--dev-bind-try", path, path)


def _is_large(folder: str, host: HostView) -> bool:
    # Never the root: what is found through a link there would see another path of itself.
    return folder != "/" and len(host.entries(folder)) > _MOST_BINDS


def _link(folders: Sequence[str]) -> list[str]:
    """What fills the copies of large folders with links, then becomes the program."""
    if not folders:
        return []
    made = (f"(cd {shlex.quote(folder)} && {_LINK_ALL})" for folder in folders)
    return ["/bin/sh", "-c", "; ".join([*made, 'exec "$0" "$@"'])]


def _devices(host: HostView) -> list[str]:
    argv = ["--dev", "/dev"]
    for name, _ in host.entries("/dev"):
        if name.startswith(_DEVICES):
            argv += ["--dev-bind-try", f"/dev/{name}", f"/dev/{name}"]
    return argv


def _is_in_dev(path: str) -> bool:
    # A folder in /dev that exists, such as /dev/shm, is mounted over like any other.
    return path.startswith("/dev/")
