"""The wire format, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.local.apiserver.protobuf.wire import Field, WireError, fields


def test_the_example_of_the_specification() -> None:
    assert list(fields(bytes.fromhex("089601"))) == [Field(1, 150)]
    assert list(fields(bytes.fromhex("120774657374696e67"))) == [Field(2, b"testing")]


def test_negative_numbers_are_64_bits_of_twos_complement() -> None:
    assert list(fields(bytes.fromhex("08ffffffffffffffffff01"))) == [Field(1, -1)]


@pytest.mark.parametrize(
    "text", ["08", "0896", "1207", "0f", "0d000000", "08ffffffffffffffffffff01"]
)
def test_cut_off_or_unknown_bytes_are_refused(text: str) -> None:
    with pytest.raises(WireError):
        list(fields(bytes.fromhex(text)))


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_parse_or_be_refused(data: bytes) -> None:
    try:
        for field in fields(data):
            assert field.number >= 0
    except WireError:
        pass
