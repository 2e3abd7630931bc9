"""Bytes from a connection into a file without passing through this program.

Linux moves what a socket has received into a pipe, and from there into the file's pages: one copy
instead of two, none of them through this program's memory. https://man7.org/linux/man-pages/man2/splice.2.html
"""

import asyncio
import errno
import fcntl
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from kaito.base.quantity import MIB

Arrived = Callable[[int], None]
"""Told of every stretch that was written: its length."""

_PIPE_BYTES: Final = MIB
_AT_ONCE: Final = MIB // 4
"""What should have arrived before it is worth waking up for."""
_UNSPLICED: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM})
"""What systems and sandboxes answer that know no splice, or forbid it."""


class Cut(Exception):
    """The connection ended before everything had come; why, where the system knows."""


class Splice:
    """Moves `size` bytes from a socket to `offset` and on of a file; closes nothing of either.

    The socket must be one that does not block and that nobody else reads. What fails there is a
    `Cut`; an `OSError` is the file's.
    """

    def __init__(self, source: int, file: int, *, offset: int, size: int, arrived: Arrived) -> None:
        self.left = size
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        # A descriptor of its own: the loop lets nobody else watch one that a transport has.
        self._source = socket.socket(fileno=os.dup(source))
        self._file = file
        self._offset = offset
        self._arrived = arrived
        try:
            self._out, self._in = os.pipe()
        except OSError:
            self._source.close()
            raise
        self._is_taken_spliced = True
        self._is_spliced = True
        with suppress(OSError):  # above what this user may have: smaller steps
            fcntl.fcntl(self._in, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._ask_for(_AT_ONCE)
        self._loop.add_reader(self._source, self.move)

    def close(self) -> None:
        """Stop; what was told of is in the file."""
        self._loop.remove_reader(self._source)
        self._source.close()
        os.close(self._out)
        os.close(self._in)

    def move(self) -> None:
        """Move what has arrived; ends `over` when that was the last, or why it cannot go on."""
        if self.over.done():
            return
        try:
            taken = self._take_spliced() if self._is_taken_spliced else self._take()
        except BlockingIOError:
            return
        except OSError as error:
            self.over.set_exception(Cut(error.strerror or str(error)))
            return
        try:
            count = self._write(taken) if isinstance(taken, int) else self._copy(taken)
        except OSError as error:
            self.over.set_exception(error)
        else:
            self._count(count)

    def _take_spliced(self) -> int | bytes:
        """Move what has arrived into the pipe; or give it, where the system does not do that."""
        try:
            return os.splice(
                self._source.fileno(),
                self._in,
                min(self.left, _PIPE_BYTES),
                flags=os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE,
            )
        except OSError as error:
            if error.errno not in _UNSPLICED:
                raise
            self._is_taken_spliced = False
            return self._take()

    def _take(self) -> bytes:
        return self._source.recv(min(self.left, _AT_ONCE))

    def _count(self, size: int) -> None:
        if not size:
            self.over.set_exception(Cut("the server sent less than it announced"))
            return
        self.left -= size
        self._arrived(size)
        if not self.left:
            self.over.set_result(None)
        elif self.left < _AT_ONCE:
            self._ask_for(self.left)

    def _ask_for(self, size: int) -> None:
        with suppress(OSError):  # a broken connection says so when it is read
            self._source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, min(size, self.left))

    def _write(self, size: int) -> int:
        """Empty the pipe into the file."""
        left = size
        while left:
            written = self._splice_out(left) if self._is_spliced else 0
            if written:
                self._offset += written
            else:
                # This file system cannot; what is in the pipe must be taken out all the same.
                written = self._copy(os.read(self._out, left))
            left -= written
        return size

    def _copy(self, content: bytes) -> int:
        written = write_at(self._file, content, self._offset)
        self._offset += written
        return written

    def _splice_out(self, size: int) -> int:
        try:
            return os.splice(
                self._out, self._file, size, offset_dst=self._offset, flags=os.SPLICE_F_MOVE
            )
        except OSError as error:
            if error.errno not in _UNSPLICED:
                raise
            self._is_spliced = False
            return 0


def write_at(file: int, content: memoryview | bytes, offset: int) -> int:
    """Write all of `content`; its length."""
    left = memoryview(content)
    while left:
        written = os.pwrite(file, left, offset)
        left, offset = left[written:], offset + written
    return len(content)
