"""How far the weights are: on the pod's board, and as lines on standard error every few seconds.

The lines' form is `kaito.api.runtime.Progress`; `kaito status` and the quickstart read it back.
"""

import sys
from typing import IO

from kaito.api.runtime import Progress
from kaito.base.clock import Clock
from kaito.runtimes.reporting import Board

_EVERY = 2.0


class Reporter:
    """Counts bytes and says so. One stage is current at a time."""

    def __init__(
        self, clock: Clock, stream: IO[str] | None = None, *, board: Board | None = None
    ) -> None:
        self._clock = clock
        self._board = board or Board("weights", clock)
        self._stream = stream or sys.stderr
        self._stage = ""
        self._done = self._total = self._before = 0
        self._started = self._said = clock.monotonic()

    @property
    def downloading(self) -> "Transferring":
        """This reporter for a transfer, whose stage is `download`."""
        return Transferring(self, "download")

    @property
    def pushing(self) -> "Transferring":
        """This reporter for a transfer, whose stage is `push`."""
        return Transferring(self, "push")

    def start(self, stage: str, *, total: int = 0, done: int = 0, item: str = "") -> None:
        """Begin a stage of `total` bytes of which `done` were there already."""
        self._stage, self._done, self._total, self._before = stage, done, total, done
        self._started = self._clock.monotonic()
        self._board.start_stage(stage, total=total, done=done, item=item)
        self._say(item)

    def advance(self, size: int, *, item: str = "") -> None:
        """Count `size` more bytes (negative when some must come again)."""
        self._done += size
        self._board.advance(size, item=item)
        if self._clock.monotonic() - self._said >= _EVERY:
            self._say(item)

    def report(self, stage: str, *, item: str = "", eta: int = -1) -> None:
        """Say once, then every few seconds, that a stage without bytes goes on."""
        now = self._clock.monotonic()
        if stage != self._stage:
            self._board.start_stage(stage, item=item)
        if stage != self._stage or now - self._said >= _EVERY:
            self._stage, self._done, self._total = stage, 0, 0
            self._write(Progress(stage=stage, eta=eta, item=item))

    def _say(self, item: str) -> None:
        fetched = self._done - self._before
        elapsed = self._clock.monotonic() - self._started
        eta = -1
        if fetched > 0 and self._total:
            eta = max(round((self._total - self._done) * elapsed / fetched), 0)
        self._write(
            Progress(stage=self._stage, done=self._done, total=self._total, eta=eta, item=item)
        )

    def _write(self, progress: Progress) -> None:
        self._said = self._clock.monotonic()
        self._stream.write(f"{progress.to_line()}\n")
        self._stream.flush()


class Transferring:
    """A reporter as `kaito.registry.progress.Progress`."""

    def __init__(self, reporter: Reporter, stage: str) -> None:
        self._reporter = reporter
        self._stage = stage

    def start(self, *, total: int, done: int) -> None:
        """A transfer of `total` bytes begins, of which `done` were there already."""
        self._reporter.start(self._stage, total=total, done=done)

    def advance(self, size: int, *, item: str = "") -> None:
        """`size` more bytes of `item`."""
        self._reporter.advance(size, item=item)
