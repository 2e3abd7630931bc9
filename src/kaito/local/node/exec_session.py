"""One command that runs beside a container's own process, with its streams in our hands.

Reading is by pull: who does not read stops the command from writing. Implements the `Session` of
`kaito.local.apiserver.streaming.port`; what is run, and where, is `commands`' business.
"""

import asyncio
import fcntl
import os
import signal
import struct
import termios
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from kaito.local.apiserver.streaming.port import Output
from kaito.local.node import procfs
from kaito.local.node.spawn import Child, kill_session, wait_exit, wait_readable, wait_writable

_CHUNK = 1 << 16
_END_OF_FILE = b"\x04"
"""What ends the input of a terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Our ends of a command's streams. Of a terminal, input and output are the same descriptor."""

    stdin: int = -1
    outputs: Mapping[int, Literal[1, 2]]
    """Descriptors, and whether each is stdout or stderr."""
    is_terminal: bool = False
    silent: frozenset[int] = frozenset()
    """Streams that are read, so that the command goes on, but given to nobody."""


class ExecSession:
    """A running command."""

    def __init__(
        self, child: Child, streams: "Streams", *, ends_with: Callable[[], Coroutine[Any, Any, Any]]
    ) -> None:
        """The command ends at the latest when `ends_with` does. The session owns the streams."""
        stdin, outputs = streams.stdin, streams.outputs
        self._child = child
        self._stdin = stdin
        self._outputs = dict(outputs)
        self._tty = streams.is_terminal
        self._silent = streams.silent
        self._owned = {fd for fd in (stdin, *outputs) if fd >= 0}
        for fd in self._owned:
            os.set_blocking(fd, False)
        # Shared by `wait`, `output` and `kill`, whichever comes first.
        self._end = asyncio.ensure_future(wait_exit(child))
        self._guard = asyncio.ensure_future(self._end_with(ends_with))

    async def write_stdin(self, data: bytes) -> None:
        """Hand `data` to the command; dropped when it no longer reads."""
        while data and self._stdin >= 0 and not self._end.done():
            try:
                data = data[os.write(self._stdin, data[:_CHUNK]) :]
            except BlockingIOError:
                await self._until_writable()
            except OSError:
                return

    async def close_stdin(self) -> None:
        """End of input."""
        if self._stdin < 0:
            return
        if self._tty:
            await self.write_stdin(_END_OF_FILE)
            return
        self._release(self._stdin)
        self._stdin = -1

    async def output(self) -> AsyncGenerator[Output, None]:
        """Output as it comes, to the end of the command and of what its pipes still hold."""
        while self._outputs:
            ready = await self._until_readable()
            is_last = self._end.done()
            for fd in list(self._outputs) if is_last else ready:
                stream = self._outputs[fd]
                while data := self._read(fd):
                    if stream not in self._silent:
                        yield stream, data
                    if not is_last:
                        break
            if is_last:
                # Others may hold the pipes open; what they write later is nobody's.
                return

    def resize(self, width: int, height: int) -> None:
        """The client's terminal has this many columns and rows."""
        if self._tty and self._stdin in self._owned:
            fcntl.ioctl(self._stdin, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    async def wait(self) -> int:
        """The exit code, once the command has ended."""
        return await asyncio.shield(self._end)

    async def kill(self) -> None:
        """End the command and everything it started, and free the descriptors."""
        self._guard.cancel()
        self._kill_processes()
        await asyncio.shield(self._end)
        await asyncio.gather(self._guard, return_exceptions=True)
        for fd in list(self._owned):
            self._release(fd)
        self._stdin = -1
        self._outputs.clear()

    async def _end_with(self, event: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        await event()
        self._kill_processes()

    def _kill_processes(self) -> None:
        if self._end.done():
            return
        for pid in procfs.descendants(self._child.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        kill_session(self._child.pid, signal.SIGKILL)

    async def _until_readable(self) -> frozenset[int]:
        waiting = asyncio.ensure_future(wait_readable(*self._outputs))
        try:
            await asyncio.wait({waiting, self._end}, return_when=asyncio.FIRST_COMPLETED)
            return waiting.result() if waiting.done() else frozenset()
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    async def _until_writable(self) -> None:
        waiting = asyncio.ensure_future(wait_writable(self._stdin))
        try:
            await asyncio.wait({waiting, self._end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    def _read(self, fd: int) -> bytes:
        """A piece of output; empty when there is none now, or the stream has ended."""
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""  # a terminal whose other side has closed reads as EIO
        if not data:
            self._outputs.pop(fd, None)
        return data

    def _release(self, fd: int) -> None:
        self._owned.discard(fd)
        os.close(fd)
