"""Serves a gate over HTTP until told to stop or until the engine dies. One for both engines.

uvicorn does the work. The signals are ours: its own handling would close the listening socket at
once, where clients that do not know yet would be refused.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final

from kaito.api.runtime import GRACE_SECONDS, ExitCode
from kaito.base.clock import Clock
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.gate import Gate
from kaito.runtimes.serving.head_guard import guard_heads

logger = logging.getLogger(__name__)

DRAIN_SECONDS: Final = GRACE_SECONDS - 20.0
"""For what runs; the rest of the grace is for the engine to end."""
_CLOSE_SECONDS: Final = 2
"""For connections that are still open when everything has been answered, or cut off."""
_LOOK_SECONDS: Final = 1.0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


async def serve_http(
    server: Any, gate: Gate, sock: socket.socket, clock: Clock, *, is_dead: Callable[[], bool]
) -> None:
    """Serve until a signal has come and what ran has ended. Raises `Ending` when the engine dies.

    `server` is from `make_server`; `is_dead` is asked every second.
    """
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, told.set)
    serving = asyncio.ensure_future(server.serve(sockets=[sock]))
    telling = asyncio.ensure_future(told.wait())
    watching = asyncio.ensure_future(_wait_for_death(is_dead, clock))
    try:
        await asyncio.wait({serving, telling, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not telling.done():
            raise Ending("the engine died", ExitCode.SOFTWARE)
        watching.cancel()
        await gate.draining.drain(lambda: gate.overload.in_flight, seconds=DRAIN_SECONDS)
    finally:
        server.should_exit = True
        for task in (telling, watching):
            task.cancel()
        await serving


def make_server(gate: Gate, settings: Mapping[str, Any]) -> Any:
    """The server for `gate`, without signal handlers of its own; `settings` are uvicorn's."""
    import uvicorn

    own = {"timeout_graceful_shutdown": _CLOSE_SECONDS, "http": guard_heads()}
    server: Any = uvicorn.Server(uvicorn.Config(gate, **{**own, **settings}))
    server.capture_signals = contextlib.nullcontext
    return server


async def _wait_for_death(is_dead: Callable[[], bool], clock: Clock) -> None:
    while not is_dead():
        await clock.sleep(_LOOK_SECONDS)
