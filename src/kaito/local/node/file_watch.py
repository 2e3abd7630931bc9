"""Waiting for something to happen in a folder, with inotify instead of polling.

The standard library has no inotify, so the three calls go through libc. See inotify(7).
"""

import asyncio
import ctypes
import os
from pathlib import Path
from types import TracebackType
from typing import Self

_IN_MODIFY = 0x002
_IN_MOVED_TO = 0x080
_IN_CREATE = 0x100
_IN_NONBLOCK = os.O_NONBLOCK
_IN_CLOEXEC = os.O_CLOEXEC


class FolderWatch:
    """Wakes its user after files of one folder were written, created or renamed. Use with `with`.

    What happens between two waits is not lost: the next wait then returns at once.
    """

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify is not available")
        mask = _IN_MODIFY | _IN_MOVED_TO | _IN_CREATE
        if libc.inotify_add_watch(self._fd, os.fsencode(folder), mask) < 0:
            number = ctypes.get_errno()
            os.close(self._fd)
            raise OSError(number, os.strerror(number), str(folder))
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._fd, self._note)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)

    async def wait(self) -> None:
        """Return once something has happened since the last return, or since the start."""
        await self._changed.wait()
        self._changed.clear()

    def _note(self) -> None:
        os.read(self._fd, 1 << 16)
        self._changed.set()
