"""A loss curve in a terminal, drawn with braille dots: two columns and four rows a character. Pure.

https://www.unicode.org/charts/PDF/U2800.pdf; without Unicode a star a column has to do.
"""

from collections.abc import Sequence

from kaito.api.report import LossPoint

_BLANK = 0x2800
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of one character, by column and row from the top."""


def draw_curve(
    points: Sequence[LossPoint], *, width: int, height: int = 8, unicode: bool = True
) -> tuple[str, ...]:
    """Lines with the axis to the left and the steps below; nothing for fewer than two points."""
    if len(points) < 2 or width < 24:
        return ()
    losses = [point.loss for point in points]
    low, high = min(losses), max(losses)
    margin = max(len(f"{high:.3f}"), len(f"{low:.3f}"))
    columns = width - margin - 2
    across, down = (2, 4) if unicode else (1, 1)
    heights = _sampled(points, columns * across)
    rows = height * down
    # Divided first: of two losses that differ by next to nothing, the inverse is infinite.
    span = (high - low) or 1.0
    at = [round((high - loss) / span * (rows - 1)) for loss in heights]
    body = _braille(at, columns, height) if unicode else _stars(at, height)
    labels = {0: f"{high:.3f}", height - 1: f"{low:.3f}"}
    bar = "│" if unicode else "|"
    lines = [f"{labels.get(row, ''):>{margin}} {bar}{text}" for row, text in enumerate(body)]
    axis = _axis(points, margin, columns, "└" if unicode else "+")
    return (*(line.rstrip() for line in lines), axis)


def _axis(points: Sequence[LossPoint], margin: int, columns: int, corner: str) -> str:
    first, last = str(points[0].step), str(points[-1].step)
    gap = max(columns - len(first) - len(last), 6)
    return f"{'':>{margin}} {corner}{first}{'step'.center(gap)}{last}"


def _sampled(points: Sequence[LossPoint], columns: int) -> list[float]:
    """The loss at each column, straight lines between the points."""
    start, end = points[0].step, points[-1].step
    span = max(end - start, 1)
    found: list[float] = []
    after = 1
    for column in range(columns):
        step = start + span * column / max(columns - 1, 1)
        while after < len(points) - 1 and points[after].step < step:
            after += 1
        one, other = points[after - 1], points[after]
        share = (step - one.step) / max(other.step - one.step, 1)
        found.append(one.loss + (other.loss - one.loss) * min(max(share, 0.0), 1.0))
    return found


def _braille(at: Sequence[int], columns: int, height: int) -> list[str]:
    cells = [[_BLANK] * columns for _ in range(height)]
    before = at[0]
    for x, y in enumerate(at):
        # A steep part is drawn as the vertical line that it is.
        for row in range(min(before, y), max(before, y) + 1):
            cells[row // 4][x // 2] |= _DOTS[x % 2][row % 4]
        before = y
    return ["".join(map(chr, row)).rstrip(chr(_BLANK)) for row in cells]


def _stars(at: Sequence[int], height: int) -> list[str]:
    return ["".join("*" if y == row else " " for y in at) for row in range(height)]
