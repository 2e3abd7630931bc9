"""One address of a Service: accepts connections while there are endpoints to pass them to.

Without endpoints the address is bound but not listened on, so a client is refused at once, as
kube-proxy does it, and nobody else can take the address meanwhile.
"""

import asyncio
import errno
import itertools
import logging
import os
import socket
from collections.abc import Callable

from kaito.base.logs import facts
from kaito.local.node.proxy_pipe import PipeEnd, abort
from kaito.local.node.proxy_rules import REMAPPED_BY, Address

logger = logging.getLogger(__name__)

_BACKLOG = 512
_CONNECT_SECONDS = 10.0
_NOT_ALLOWED = (errno.EACCES, errno.EPERM)


class Listener:
    """A bound address and its endpoints."""

    def __init__(self, wanted: Address) -> None:
        """Bind the address, or its substitute where its port is not allowed; `OSError` else."""
        self.wanted = wanted
        self.bound, self._socket = _bind(wanted)
        self._endpoints: tuple[Address, ...] = ()
        self._turn = itertools.count()
        self._server: asyncio.Server | None = None
        self._open: set[PipeEnd] = set()
        self._dials: set[asyncio.Task[None]] = set()

    @property
    def is_remapped(self) -> bool:
        """Whether it could only be bound to another port."""
        return self.bound != self.wanted

    async def route(self, endpoints: tuple[Address, ...]) -> None:
        """Pass new connections to these endpoints, in turn; refuse them when there are none."""
        self._endpoints = endpoints
        if endpoints and self._server is None:
            self._server = await self._listen()
        elif not endpoints and self._server is not None:
            self._server.close()
            self._server = None
            # A socket that has listened cannot stop to: bind a fresh one in its place.
            self.bound, self._socket = _bind(self.wanted)

    def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        self._socket.close()
        for task in self._dials:
            task.cancel()
        for end in tuple(self._open):
            if end.transport is not None:
                abort(end.transport)

    async def _listen(self) -> asyncio.Server | None:
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(self._accept, sock=self._socket, backlog=_BACKLOG)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            # A program that listens on this port of every address answers here by itself.
            logger.info("the address is taken by a wildcard", extra=facts(address=self.bound))
            return None

    def _accept(self) -> asyncio.Protocol:
        end = _ClientEnd(self._begin, self._open.discard)
        self._open.add(end)
        return end

    def _begin(self, client: PipeEnd) -> None:
        task = asyncio.get_running_loop().create_task(self._connect(client))
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)

    async def _connect(self, client: PipeEnd) -> None:
        """Find the client an endpoint that accepts, beginning with the one whose turn it is."""
        endpoints = self._endpoints
        first = next(self._turn)
        for step in range(len(endpoints)):
            chosen = endpoints[(first + step) % len(endpoints)]
            if await self._dial(client, chosen):
                return
        if client.transport is not None:
            abort(client.transport)

    async def _dial(self, client: PipeEnd, endpoint: Address) -> bool:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, end = await loop.create_connection(PipeEnd, endpoint.host, endpoint.port)
        except (OSError, TimeoutError) as error:
            logger.debug("endpoint refused", extra=facts(endpoint=endpoint, error=error))
            return False
        assert client.transport is not None, "a client is connected before it is passed on"
        assert end.transport is not None, "create_connection returns a connected protocol"
        if client.transport.is_closing():
            end.transport.close()
            return True
        client.join(end)
        client.transport.resume_reading()
        return True


class _ClientEnd(PipeEnd):
    """The side of the client: not read until it has an endpoint to send to."""

    def __init__(self, begin: Callable[[PipeEnd], None], end: Callable[[PipeEnd], None]) -> None:
        super().__init__()
        self._begin = begin
        self._end = end

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hold the client and look for an endpoint."""
        super().connection_made(transport)
        assert self.transport is not None, "set by the call above"
        self.transport.pause_reading()
        self._begin(self)

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone."""
        super().connection_lost(error)
        self._end(self)


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
    os.set_inheritable(fresh.fileno(), False)
    return fresh
