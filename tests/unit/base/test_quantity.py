"""Kubernetes quantities."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.base.quantity import parse_bytes, parse_quantity, to_mebibytes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", "1"),
        ("500m", "0.5"),
        ("1.5Gi", str(int(1.5 * 1024**3))),
        ("1e3", "1000"),
        ("2E", str(2 * 10**18)),
        ("1Ei", str(1024**6)),
        ("-5k", "-5000"),
        (".5", "0.5"),
        (3, "3"),
    ],
)
def test_every_notation_reads_as_its_value(text: str | int, value: str) -> None:
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1gi", "0x10", "1Gii", "one"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        parse_quantity(text)


@given(st.integers(min_value=0, max_value=2**60))
def test_writing_in_mebibytes_never_asks_for_less(size: int) -> None:
    written = parse_bytes(to_mebibytes(size))
    assert 0 <= written - size < 1024**2
