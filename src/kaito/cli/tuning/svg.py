"""Charts as inline SVG: lines over steps, and bars of a histogram. Pure.

Colours come from the page's own custom properties, so that both follow its light and dark.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate

from kaito.api.tuning_record import Bucket

_WIDTH, _HEIGHT, _LOW = 720, 260, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 14, 34
_TICKS = 4
_LEAST_BARS = 8

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is drawn as one line; of a single point, a dot."""

    name: str
    points: Sequence[Point]
    style: str
    """The class of its elements: the style sheet has its colour."""


def moving_mean(points: Sequence[Point], *, width: int) -> list[Point]:
    """Each value as the mean of `width` around it; of fewer towards the ends."""
    sums = [0.0, *accumulate(y for _, y in points)]
    found: list[Point] = []
    for index, (x, _) in enumerate(points):
        reach = min(width // 2, index, len(points) - 1 - index)
        first, after = index - reach, index + reach + 1
        found.append((x, (sums[after] - sums[first]) / (after - first)))
    return found


def line_chart(lines: Sequence[Line], *, title: str) -> str:
    """All lines over one axis; empty for fewer than two points."""
    points = [point for line in lines for point in line.points]
    if len(points) < 2:
        return ""
    low, high = _nice(min(y for _, y in points), max(y for _, y in points))
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    place = _Scale((first, last), (low, high))
    parts = [_grid(place, low, high), _axis(place, first, last)]
    for line in lines:
        path = " ".join(f"{place.x(x):.1f},{place.y(y):.1f}" for x, y in line.points)
        if len(line.points) > 1:
            label = f"<title>{escape(line.name)}</title>"
            parts.append(f'<polyline class="{line.style}" points="{path}">{label}</polyline>')
        parts += _marks(place, line) if len(line.points) <= _TICKS * 5 else []
    return _figure(parts, title)


def bar_chart(buckets: Sequence[Bucket], *, title: str) -> str:
    """Samples by their number of tokens."""
    if not buckets:
        return ""
    most = max(bucket.count for bucket in buckets) or 1
    # A few bars keep the width of bars: one alone would fill the page.
    place = _Scale((0, max(len(buckets), _LEAST_BARS)), (0, most), height=_LOW)
    width = (place.x(1) - place.x(0)) * 0.86
    parts = []
    every = max(len(buckets) // 12, 1)
    many = len(buckets) > _LEAST_BARS
    for number, bucket in enumerate(buckets):
        x, y = place.x(number + 0.07), place.y(bucket.count)
        height = place.y(0) - y
        tip = f"<title>{bucket.count} samples of up to {bucket.upto} tokens</title>"
        parts.append(
            f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" rx="2">{tip}</rect>'
        )
        middle = x + width / 2
        if bucket.count:
            parts.append(_text(middle, y - 4, f"{bucket.count:,}", "middle", is_spare=many))
        if number % every == 0:
            spare = many and number % (2 * every) != 0
            parts.append(_text(middle, _LOW - 14, f"{bucket.upto:,}", "middle", is_spare=spare))
    base = place.y(0)
    parts.append(
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>'
    )
    return _figure(parts, title, _LOW)


class _Scale:
    """From values to the drawing's units; its y axis points down."""

    def __init__(self, across: Point, up: Point, *, height: int = _HEIGHT) -> None:
        self._x0, self._x1 = across
        self._y0, self._y1 = up
        self._height = height

    def x(self, value: float) -> float:
        """Where a value stands from left to right."""
        share = (value - self._x0) / ((self._x1 - self._x0) or 1)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """Where a value stands from the top."""
        share = (value - self._y0) / ((self._y1 - self._y0) or 1)
        return self._height - _BOTTOM - share * (self._height - _TOP - _BOTTOM)


def _nice(low: float, high: float) -> Point:
    """Round bounds around all values."""
    span = (high - low) or abs(high) or 1.0
    step = 10 ** math.floor(math.log10(span / _TICKS))
    step = next(step * times for times in (1, 2, 5, 10) if step * times * _TICKS >= span)
    return math.floor(low / step) * step, math.ceil(high / step) * step


def _grid(place: _Scale, low: float, high: float) -> str:
    lines = []
    for tick in range(_TICKS + 1):
        value = low + (high - low) * tick / _TICKS
        y = place.y(value)
        lines.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        lines.append(_text(_LEFT - 8, y + 4, f"{value:.3g}", "end"))
    return "".join(lines)


def _axis(place: _Scale, first: float, last: float) -> str:
    steps = sorted({round(first + (last - first) * tick / _TICKS) for tick in range(_TICKS + 1)})
    return "".join(
        _text(place.x(step), _HEIGHT - 14, f"{step:,}", "middle", is_spare=bool(index % 2))
        for index, step in enumerate(steps)
    )


def _marks(place: _Scale, line: Line) -> list[str]:
    return [
        f'<circle class="{line.style}" cx="{place.x(x):.1f}" cy="{place.y(y):.1f}" r="3.5">'
        f"<title>{escape(line.name)}, step {x:g}: {y:.4f}</title></circle>"
        for x, y in line.points
    ]


def _text(x: float, y: float, text: str, anchor: str, *, is_spare: bool = False) -> str:
    """A label; `spare` ones are left out where there is little room."""
    spare = ' class="spare"' if is_spare else ""
    return f'<text{spare} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _figure(parts: Sequence[str], title: str, height: int = _HEIGHT) -> str:
    body = "".join(parts)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">{body}</svg>'
    )
