"""One address of a Service: accepts connections while there are endpoints to pass them to.

Without endpoints the address is bound but not listened on, so a client is refused at once, as
kube-proxy does it. Connections are accepted here and not by an asyncio server, which may forget
one that comes in while it is being closed.
"""

import asyncio
import errno
import itertools
import logging
import socket

from kaito.base.logs import facts
from kaito.local.node.proxy_pipe import PipeEnd, abort
from kaito.local.node.proxy_rules import REMAPPED_BY, Address

logger = logging.getLogger(__name__)

_BACKLOG = 512
_CONNECT_SECONDS = 10.0
_RETRY_SECONDS = 0.1
"""Before accepting again when this process has no descriptor left for another connection."""
_NOT_ALLOWED = (errno.EACCES, errno.EPERM)


class Listener:
    """A bound address and its endpoints."""

    def __init__(self, wanted: Address) -> None:
        """Bind the address, or its substitute where its port is not allowed; `OSError` else."""
        self.wanted = wanted
        self.bound, self._socket = _bind(wanted)
        self._endpoints: tuple[Address, ...] = ()
        self._turn = itertools.count()
        self._is_listening = False
        self._clients: set[_ClientEnd] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_remapped(self) -> bool:
        """Whether it could only be bound to another port."""
        return self.bound != self.wanted

    def route(self, endpoints: tuple[Address, ...]) -> None:
        """Pass new connections to these endpoints, in turn; refuse them when there are none."""
        self._endpoints = endpoints
        if endpoints and not self._is_listening:
            self._listen()
        elif not endpoints and self._is_listening:
            self._close_socket()
            # A socket that has listened cannot stop to: bind a fresh one in its place.
            self.bound, self._socket = _bind(self.wanted)

    def close(self) -> None:
        """Stop listening and cut every connection."""
        self._close_socket()
        for task in self._tasks:
            task.cancel()
        for client in tuple(self._clients):
            client.cut()

    def _listen(self) -> None:
        try:
            self._socket.listen(_BACKLOG)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            # A program that listens on this port of every address answers here by itself.
            logger.info("the address is taken by a wildcard", extra=facts(address=self.bound))
            return
        self._is_listening = True
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _close_socket(self) -> None:
        if self._is_listening:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._is_listening = False
        self._socket.close()

    def _accept(self) -> None:
        for _ in range(_BACKLOG):
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                logger.warning("cannot accept", extra=facts(address=self.bound, error=error))
                self._pause()
                return
            self._begin(connection)

    def _begin(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        client = _ClientEnd(self._clients)
        task = asyncio.get_running_loop().create_task(self._serve(client, connection))
        self._tasks.add(task)

        def finish(_: object) -> None:
            self._tasks.discard(task)
            if client.transport is None:
                # Cancelled before asyncio took the connection over.
                connection.close()

        task.add_done_callback(finish)

    def _pause(self) -> None:
        loop = asyncio.get_running_loop()
        listening = self._socket
        loop.remove_reader(listening)

        def resume() -> None:
            if self._is_listening and self._socket is listening:
                loop.add_reader(listening, self._accept)

        loop.call_later(_RETRY_SECONDS, resume)

    async def _serve(self, client: "_ClientEnd", connection: socket.socket) -> None:
        """Find the client an endpoint that accepts, beginning with the one whose turn it is."""
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: client, connection)
        except OSError:
            return
        endpoints, first = self._endpoints, next(self._turn)
        for step in range(len(endpoints)):
            if await _dial(client, endpoints[(first + step) % len(endpoints)]):
                return
        client.cut()


class _ClientEnd(PipeEnd):
    """The side of the client: not read until it has an endpoint to send to."""

    def __init__(self, known: "set[_ClientEnd]") -> None:
        super().__init__()
        self._known = known

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hold the client."""
        super().connection_made(transport)
        self._known.add(self)
        if self.transport is not None:
            self.transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone."""
        super().connection_lost(error)
        self._known.discard(self)

    def cut(self) -> None:
        """End the connection with a reset."""
        if self.transport is not None:
            abort(self.transport)


async def _dial(client: _ClientEnd, endpoint: Address) -> bool:
    """Join the client to an endpoint; False when that one does not accept."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, end = await loop.create_connection(PipeEnd, endpoint.host, endpoint.port)
    except (OSError, TimeoutError) as error:
        logger.debug("endpoint refused", extra=facts(endpoint=endpoint, error=error))
        return False
    if client.transport is None or client.transport.is_closing():
        if end.transport is not None:
            end.transport.abort()
        return True
    client.join(end)
    client.transport.resume_reading()
    return True


def _bind(wanted: Address) -> tuple[Address, socket.socket]:
    try:
        return wanted, _bound(wanted)
    except OSError as error:
        if error.errno not in _NOT_ALLOWED:
            raise
    substitute = Address(wanted.host, wanted.port + REMAPPED_BY)
    return substitute, _bound(substitute)


def _bound(address: Address) -> socket.socket:
    fresh = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        fresh.setblocking(False)
        fresh.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        fresh.bind((address.host, address.port))
    except OSError:
        fresh.close()
        raise
    return fresh
