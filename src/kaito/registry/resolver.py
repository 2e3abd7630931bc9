"""Resolves host names in a daemon thread.

`getaddrinfo` cannot be interrupted and, without a network, blocks for much longer than anybody
waits; in the event loop's own executor it would then hold up the program's exit.
"""

import asyncio
import socket
import threading

from aiohttp.abc import AbstractResolver, ResolveResult


class DaemonResolver(AbstractResolver):
    """The system's resolver, which nobody has to wait for."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def settle(result: list[ResolveResult] | OSError) -> None:
            if answer.done():
                return
            if isinstance(result, OSError):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        def ask() -> None:
            result = _look_up(host, port, family)
            # The loop may be gone when a slow answer arrives at last: nobody wants it then.
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result)

        threading.Thread(target=ask, daemon=True, name=f"resolve {host}").start()
        return await answer

    async def close(self) -> None:
        """Nothing is held."""


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult] | OSError:
    try:
        found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=int(address[1]),
            family=kind,
            proto=protocol,
            flags=socket.AI_NUMERICHOST,
        )
        for kind, _, protocol, _, address in found
    ]
