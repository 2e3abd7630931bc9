"""What verbs share that run a process of a cluster until it is told to stop."""

import argparse
import asyncio
import logging
import signal
import socket
import uuid
from collections.abc import Awaitable, Callable

from kaito.app.leading import Standing
from kaito.base.errors import KaitoError, UsageError
from kaito.base.garbage import collect_seldom
from kaito.base.logs import facts, start_logging
from kaito.cli.reporting import first_known


def run_until_told(
    arguments: argparse.Namespace, who: str, main: Callable[[Standing], Awaitable[None]]
) -> int:
    """Log as the flags say and run `main` until a signal ends it; the exit status."""
    collect_seldom()
    start_logging(level=arguments.log_level.upper(), json=arguments.log_format == "json")
    return asyncio.run(_run(who, main))


async def _run(who: str, main: Callable[[Standing], Awaitable[None]]) -> int:
    standing = Standing(identity=f"{socket.gethostname()}_{uuid.uuid4()}", stop=asyncio.Event())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, standing.stop.set)
    # What is wrong before anything runs is reported as of any other verb.
    running = main(standing)
    try:
        await running
    except (KaitoError, ExceptionGroup) as error:
        return _tell_end(who, error)
    return 0


def _tell_end(who: str, error: Exception) -> int:
    """Log why it ended, in the form that everything else is logged in; the status."""
    known = first_known(error)
    hint = known.hint if isinstance(known, KaitoError) else ""
    logging.getLogger(f"kaito.{who}").error("ended", extra=facts(error=known, hint=hint))
    return 2 if isinstance(known, UsageError) else 1
