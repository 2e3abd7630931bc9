"""Durations as people type them."""

import pytest

from kaito.base.errors import UsageError
from kaito.cli.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("90s", 90.0),
        ("1h30m", 5400.0),
        ("1.5m", 90.0),
        ("250ms", 0.25),
        ("2d", 172800.0),
    ],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "soon", "5 m", "-5m", "5m!", "m"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)
