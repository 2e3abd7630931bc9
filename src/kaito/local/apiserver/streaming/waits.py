"""Waiting for the first of several things, leaving no task behind.

Every stream is a contest between doing its work and the client going away; `race` is that contest.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from kaito.base.clock import Clock

T = TypeVar("T")


async def race(main: Coroutine[Any, Any, T], *others: Coroutine[Any, Any, object]) -> T | None:
    """The result of `main`, or None when one of `others` ended first.

    Whoever is still running is cancelled and awaited, also when this call is cancelled. What the
    first one raises is raised; what losers raise on the way out is not.
    """
    first = asyncio.ensure_future(main)
    tasks: list[asyncio.Future[Any]] = [first, *map(asyncio.ensure_future, others)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if first in done:
            return first.result()
        for task in done:
            task.result()
        return None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def is_done_within(clock: Clock, seconds: float, work: Coroutine[Any, Any, object]) -> bool:
    """Whether `work` ended in time; it is cancelled when not."""

    async def marked() -> bool:
        await work
        return True

    return await race(marked(), clock.sleep(seconds)) is True
