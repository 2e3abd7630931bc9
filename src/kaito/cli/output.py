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
    widths = [
        max(_NARROWEST, _GAP + max(len(line[column]) for line in lines))
        for column in range(len(headings))
    ]
    return "\n".join(
        "".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def note(text: str) -> None:
    """Say something that is not data."""
    print(text, file=sys.stderr)
