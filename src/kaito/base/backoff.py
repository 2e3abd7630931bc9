"""Exponential backoff with full jitter, as values.

The jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/) keeps many
clients of one recovering server from returning in step. The random source is an argument.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that double from `base` to `cap` seconds, each spread over [half, whole]."""

    base: float = 0.2
    cap: float = 30.0

    def delay(self, attempt: int, random: Callable[[], float]) -> float:
        """Seconds before try `attempt` + 1; `attempt` counts failures from 0."""
        whole = min(self.cap, self.base * 2.0 ** min(attempt, 30))
        return whole * (0.5 + 0.5 * random())
