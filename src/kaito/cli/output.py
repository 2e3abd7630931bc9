"""Documents and aligned columns on standard output, notes on standard error. Cheap to import."""

import sys
from collections.abc import Iterable, Sequence

_GAP = 3
_NARROWEST = 6
"""Column gap and least width, as kubectl's."""


def print_document(document: object, form: str) -> None:
    """Print plain data, a struct or a dataclass as `json` or `yaml`."""
    from kaito.cli.documents import to_text

    print(to_text(document, form), end="")


def print_rows(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print aligned columns under upper-case headings."""
    print(render_rows(headings, rows))


def render_rows(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Aligned columns under upper-case headings; cells keep to one line."""
    lines = [[heading.upper() for heading in headings]]
    lines += [[cell.replace("\n", " ") for cell in row] for row in rows]
    widths = widths_of(lines)
    return "\n".join(render_line(line, widths) for line in lines)


def widths_of(lines: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """How wide each column has to be, the gap behind it included."""
    return tuple(
        max(_NARROWEST, _GAP + max(len(cell) for cell in column))
        for column in zip(*lines, strict=True)
    )


def render_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line of columns of those widths."""
    return "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def note(text: str) -> None:
    """Say something that is not data."""
    print(text, file=sys.stderr)
