"""What an operator answers over plain HTTP: /healthz, /readyz and /metrics.

`/healthz` says that the process answers at all; `/readyz` that its caches are filled and nothing
else is missing, whether it leads or stands by: a standby can serve the webhook just as well.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from kaito.app.webhook.options import Address
from kaito.base.errors import KaitoError
from kaito.base.logs import facts

logger = logging.getLogger(__name__)

Missing = Callable[[], tuple[str, ...]]
"""What keeps the process from being ready, one line each."""


class Endpoints:
    """The listeners of one process. Use as an async context manager."""

    def __init__(self, registry: CollectorRegistry, missing: Missing) -> None:
        self._registry = registry
        self._missing = missing
        self._runners: list[web.AppRunner] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for runner in self._runners:
            await runner.cleanup()

    async def listen(self, *, probes: Address | None, metrics: Address | None) -> None:
        """Start listening; nothing is served where the address is None.

        Raises:
            KaitoError: an address cannot be listened on.
        """
        if probes and probes == metrics and probes.port:
            await self._serve("probes and metrics", probes, {**self._probes(), **self._metrics()})
            return
        if probes:
            await self._serve("probes", probes, self._probes())
        if metrics:
            await self._serve("metrics", metrics, self._metrics())

    def _probes(self) -> "_Routes":
        return {"/healthz": self._healthy, "/livez": self._healthy, "/readyz": self._ready}

    def _metrics(self) -> "_Routes":
        return {"/metrics": self._exposed}

    async def _serve(self, what: str, address: Address, routes: "_Routes") -> None:
        app = web.Application()
        for path, answer in routes.items():
            app.router.add_get(path, _to_handler(answer))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._runners.append(runner)
        try:
            await web.TCPSite(runner, address.host or None, address.port).start()
        except OSError as error:
            raise KaitoError(
                f"cannot listen on {address.host}:{address.port} for {what}: {error.strerror}",
                hint="choose another with --health-probe-bind-address or --metrics-bind-address",
            ) from error
        logger.info("serving", extra=facts(what=what, port=runner.addresses[0][1]))

    def _healthy(self) -> web.Response:
        return web.Response(text="ok")

    def _ready(self) -> web.Response:
        missing = self._missing()
        return web.Response(text="\n".join(missing) or "ok", status=503 if missing else 200)

    def _exposed(self) -> web.Response:
        body = generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


_Routes = Mapping[str, Callable[[], web.Response]]


def _to_handler(
    answer: Callable[[], web.Response],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        del request
        return answer()

    return handler
