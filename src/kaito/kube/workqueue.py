"""The queue between watches and workers.

A key is in the queue at most once and with at most one worker at a time; what arrives while it is
being worked on runs once more afterwards. Delayed and backed-off additions keep the earliest time.
Urgent keys are given out before all others; each lane keeps its order.
"""

import asyncio
import heapq
import itertools
import random
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from kaito.base.backoff import Backoff
from kaito.base.clock import Clock

K = TypeVar("K", bound=Hashable)


class Closed(Exception):
    """The queue gives out no more keys."""


class WorkQueue(Generic[K]):
    """Keys waiting for a worker."""

    def __init__(self, *, clock: Clock, backoff: Backoff | None = None) -> None:
        self._clock = clock
        self._backoff = backoff or Backoff(base=0.05, cap=60.0)
        self._ready: deque[K] = deque()
        self._urgent: deque[K] = deque()
        self._queued: set[K] = set()
        self._active: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._due: dict[K, float] = {}
        self._timers: list[tuple[float, int, K]] = []
        self._order = itertools.count()
        self._wake_timer = asyncio.Event()
        self._arrived = asyncio.Event()
        self._is_closed = False
        self.added = 0
        """Keys that were put in line, since the start."""
        self.retried = 0
        """Keys that came back after a failure, since the start."""

    def __len__(self) -> int:
        """Keys that wait for a worker now; delayed ones do not count."""
        return len(self._ready) + len(self._urgent)

    def add(self, key: K, *, is_urgent: bool = False) -> None:
        """Have the key worked on soon; before all that are not urgent, unless it waits already."""
        self._due.pop(key, None)
        if key in self._active:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            (self._urgent if is_urgent else self._ready).append(key)
            self.added += 1
            self._arrived.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Have the key worked on after a delay, unless it is due earlier already."""
        if seconds <= 0:
            self.add(key)
            return
        due = self._clock.monotonic() + seconds
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._timers, (due, next(self._order), key))
        self._wake_timer.set()

    def add_failed(self, key: K, *, at_least: float = 0.0, sooner: bool = False) -> float:
        """Have the key worked on again after a backoff that grows with its failures; the delay.

        `sooner` takes a tenth of it: for conflicts, whose remedy is on its way already.
        """
        self.retried += 1
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        backoff = self._backoff.delay(failures, random.random) * (0.1 if sooner else 1.0)
        delay = max(backoff, at_least)
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """The key succeeded: its next failure starts the backoff afresh."""
        self._failures.pop(key, None)

    async def get(self) -> K:
        """The next key, which is then this worker's until `done`.

        Raises:
            Closed: there will be none.
        """
        while not len(self) and not self._is_closed:
            self._arrived.clear()
            await self._arrived.wait()
        if self._is_closed:
            raise Closed
        key = (self._urgent or self._ready).popleft()
        self._queued.discard(key)
        self._active.add(key)
        return key

    def done(self, key: K) -> None:
        """The worker is finished with the key."""
        self._active.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def close(self) -> None:
        """Give out no more keys; what workers hold they finish."""
        self._is_closed = True
        self._arrived.set()

    async def run_timers(self) -> None:
        """Move delayed keys into the queue as they fall due, until cancelled."""
        while True:
            while self._timers and self._timers[0][0] <= self._clock.monotonic():
                due, _, key = heapq.heappop(self._timers)
                if self._due.get(key) == due:
                    self.add(key)
            self._wake_timer.clear()
            await self._wait_for_timer()

    async def _wait_for_timer(self) -> None:
        if not self._timers:
            await self._wake_timer.wait()
            return
        delay = self._timers[0][0] - self._clock.monotonic()
        sleeper = asyncio.ensure_future(self._clock.sleep(delay))
        waker = asyncio.ensure_future(self._wake_timer.wait())
        try:
            await asyncio.wait({sleeper, waker}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            waker.cancel()
