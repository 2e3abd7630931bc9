"""Keeps downloads away from this machine, its network and the cloud's metadata.

Names are judged where they are resolved, so that the address that was judged is the address that is
connected to; literal addresses never reach a resolver, so every address of a redirect is judged as
text too. Hosts that the operator lists are let through, but for metadata endpoints.

Behind a proxy (HTTP_PROXY, HTTPS_PROXY) the names of data are the proxy's to resolve, maybe to what
nobody here can see: they are judged as text, and where they lead is for the proxy's rules. What
NO_PROXY lists is asked directly, and resolved and judged here as ever.
"""

import asyncio
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit
from urllib.request import getproxies

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from kaito.api.validation.urls import check_data_url
from kaito.runtimes.tuning.errors import DataRefused

RESOLVE_SECONDS = 10.0


class Guard:
    """Which hosts may be asked."""

    def __init__(self, private_hosts: Sequence[str] = ()) -> None:
        self._private = frozenset(host.lower() for host in private_hosts)

    def check_url(self, url: str) -> None:
        """Refuse an address that must not be asked; at first and at every redirect."""
        problem = check_data_url(url, allow_private=self.is_listed(urlsplit(url).hostname or ""))
        if problem:
            raise DataRefused(f"{without_secrets(url)}: {problem}")

    def check_address(self, host: str, address: str) -> None:
        """Refuse what a name resolves to, by the same rule as if the address had been given."""
        literal = f"[{address}]" if ":" in address else address
        problem = check_data_url(f"http://{literal}/", allow_private=self.is_listed(host))
        if problem:
            raise DataRefused(f"{host} resolves to {address}: {problem}")

    def is_listed(self, host: str) -> bool:
        """Whether the operator lets this host be private."""
        return host.lower() in self._private


class GuardedResolver(AbstractResolver):
    """Resolves names, and gives no address that the guard refuses."""

    def __init__(self, guard: Guard, inner: AbstractResolver | None = None) -> None:
        self._guard = guard
        self._inner = inner or ThreadedResolver()
        # A proxy stands where the operator put it, often on a private address.
        self._proxies = _proxies()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`, all of them judged."""
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await self._inner.resolve(host, port, family)
        if (host, port) not in self._proxies:
            for entry in found:
                self._guard.check_address(host, entry["host"])
        return found

    async def close(self) -> None:
        """Nothing is held."""
        await self._inner.close()


def _proxies() -> frozenset[tuple[str, int]]:
    """Where the proxies listen: another port of the same host is no proxy."""
    set_here = getproxies()
    parts = [urlsplit(set_here[kind]) for kind in ("http", "https") if kind in set_here]
    return frozenset(
        (one.hostname, one.port or (443 if one.scheme == "https" else 80))
        for one in parts
        if one.hostname
    )


def without_secrets(url: str) -> str:
    """The address for messages and records: signed links carry their key in the query."""
    return url.partition("?")[0].partition("#")[0]
