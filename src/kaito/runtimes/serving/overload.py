"""When to send requests away, and when they may come back: from what was measured.

As KAITO does, requests are refused once more wait than run at once (spec section 4.1). What waits
is the larger of two counts: the engine's own queue, and the requests beyond those that fit into one
batch; the second is exact at once, the first also sees what one request with many prompts adds.

A refused client is told the second at which its place is likely free: places go one after another
to those who were told before, so that they do not all come back together.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from kaito.base.clock import Clock

_HALF_LIFE = 10.0
"""Seconds after which a completion counts half in the rate."""
_MOST_SECONDS = 120
_LOOK_SECONDS = 0.1
"""How old the engine's own count may be: reading it costs more than all else that the gate does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What the engine takes."""

    running: int
    """Requests that run at once; 0: not known."""
    waiting: int
    """Requests that may wait beyond them; -1: no limit."""


class Overload:
    """Counts what is in flight."""

    def __init__(
        self, capacity: Capacity, clock: Clock, engine_waiting: Callable[[], int] = lambda: 0
    ) -> None:
        self.capacity = capacity
        self.in_flight = 0
        self._clock = clock
        self._engine_waiting = engine_waiting
        self._engine_said = 0
        self._next_look = clock.monotonic()
        self._rate = _Rate()
        self._idle_seconds = 0.0
        self._idle_since: float | None = clock.monotonic()
        self._promised = 0.0
        """The moment at which the last refused client may come back."""

    @property
    def waiting(self) -> int:
        """Requests that wait for the engine."""
        beyond = self.in_flight - self.capacity.running if self.capacity.running else 0
        now = self._clock.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            self._engine_said = self._engine_waiting()
        return max(beyond, self._engine_said, 0)

    def decide_retry(self) -> int:
        """0 where one more request may come in, else in how many seconds to try again."""
        limit = self.capacity.waiting
        if limit < 0:
            return 0
        waiting = self.waiting
        if waiting <= limit:
            return 0
        now, rate = self._clock.monotonic(), self._rate.per_second(self._busy_time())
        if not rate:
            return _MOST_SECONDS // 4
        free = now + (waiting - limit) / rate
        self._promised = min(max(free, self._promised + 1 / rate), now + _MOST_SECONDS)
        return max(math.ceil(self._promised - now), 1)

    def enter(self) -> None:
        """A request goes to the engine."""
        self.in_flight += 1
        if self._idle_since is not None:
            self._idle_seconds += self._clock.monotonic() - self._idle_since
            self._idle_since = None

    def leave(self) -> None:
        """It has ended, well or not: its place is free."""
        self._rate.count(self._busy_time())
        self.in_flight -= 1
        if not self.in_flight:
            self._idle_since = self._clock.monotonic()

    def _busy_time(self) -> float:
        """A clock that stands still while the engine has nothing to do."""
        now = self._clock.monotonic() if self._idle_since is None else self._idle_since
        return now - self._idle_seconds


class _Rate:
    """Events a second, the recent ones counting most."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._last = 0.0
        self._weight = 0.0

    def count(self, now: float) -> None:
        if self._first is None:
            self._first = now
        self._weight = self._decayed(now) + 1.0
        self._last = now

    def per_second(self, now: float) -> float:
        if self._first is None:
            return 0.0
        # The weights of a steady stream since the first event add up to rate times this span.
        span = (1 - math.pow(0.5, (now - self._first) / _HALF_LIFE)) * _HALF_LIFE / math.log(2)
        return self._decayed(now) / max(span, 1.0)

    def _decayed(self, now: float) -> float:
        return self._weight * math.pow(0.5, (now - self._last) / _HALF_LIFE)
