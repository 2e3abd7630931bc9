"""Enters the file system that a running container sees, with util-linux's nsenter.

A second sandbox with the same mounts would not be the same place: what the container has written
into a copied folder (see `sandbox`) is in a file system of its own. Where bwrap had no root it made
two user namespaces, one inside the other: the mounts belong to the outer one, the program lives in
the inner one, and both are entered in this order. https://man7.org/linux/man-pages/man1/nsenter.1.html
"""

import fcntl
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kaito.local.node import procfs

_NS_GET_USERNS = 0xB701
"""ioctl_nsfs(2): a descriptor of the user namespace that a namespace belongs to."""
_OWNER = 3
"""The descriptor by which nsenter finds the outer user namespace."""
IN_FOLDER = ("/bin/sh", "-c", 'cd "$0" && exec "$@"')
"""Before a folder and a command: runs it there."""


@dataclass(frozen=True, slots=True)
class View:
    """What stands before a command that is to run among a container's files."""

    argv: tuple[str, ...]
    descriptors: Mapping[int, int]
    """Of ours, by the number that the command knows them by; whoever starts it closes them."""


def find_nsenter(environment: Mapping[str, str]) -> str:
    """Where nsenter is; an empty text where it is not."""
    return shutil.which("nsenter", path=environment.get("PATH")) or ""


def find_inner(main: int) -> int:
    """The process that the sandbox program `main` has started among its mounts; 0 until then."""
    own = Path("/proc/self/ns/mnt").stat().st_ino
    for pid in procfs.descendants(main):
        try:
            has_mounts = Path(f"/proc/{pid}/ns/mnt").stat().st_ino != own
            is_ready = Path(f"/proc/{pid}/exe").stat() != Path(f"/proc/{main}/exe").stat()
        except OSError:
            continue
        if has_mounts and is_ready:
            return pid
    return 0


def open_view(nsenter: str, inner: int, *, cwd: str) -> View | None:
    """The view of the container's process `inner`; None where it has ended or is not ours to enter.

    Its descriptors are the caller's to close.
    """
    mounts = f"/proc/{inner}/ns/mnt"
    final = f"/proc/{inner}/ns/user"
    enter = (nsenter, "--preserve-credentials")
    try:
        namespace = Path(final).stat().st_ino
        owner = _open_owner(mounts)
    except OSError:
        return None
    outermost = os.fstat(owner).st_ino
    if outermost == Path("/proc/self/ns/user").stat().st_ino:
        os.close(owner)
        return View((nsenter, f"--mount={mounts}", "--", *IN_FOLDER, cwd), {})
    outer = (*enter, f"--user=/proc/self/fd/{_OWNER}", f"--mount={mounts}", "--")
    nested = () if outermost == namespace else (*enter, f"--user={final}", "--")
    return View((*outer, *nested, *IN_FOLDER, cwd), {_OWNER: owner})


def _open_owner(mounts: str) -> int:
    fd = os.open(mounts, os.O_RDONLY)
    try:
        return fcntl.ioctl(fd, _NS_GET_USERNS)
    finally:
        os.close(fd)
