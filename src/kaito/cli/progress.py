"""One line a stage, with the time gone by and how much longer it may take.

On a terminal the line of the current stage is rewritten in place; elsewhere each stage is one plain
line, printed when it begins.
"""

import shutil
import sys
from typing import IO

from kaito.api.workspace import StartUpStatus
from kaito.base.clock import Clock, format_age
from kaito.cli.stages import ORDER, Estimate, Stage, Standing, estimate, predicted_stages
from kaito.cli.start_text import render_expected, render_taken, render_transfer

_ERASE = "\r\x1b[K"
_TELL_SECONDS = 5.0
"""Between two lines about one download, where lines stay as they are."""


class Lines:
    """Where progress is written."""

    def __init__(self, out: IO[str] | None = None, *, in_place: bool | None = None) -> None:
        self._out = out or sys.stderr
        self.in_place = self._out.isatty() if in_place is None else in_place
        self._is_open = False

    def begin(self, text: str) -> None:
        """Start the line of a stage."""
        self._write(text, end="" if self.in_place else "\n")
        self._is_open = self.in_place

    def refresh(self, text: str) -> None:
        """Rewrite the line that was begun; nothing where lines stay as they are."""
        if self._is_open:
            self._write(text, end="")

    def finish(self, text: str) -> None:
        """Write the last form of the line that was begun; nothing where lines stay."""
        if self._is_open:
            self._write(text, end="\n")
        self._is_open = False

    def leave(self) -> None:
        """End a line that is still open, so that whatever comes next begins its own."""
        if self._is_open:
            print(file=self._out, flush=True)
        self._is_open = False

    def say(self, text: str) -> None:
        """A line of its own; one that was begun goes on below."""
        self._write(text, end="\n", cut=False)

    def _write(self, text: str, *, end: str, cut: bool = True) -> None:
        if self.in_place:
            width = shutil.get_terminal_size().columns - 1
            text = _ERASE + (text[:width] if cut else text)
        print(text, end=end, file=self._out, flush=True)


class Tracker:
    """Turns where a Workspace stands into lines, and measures its stages."""

    def __init__(self, lines: Lines, clock: Clock, typical: dict[str, float]) -> None:
        self.durations: dict[str, float] = {}
        self.standing = Standing(stage=Stage.NODE)
        self._lines = lines
        self._clock = clock
        self._typical = typical
        self._start = self._since = clock.monotonic()
        self._begun: Stage | None = None
        self._was_seen_beginning = True
        self._complaints: set[str] = set()
        self._start_up: StartUpStatus | None = None
        self._told_download = -_TELL_SECONDS
        self._detail = ""

    @property
    def elapsed(self) -> float:
        """Seconds since the wait began."""
        return self._clock.monotonic() - self._start

    def observe(self, standing: Standing, *, advice: str = "") -> None:
        """Take note of where it stands now; `advice` is added when it is failing."""
        self.standing = standing
        if self._begun is not standing.stage:
            self._enter(standing.stage)
        if standing.is_failing and standing.reason not in self._complaints:
            self._complaints.add(standing.reason)
            then = f"; {advice}" if advice else ""
            said = f"{standing.reason}: {standing.message} (still waiting{then})"
            self._lines.say(self._line(said))
        self._tell_download()
        self.refresh()

    def observe_start(self, start: StartUpStatus | None) -> None:
        """Take note of what the status says of the start: what to expect, then how far it is.

        To be told before the standing that was read with it.
        """
        before, self._start_up = self._start_up, start
        if start is None or start.seconds:
            return
        for stage, seconds in predicted_stages(start).items():
            # What was measured here before is the better guess.
            self._typical.setdefault(stage, seconds)
        if (before is None or not before.predicted_seconds) and (said := render_expected(start)):
            self._lines.say(self._line(said))

    def _tell_download(self) -> None:
        transfer = self._start_up.weights if self._start_up else None
        if transfer is None or self._begun is not Stage.WEIGHTS:
            return
        text = render_transfer(transfer)
        if self._lines.in_place:
            self.refresh(detail=text)
        elif self.elapsed - self._told_download >= _TELL_SECONDS:
            self._told_download = self.elapsed
            self._lines.say(self._line(text))

    def refresh(self, *, detail: str | None = None) -> None:
        """Bring the current line up to date; `detail` replaces its message from now on."""
        self._detail = self._detail if detail is None else detail
        if self._begun is not None:
            self._lines.refresh(self._line(self._news()))

    def _enter(self, stage: Stage) -> None:
        before = self._begun
        if before is not None:
            spent = self._clock.monotonic() - self._since
            if self._was_seen_beginning:
                self.durations[before] = spent
            self._lines.finish(self._line(f"done in {format_seconds(spent)}"))
        for passed in self._between(before, stage):
            self._say_passed(passed)
        # Joined in the middle: how long this stage takes in all is not known then.
        self._was_seen_beginning = before is not None or stage is Stage.NODE
        self._begun, self._since, self._detail = stage, self._clock.monotonic(), ""
        if stage is Stage.READY:
            taken = render_taken(self._start_up) if self._start_up else ""
            self._lines.say(self._line("; ".join(filter(None, (self.standing.message, taken)))))
        elif self._lines.in_place or not self.standing.is_failing:
            # Elsewhere the complaint that follows is this stage's line.
            self._lines.begin(self._line(self._news()))

    def _between(self, before: Stage | None, stage: Stage) -> tuple[Stage, ...]:
        if before is None and stage is Stage.READY:
            return ()
        first = 0 if before is None else ORDER.index(before) + 1
        return ORDER[first : ORDER.index(stage)]

    def _say_passed(self, stage: Stage) -> None:
        self._begun = stage
        self._lines.say(self._line("done already"))

    def _news(self) -> str:
        assert self._begun is not None
        spent = self._clock.monotonic() - self._since
        if self.standing.is_failing:
            return self.standing.reason
        message = self._detail or self.standing.message
        eta = "" if self._detail else _to_words(self._estimate(spent))
        # The message comes last: on a narrow terminal it is what may be cut.
        return "; ".join(filter(None, (eta, message)))

    def _estimate(self, spent: float) -> Estimate:
        assert self._begun is not None
        return estimate(self._begun, spent=spent, typical=self._typical)

    def _line(self, text: str) -> str:
        return f"{self._begun or '':<8} {format_seconds(self.elapsed):>6}  {text}".rstrip()


def format_seconds(seconds: float) -> str:
    """A short time with its tenths, a longer one as kubectl prints ages."""
    return f"{seconds:.1f}s" if seconds < 60 else format_age(seconds)


def _to_words(left: Estimate) -> str:
    if left.ready is not None and left.ready >= 1:
        return f"ready in about {format_age(left.ready)}"
    if left.ready is None and left.stage is not None and left.stage >= 1:
        return f"this stage ends in about {format_age(left.stage)}"
    return ""
