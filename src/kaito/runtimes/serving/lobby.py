"""Answers on the server's port from the first second on, until the engine's application takes over.

Importing an engine and loading a model hold up this process' event loop for most of a minute, so
the lobby has a loop of its own in a thread. It shares the listening socket with the server that
follows: what it has not accepted waits in the socket's queue, so no connection is lost between.
"""

import asyncio
import os
import socket
import threading
from contextlib import closing
from typing import Final

import msgspec

from kaito.api.report import REPORT_PATH
from kaito.api.runtime import HEALTH_PATH, METRICS_PATH, READY_PATH, ExitCode
from kaito.runtimes.ending import Ending
from kaito.runtimes.reporting import Board
from kaito.runtimes.serving.refusal import Refusal
from kaito.runtimes.serving.server_metrics import ServerMetrics

_BACKLOG: Final = 2048
_HEAD_BYTES: Final = 1 << 16
_READ_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 5
_END_SECONDS: Final = 5.0


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket, of every address where `host` is empty. Raises `Ending`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        where = f"{host or 'every address'}, port {port}"
        said = os.strerror(error.errno or 0)
        raise Ending(
            f"cannot listen on {where}: {said}", ExitCode.SOFTWARE, hint="end what listens there"
        ) from error
    sock.listen(_BACKLOG)
    sock.setblocking(False)
    return sock


class Lobby:
    """The early answers; `close` it before the socket is served by another."""

    def __init__(
        self, sock: socket.socket, board: Board, metrics: ServerMetrics | None = None
    ) -> None:
        # Closing a copy of the descriptor leaves the socket listening.
        self._sock = sock.dup()
        self._board = board
        self._metrics = metrics
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._closed = threading.Event()
        self._busy: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True, name="lobby")

    def open(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Accept nothing more. What was accepted is still answered, beside what follows."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._closed.wait(_END_SECONDS)

    def _run(self) -> None:
        with closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        # Not asyncio's own server: a connection that it has accepted when it is closed is dropped.
        self._loop.add_reader(self._sock, self._accept)
        await self._closing.wait()
        self._loop.remove_reader(self._sock)
        self._sock.close()
        self._closed.set()
        if self._busy:
            await asyncio.wait(self._busy, timeout=_END_SECONDS)

    def _accept(self) -> None:
        try:
            connection, _ = self._sock.accept()
        except OSError:
            return  # it has gone again
        connection.setblocking(False)
        task = self._loop.create_task(self._converse(connection))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _converse(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection, limit=_HEAD_BYTES)
        try:
            await self._answer(reader, writer)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(respond(head, self._board, self._metrics))
                await writer.drain()
                # A client that is still sending must not be reset before it has read the answer.
                writer.write_eof()
                while await reader.read(_HEAD_BYTES):
                    pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            return  # whoever asked hung up, or is no HTTP client


def respond(head: bytes, board: Board, metrics: ServerMetrics | None = None) -> bytes:
    """The response to a request's head while the model loads; what is refused is counted."""
    path = head.partition(b"\r\n")[0].split(b" ")[1:2]
    name = path[0].partition(b"?")[0].decode(errors="replace") if path else ""
    if name == REPORT_PATH:
        return _response(200, msgspec.json.encode(board.report))
    if name == HEALTH_PATH:
        return _response(200, b"")
    if name == METRICS_PATH and metrics is not None:
        return _response(200, metrics.to_text(), kind="text/plain; version=0.0.4; charset=utf-8")
    if name == READY_PATH:
        reason = f"the model is on its way: {_stage(board)}"
        return _response(503, msgspec.json.encode({"ready": False, "reason": reason}))
    refusal = Refusal(
        status=503,
        reason="loading",
        message=f"the model is not loaded yet: {_stage(board)}; try again",
        type="server_error",
        code="model_loading",
        retry_after=_RETRY_SECONDS,
    )
    if metrics is not None:
        metrics.count_arrival()
        metrics.count_refusal(refusal)
    extra = "".join(f"{name.decode()}: {value.decode()}\r\n" for name, value in refusal.headers)
    return _response(503, refusal.content, extra=extra)


def _stage(board: Board) -> str:
    stages = board.report.stages
    return f"{stages[-1].name} for {stages[-1].seconds:.0f} s" if stages else "starting"


def _response(
    status: int, body: bytes, *, kind: str = "application/json", extra: str = ""
) -> bytes:
    phrase = "OK" if status == 200 else "Service Unavailable"
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"{extra}Connection: close\r\n\r\n"
    )
    return head.encode() + body
