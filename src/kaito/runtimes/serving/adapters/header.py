"""Reads the header of an adapter's safetensors file and holds each entry to the format.

`kaito.registry.safetensors` finds out that the file is whole; here every tensor's place must be as
long as its shape says, for the strength of an adapter is changed in place.
"""

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

from kaito.registry import safetensors
from kaito.registry.safetensors import DamagedFileError
from kaito.runtimes.serving.adapters.errors import AdapterInvalid

SIZES: Final = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "I16": 2, "U16": 2,
    "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip
"""Bytes of one number."""


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
    try:
        found = safetensors.read_tensors(path)
    except DamagedFileError as error:
        raise AdapterInvalid(str(error)) from error
    data = max((tensor.data_offsets[1] for tensor in found.values()), default=0)
    base = path.stat().st_size - data
    try:
        return {name: _to_tensor(tensor, base) for name, tensor in found.items()}
    except (ValueError, KeyError) as error:
        raise AdapterInvalid(f"{path.name} has a damaged header") from error


def _to_tensor(entry: safetensors.Tensor, base: int) -> Tensor:
    start, end = entry.data_offsets
    if min(*entry.shape, start, end, 0) < 0:
        raise ValueError("a tensor's place or shape is negative")
    if end - start != prod(entry.shape) * SIZES[entry.dtype]:
        raise ValueError("a tensor's size is not that of its shape")
    return Tensor(dtype=entry.dtype, shape=entry.shape, start=base + start, size=end - start)
