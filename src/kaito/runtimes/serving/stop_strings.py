"""Cuts a text that comes in pieces before the first of the strings that end it. Pure."""

from collections.abc import Sequence


class StopText:
    """Passes a text on as soon as it is sure not to be the start of one of `stops`."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.is_cut = False
        """Whether one of them has come: nothing is passed on any more."""

    def feed(self, piece: str) -> str:
        """What can be passed on now that `piece` has come."""
        if self.is_cut:
            return ""
        text = self._held + piece
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        self.is_cut = bool(found)
        sure = min(found) if found else len(text) - self._longest_start(text)
        self._held = "" if found else text[sure:]
        return text[:sure]

    def finish(self) -> str:
        """What was held back, where the text is over without a stop."""
        held, self._held = self._held, ""
        return held

    def _longest_start(self, text: str) -> int:
        """How much of the end of `text` may be the start of a stop."""
        longest = max(map(len, self._stops), default=0) - 1
        for size in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self._stops):
                return size
        return 0
