"""A bar for a transfer of bytes: how much of how much, how fast, and how long it may still take."""

import sys
from typing import IO

from kaito.base.clock import Clock, format_age
from kaito.base.quantity import MIB, format_gib
from kaito.cli.progress import Lines

_EVERY = 0.2
_WIDTH = 16


class Bar:
    """`kaito.registry.progress.Progress` on a terminal; elsewhere one line a transfer."""

    def __init__(self, verb: str, clock: Clock, out: IO[str] | None = None) -> None:
        self._verb = verb
        self._clock = clock
        self._lines = Lines(out or sys.stderr)
        self._total = self._done = self._before = 0
        self._since = self._said = clock.monotonic()

    def start(self, *, total: int, done: int) -> None:
        """A transfer of `total` bytes begins, of which `done` were there already."""
        self._lines.leave()
        self._total, self._done, self._before = total, done, done
        self._since = self._clock.monotonic()
        there = f" ({format_gib(done)} are there already)" if done else ""
        self._lines.begin(f"{self._verb} {format_gib(total)}{there}")

    def advance(self, size: int, *, item: str = "") -> None:
        """`size` more bytes of `item`; negative when some must come again."""
        self._done += size
        now = self._clock.monotonic()
        if now - self._said >= _EVERY:
            self._said = now
            self._lines.refresh(f"{self._text()}  {item}")

    def finish(self) -> None:
        """The transfer is over."""
        spent = self._clock.monotonic() - self._since
        self._lines.finish(f"{self._verb} {format_gib(self._total)} in {format_age(spent)}")
        self._lines.leave()

    def _text(self) -> str:
        share = min(self._done / self._total, 1.0) if self._total else 1.0
        filled = round(share * _WIDTH)
        spent = self._clock.monotonic() - self._since
        speed = (self._done - self._before) / spent if spent > 0 else 0.0
        left = f", {format_age((self._total - self._done) / speed)} left" if speed > 0 else ""
        bar = "#" * filled + "." * (_WIDTH - filled)
        sizes = f"{format_gib(self._done)} of {format_gib(self._total)}"
        return f"{self._verb} [{bar}] {share:4.0%} {sizes}, {speed / MIB:.0f} MiB/s{left}"
