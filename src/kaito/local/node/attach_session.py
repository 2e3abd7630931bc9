"""A connection to a container's own process, through its shim; `shim.streams` has the frames."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from socket import socket

from kaito.local.apiserver.streaming.port import Output

_INPUT, _END_OF_INPUT, _RESIZE = 0, 1, 2
_HEADER = 5
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What is known of the container beside the connection to it."""

    exit_code: Callable[[], Awaitable[int]]
    missed: Callable[[], AsyncGenerator[bytes, None]]
    """Everything an interactive container said, if it has ended; else nothing."""


class AttachSession:
    """An attached client. Implements the `Session` of `kaito.local.apiserver.streaming.port`."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        behind: Behind,
        silent: frozenset[int],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._behind = behind
        self._silent = silent

    async def write_stdin(self, data: bytes) -> None:
        """Hand `data` to the container."""
        for start in range(0, len(data), _CHUNK):
            await self._send(_INPUT, data[start : start + _CHUNK])

    async def close_stdin(self) -> None:
        """End of input, for a container that has it."""
        await self._send(_END_OF_INPUT, b"")

    async def output(self) -> AsyncGenerator[Output, None]:
        """Output as it comes, until the container ends or the session is let go."""
        has_said = False
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                header = await self._reader.readexactly(_HEADER)
                data = await self._reader.readexactly(int.from_bytes(header[1:], "big"))
                has_said = True
                if header[0] not in self._silent:
                    yield (2 if header[0] == 2 else 1), data
        if not has_said:
            # It ended before it let us in: `kubectl run -it` still wants to see what it said.
            async for piece in self._behind.missed():
                yield 1, piece

    def resize(self, width: int, height: int) -> None:
        """The client's terminal has this many columns and rows."""
        size = width.to_bytes(2, "big") + height.to_bytes(2, "big")
        self._writer.write(_frame(_RESIZE, size))

    async def wait(self) -> int:
        """The exit code, once the container has ended."""
        return await self._behind.exit_code()

    async def kill(self) -> None:
        """Detach; the container goes on."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _send(self, kind: int, payload: bytes) -> None:
        with suppress(OSError):
            self._writer.write(_frame(kind, payload))
            await self._writer.drain()


async def open_attach(
    connection: socket, behind: Behind, *, silent: frozenset[int]
) -> AttachSession:
    """A session over a connection to a shim."""
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    return AttachSession(reader, writer, behind=behind, silent=silent)


def _frame(kind: int, payload: bytes) -> bytes:
    return bytes((kind,)) + len(payload).to_bytes(4, "big") + payload
