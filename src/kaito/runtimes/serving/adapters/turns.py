"""One model, several adapters, one in effect at a time: requests take turns by adapter.

transformers computes a batch with one set of weights. Requests for what is in effect run together;
one for something else waits until those have ended, and whoever comes after it waits behind it, so
that nobody waits for ever.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    name: str
    admitted: asyncio.Future[None]


class Turns:
    """`switch` puts a name into effect; it is called when nobody runs."""

    def __init__(self, switch: Callable[[str], None], first: str = "") -> None:
        self._switch = switch
        self._current = first
        self._running = 0
        self._waiting: deque[_Waiter] = deque()

    def is_used(self, name: str) -> bool:
        """Whether somebody runs with `name`, or waits for it."""
        is_running = self._running > 0 and self._current == name
        return is_running or any(
            waiter.name == name and not waiter.admitted.done() for waiter in self._waiting
        )

    @property
    def _has_waiters(self) -> bool:
        return any(not waiter.admitted.done() for waiter in self._waiting)

    @asynccontextmanager
    async def take(self, name: str) -> AsyncIterator[None]:
        """Run the block while `name` is in effect."""
        if self._running and (self._current != name or self._has_waiters):
            await self._queue(name)
        else:
            self._admit(name)
        try:
            yield
        finally:
            self._leave()

    async def _queue(self, name: str) -> None:
        waiter = _Waiter(name, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        try:
            await waiter.admitted
        except asyncio.CancelledError:
            if not waiter.admitted.cancelled():
                # Admitted and cancelled at once: the turn is given back.
                self._leave()
            raise

    def _admit(self, name: str) -> None:
        if name != self._current:
            self._switch(name)
            self._current = name
        self._running += 1

    def _leave(self) -> None:
        self._running -= 1
        # A future is cancelled before its task gets to say so.
        self._waiting = deque(waiter for waiter in self._waiting if not waiter.admitted.done())
        if self._running or not self._waiting:
            return
        name = self._waiting[0].name
        chosen = [waiter for waiter in self._waiting if waiter.name == name]
        self._waiting = deque(waiter for waiter in self._waiting if waiter.name != name)
        for waiter in chosen:
            self._admit(name)
            waiter.admitted.set_result(None)
