"""One row as a file holds it, and how large one may be. Values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from kaito.base.quantity import MIB

ROW_BYTES: Final = 16 * MIB
"""Far more than any context holds: a larger row is a mistake, and would be held in memory whole."""
TOO_LARGE: Final = f"is larger than {ROW_BYTES // MIB} MiB"
NOT_TEXT: Final = "is not UTF-8 text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Columns by name, or why they cannot be had."""

    number: int
    """From 1; in a text file of one row a line, the line."""
    value: Mapping[str, object] = field(default_factory=dict)
    problem: str = ""
