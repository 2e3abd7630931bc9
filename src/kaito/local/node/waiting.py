"""Bounded waiting on the injected clock."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from kaito.base.clock import Clock


async def ends_within(clock: Clock, seconds: float, work: Coroutine[Any, Any, Any]) -> bool:
    """Run `work` for at most `seconds` of the clock's time; whether it came to its end.

    What it raises is raised here; what is not done by then is cancelled.
    """
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            return False
        task.result()
        return True
    finally:
        timer.cancel()
        task.cancel()
        await asyncio.gather(task, timer, return_exceptions=True)
