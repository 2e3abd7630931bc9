"""The API server: one dispatcher behind a Unix socket, and behind TLS with a bearer token.

Whoever can open the socket (mode 0600) is trusted as the plane itself; over TCP only the token is.
"""

import asyncio
import hmac
import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from aiohttp import web

from kaito.base.clock import Clock
from kaito.base.errors import KaitoError
from kaito.base.logs import facts
from kaito.local.apiserver import errors
from kaito.local.apiserver.admission import Admission, AdmitAll
from kaito.local.apiserver.answers import Answer, failure
from kaito.local.apiserver.bodies import MOST_BYTES, Body
from kaito.local.apiserver.core import Core, Identifiers, RandomIdentifiers
from kaito.local.apiserver.dispatch import Dispatcher
from kaito.local.apiserver.housekeeping import keep_house
from kaito.local.apiserver.incoming import Incoming
from kaito.local.apiserver.kinds import builtin_registry
from kaito.local.apiserver.options import WriteOptions
from kaito.local.apiserver.rest.create import create_object
from kaito.local.apiserver.retirement import retire_definitions
from kaito.local.apiserver.rules.all_rules import builtin_rules
from kaito.local.apiserver.rules.namespaces import INITIAL, initial_namespace
from kaito.local.apiserver.schemas import Schemas
from kaito.local.apiserver.streaming.port import PodStreams
from kaito.local.apiserver.target import Target
from kaito.local.store.port import Change, Scope, Store

logger = logging.getLogger(__name__)

_OPEN_PATHS = frozenset({"/healthz", "/livez", "/readyz", "/version"})
_LONGEST_SOCKET_PATH = 100
"""Bytes; Linux allows a socket's path 108."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsAddress:
    """Where to listen with TLS, and as whom. Port 0 takes a free one."""

    host: str
    port: int
    certificate: Path
    key: Path


class ApiServer:
    """A Kubernetes API over a store."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        token: str,
        admission: Admission | None = None,
        ids: Identifiers | None = None,
    ) -> None:
        registry = builtin_registry()
        ids = ids or RandomIdentifiers(SystemRandom())
        self.core = Core(
            store=store,
            registry=registry,
            schemas=Schemas(),
            clock=clock,
            admission=admission or AdmitAll(),
            rules=builtin_rules(plane=ids.plane),
            ids=ids,
        )
        self._dispatcher = Dispatcher(self.core)
        self._token = token
        self._runners: list[web.AppRunner] = []
        self._chores: list[asyncio.Task[None]] = []

    def attach_pods(self, streams: PodStreams) -> None:
        """Serve logs, exec, attach and port-forward from `streams`; 501 for them until then."""
        # Imported late: an API server without a node agent does not pay for it.
        from kaito.local.apiserver.streaming.routes import StreamingRoutes

        self._dispatcher.streams = StreamingRoutes(streams, clock=self.core.clock)

    async def begin(self) -> None:
        """Load what is stored, and listen nowhere: for who asks with `answer`."""
        await self._begin()

    async def answer(self, incoming: Incoming) -> Answer:
        """Answer a request of this process without HTTP; watches go to the store."""
        return await self._dispatcher.answer(incoming)

    async def start(self, *, unix_socket: Path | None = None, tls: TlsAddress | None = None) -> int:
        """Load what is stored, then listen; the TCP port, or 0 without one."""
        await self._begin()
        if unix_socket:
            await self._listen_on_socket(unix_socket)
        self._chores = [
            asyncio.create_task(keep_house(self.core), name="housekeeping"),
            asyncio.create_task(retire_definitions(self.core), name="retiring definitions"),
        ]
        return await self._listen_with_tls(tls) if tls else 0

    async def stop(self) -> None:
        """End every watch, finish what is being answered, and stop listening."""
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        for watch in tuple(self._dispatcher.open_watches):
            watch.close()
        if self._dispatcher.streams:
            await self._dispatcher.streams.stop()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    def application(self, *, trusted: bool) -> web.Application:
        """An aiohttp application; a trusted one asks for no token."""
        handler: Handler = self._dispatcher.serve if trusted else self._authenticated
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_route("*", "/{path:.*}", handler)
        return app

    async def _begin(self) -> None:
        """Make the registry and the rules agree with what is stored; create what must exist."""
        for resource, rules in self.core.rules.items():
            page = await self.core.store.list(Scope(resource))
            for entry in page.entries:
                rules.stored(self.core, Change("ADDED", entry))
        namespaces = self.core.registry.find("", "v1", "namespaces")
        assert namespaces is not None
        for name in INITIAL:
            target = Target(served=namespaces, version="v1", name=name)
            if await self.core.store.get(target.key) is None:
                body = Body(initial_namespace(name))
                await create_object(self.core, target, body, WriteOptions(manager="kaito"))

    async def _authenticated(self, request: web.Request) -> web.StreamResponse:
        if request.path not in _OPEN_PATHS and not self._is_authorized(request):
            return failure(errors.unauthorized()).to_response()
        return await self._dispatcher.serve(request)

    def _is_authorized(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            token.strip().encode(), self._token.encode()
        )

    async def _listen_on_socket(self, path: Path) -> None:
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            raise KaitoError(
                f"the path of the socket {str(path)!r} is longer than this system allows",
                hint="use a state folder with a shorter path: --state-dir",
            )
        runner = await self._runner(trusted=True)
        await web.SockSite(runner, _bind_private(path)).start()

    async def _listen_with_tls(self, tls: TlsAddress) -> int:
        runner = await self._runner(trusted=False)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(tls.certificate, tls.key)
        site = web.TCPSite(runner, tls.host, tls.port, ssl_context=context, backlog=512)
        try:
            await site.start()
        except OSError as error:
            raise KaitoError(
                f"cannot listen on {tls.host}:{tls.port}: {error.strerror}",
                hint="choose another port with --port",
            ) from error
        port: int = runner.addresses[-1][1]
        logger.info("serving", extra=facts(host=tls.host, port=port))
        return port

    async def _runner(self, *, trusted: bool) -> web.AppRunner:
        runner = web.AppRunner(
            self.application(trusted=trusted), access_log=None, shutdown_timeout=2.0
        )
        await runner.setup()
        self._runners.append(runner)
        return runner


def _bind_private(path: Path) -> socket.socket:
    """A socket that only this user can open, from its first moment on: it asks for no token."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
    finally:
        os.umask(mask)
    return listener
