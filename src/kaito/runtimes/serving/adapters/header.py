"""Reads the header of a safetensors file: names, types and shapes, without its tensors.

The format (https://github.com/huggingface/safetensors#format): eight bytes of length, that much
JSON, then the data. A file that was cut short is told from its size alone.
"""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

from kaito.runtimes.serving.adapters.errors import AdapterInvalid

SIZES: Final = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "I16": 2, "U16": 2,
    "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip
_MAX_HEADER_BYTES = 100 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """Where one tensor lies in the file and what it is."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    """Offset in the file, in bytes."""
    size: int


def read_header(path: Path) -> dict[str, Tensor]:
    """Every tensor by its name; `AdapterInvalid` when the file is not what its header says."""
    total = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if total < 8 or not 2 <= length <= _MAX_HEADER_BYTES:
            raise AdapterInvalid(f"{path.name} is not a safetensors file")
        if 8 + length > total:
            raise _truncated(path, total, 8 + length)
        text = file.read(length)
    tensors = _parse(text, path.name, 8 + length)
    end = max((tensor.start + tensor.size for tensor in tensors.values()), default=8 + length)
    if end > total:
        raise _truncated(path, total, end)
    if end < total:
        raise AdapterInvalid(f"{path.name} has {total - end} bytes that its header does not name")
    return tensors


def _parse(text: bytes, name: str, base: int) -> dict[str, Tensor]:
    try:
        entries = json.loads(text)
        entries.pop("__metadata__", None)
        return {key: _to_tensor(entry, base) for key, entry in entries.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise AdapterInvalid(f"{name} has a damaged header") from error


def _to_tensor(entry: dict[str, object], base: int) -> Tensor:
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not (isinstance(dtype, str) and isinstance(shape, list) and isinstance(offsets, list)):
        raise TypeError("a tensor's entry is not of the format")
    start, end = offsets
    if not all(isinstance(number, int) and number >= 0 for number in (*shape, start, end)):
        raise ValueError("negative or fractional sizes")
    if end - start != prod(shape) * SIZES[dtype]:
        raise ValueError("a tensor's size is not that of its shape")
    return Tensor(dtype=dtype, shape=tuple(shape), start=base + start, size=end - start)


def _truncated(path: Path, total: int, wanted: int) -> AdapterInvalid:
    return AdapterInvalid(f"{path.name} is cut short: {total} of {wanted} bytes")
