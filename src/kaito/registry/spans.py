"""Which bytes of something are there: a sorted list of spans, and what is missing between them."""

from bisect import bisect_right


class Spans:
    """Half-open spans [start, end) that do not touch each other, in order."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    @property
    def size(self) -> int:
        """Bytes in all spans."""
        return sum(self._ends) - sum(self._starts)

    def add(self, start: int, end: int) -> None:
        """Take in one more span, which may overlap others."""
        if end <= start:
            return
        first = bisect_right(self._ends, start - 1)
        last = bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def reach(self, start: int) -> int:
        """How far one gets from `start` without a gap."""
        at = bisect_right(self._starts, start) - 1
        return max(self._ends[at], start) if at >= 0 else start

    def gaps(self, size: int, *, longest: int) -> list[tuple[int, int]]:
        """What of [0, size) is missing, in order, in pieces of at most `longest`."""
        found: list[tuple[int, int]] = []
        at = 0
        for start, end in [*zip(self._starts, self._ends, strict=True), (size, size)]:
            while at < min(start, size):
                stop = min(at + longest, start, size)
                found.append((at, stop))
                at = stop
            at = max(at, end)
        return found
