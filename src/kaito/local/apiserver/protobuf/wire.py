"""The protobuf wire format: a message as its fields, in order. Nothing about any message's meaning.

https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator
from typing import NamedTuple

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIGN_BIT = 1 << 63
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}


class WireError(ValueError):
    """Bytes that are no protobuf message."""


class Field(NamedTuple):
    """One field: its number, and an integer or the bytes of anything else."""

    number: int
    value: int | bytes


def fields(data: bytes) -> Iterator[Field]:
    """The fields of a message; `WireError` where the bytes make no sense."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            raw, position = _varint(data, position)
            # Negative numbers are sent as their 64-bit two's complement, whatever their width.
            yield Field(number, raw - (_SIGN_BIT << 1) if raw & _SIGN_BIT else raw)
            continue
        if kind == _BYTES:
            size, position = _varint(data, position)
        elif kind in _WIDTHS:
            size = _WIDTHS[kind]
        else:
            raise WireError(f"wire type {kind} of field {number} is not in use")
        if position + size > len(data):
            raise WireError(f"field {number} is cut off")
        yield Field(number, data[position : position + size])
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise WireError("a number is cut off")
