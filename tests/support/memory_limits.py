"""Processes that may have so much memory and no more, as the kernel enforces it: a control group.

Below this process's own group, and gone with the test. Only root of a machine whose groups can be
written has one; elsewhere there is none, and the test says so.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_V1_LIMIT, _V2_LIMIT = "memory.limit_in_bytes", "memory.max"


@dataclass(frozen=True)
class MemoryGroup:
    """A control group of a limited memory."""

    folder: Path

    def adopt(self, pid: int) -> None:
        """From now on the process, and what it starts, share this memory."""
        (self.folder / "cgroup.procs").write_text(str(pid))

    @property
    def members(self) -> tuple[int, ...]:
        """The processes in it."""
        return tuple(map(int, (self.folder / "cgroup.procs").read_text().split()))


@contextlib.contextmanager
def limited_memory(size: int) -> Iterator[MemoryGroup | None]:
    """A group of `size` bytes; None where this user may not make one."""
    folder = _own_group() / f"kaito-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:
        yield None
        return
    try:
        yield MemoryGroup(folder) if _set_limit(folder, size) else None
    finally:
        # What is left there, if anything, goes on in the group that it came from.
        for pid in MemoryGroup(folder).members:
            with contextlib.suppress(OSError):
                (folder.parent / "cgroup.procs").write_text(str(pid))
        folder.rmdir()


def _own_group() -> Path:
    """Of this process, among those that count memory."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return _ROOT / "memory" / path.lstrip("/")
    unified = Path("/proc/self/cgroup").read_text().rpartition("0::")[2].strip()
    return _ROOT / unified.lstrip("/")


def _set_limit(folder: Path, size: int) -> bool:
    for name in (_V1_LIMIT, _V2_LIMIT):
        if (folder / name).exists():
            (folder / name).write_text(str(size))
            return True
    return False
