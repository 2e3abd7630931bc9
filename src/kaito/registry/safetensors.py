"""Reads the header of a safetensors file: its tensors' names, types and shapes, not their numbers.

The format (https://github.com/huggingface/safetensors#format): eight bytes of length, that much
JSON, then the data. The header says how long the whole file is, so one that was cut short is told
without reading it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

LENGTH_BYTES: Final = 8
"""Bytes at a file's start that say how long its header is, little-endian."""
_MOST_HEADER_BYTES: Final = 100_000_000
"""The format's own limit."""
_METADATA: Final = "__metadata__"


class DamagedFileError(ValueError):
    """A file is not what it says of itself; one line that names it."""


class Tensor(msgspec.Struct, frozen=True):
    """One entry of a header."""

    data_offsets: tuple[int, int]
    """First byte and the one after the last, counted from the header's end."""
    dtype: str = ""
    shape: tuple[int, ...] = ()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor by its name.

    Raises:
        DamagedFileError: the file is not exactly as long as its header says, or has no header.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(LENGTH_BYTES), "little")
        if size < LENGTH_BYTES or length > min(size - LENGTH_BYTES, _MOST_HEADER_BYTES):
            raise DamagedFileError(
                f"{path.name} is truncated or no safetensors file: it has {size} bytes"
            )
        header = stream.read(length)
    try:
        tensors = parse_header(header)
    except ValueError as error:
        raise DamagedFileError(f"{path.name} has no safetensors header: {error}") from error
    expected = expected_bytes(length, tensors)
    if size < expected:
        missing = expected - size
        raise DamagedFileError(
            f"{path.name} is truncated: {missing} of {expected} bytes are missing"
        )
    if size > expected:
        raise DamagedFileError(f"{path.name} has {size - expected} bytes more than its header says")
    return tensors


def parse_header(header: bytes) -> dict[str, Tensor]:
    """Every tensor of a header's JSON by its name; `ValueError` where it is no header."""
    try:
        entries = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        entries.pop(_METADATA, None)
        return {name: msgspec.json.decode(entry, type=Tensor) for name, entry in entries.items()}
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def expected_bytes(length: int, tensors: Mapping[str, Tensor]) -> int:
    """How long the whole file is whose header of `length` bytes names these tensors."""
    ends = (tensor.data_offsets[1] for tensor in tensors.values())
    return LENGTH_BYTES + length + max(ends, default=0)
