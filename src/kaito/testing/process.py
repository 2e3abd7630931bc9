"""One life of a process that runs controllers: from its first lists to its end, or its death."""

import asyncio
from collections.abc import Iterable
from typing import Any

from kaito.base.clock import Clock
from kaito.kube.client import Client
from kaito.kube.controller.runner import Controller, Loop
from kaito.testing.caches import LaggingCaches
from kaito.testing.server import SimulatedServer


class Killed(BaseException):
    """The process died here. No `except Exception` survives it, as in life."""


class Process:
    """Controllers over caches of their own. Steps are taken by the simulation, one at a time."""

    def __init__(
        self,
        simulated: SimulatedServer,
        controllers: Iterable[Controller[Any]],
        client: Client,
        *,
        clock: Clock,
    ) -> None:
        self.caches = LaggingCaches(simulated)
        self.loops = tuple(Loop(controller, client, clock=clock) for controller in controllers)
        self._timers: list[asyncio.Task[None]] = []
        for loop in self.loops:
            for watch in loop.controller.watches:
                self.caches.subscribe(watch.resource, loop.listener(watch, self.caches))

    async def start(self) -> None:
        """List everything; what is there is queued."""
        await self.caches.open()
        for loop in self.loops:
            timers = loop.queue.run_timers()
            self._timers.append(asyncio.create_task(timers, name=loop.controller.name))
            self._timers.append(asyncio.create_task(loop.recorder.run(), name="events"))

    async def stop(self) -> None:
        """End at once; whatever it was about to do is not done."""
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._timers, return_exceptions=True)

    @property
    def busy(self) -> tuple[Loop, ...]:
        """Loops with a key that waits for a worker."""
        return tuple(loop for loop in self.loops if len(loop.queue))

    async def step(self, loop: Loop) -> None:
        """Reconcile the next key of one loop.

        Raises:
            Killed: a fault ended the process.
        """
        key = await loop.queue.get()
        try:
            await loop.reconcile(self.caches, key)
        finally:
            loop.queue.done(key)

    async def settle(self, *, most: int = 5000) -> int:
        """Deliver everything and reconcile until nothing is left to do now; how many passes."""
        for count in range(most):
            await self.caches.catch_up()
            if not self.busy:
                return count
            await self.step(self.busy[0])
        names = ", ".join(loop.controller.name for loop in self.busy)
        raise AssertionError(f"{names}: still busy after {most} passes")
