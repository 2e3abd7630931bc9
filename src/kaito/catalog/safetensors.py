"""The header of a safetensors file: which tensors it has, from its first bytes.

Format: https://github.com/huggingface/safetensors#format. Eight bytes give the length of a JSON
object of names to types, shapes and places; the tensors follow without gaps. The file may be
anybody's: whatever does not fit the format is one `ValueError`, and nothing is allocated on the
word of the header.
"""

from dataclasses import dataclass
from typing import Any

from kaito.catalog.config import parse_object

LENGTH_BYTES = 8
HEADER_LIMIT = 100_000_000
"""Bytes; the reference implementation refuses longer headers too."""
_METADATA = "__metadata__"
_LONGEST_NAME = 1024
_LARGEST_AXIS = 2**53
_TYPE_BITS = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "C64": 64,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
}
FLOATS = frozenset({"F16", "BF16", "F32", "F64"})
"""Types that a model without quantisation is loaded from, and cast from."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a file."""

    name: str
    dtype: str
    """As the header writes it: `BF16`."""
    elements: int
    size_bytes: int


def header_length(head: bytes, *, file_bytes: int) -> int:
    """Bytes that the file starts with up to its first tensor, as its first eight say."""
    if len(head) < LENGTH_BYTES:
        raise ValueError(f"safetensors file of {file_bytes} bytes is too short for a header")
    length = int.from_bytes(head[:LENGTH_BYTES], "little")
    if length > HEADER_LIMIT:
        raise ValueError(f"safetensors header of {length} bytes is longer than {HEADER_LIMIT}")
    if LENGTH_BYTES + length > file_bytes:
        raise ValueError(
            f"safetensors file is cut off: its header needs {LENGTH_BYTES + length} bytes and the "
            f"file has {file_bytes}"
        )
    return LENGTH_BYTES + length


def parse_header(head: bytes, *, file_bytes: int) -> tuple[Tensor, ...]:
    """The tensors of a file of `file_bytes` bytes, in the order they lie there.

    `head` is the start of the file: at least `header_length` bytes, more do not matter.
    """
    length = header_length(head, file_bytes=file_bytes)
    if len(head) < length:
        raise ValueError(f"safetensors header is cut off: {len(head)} of {length} bytes are here")
    entries = parse_object(head[LENGTH_BYTES:length], "safetensors header")
    places = sorted(_place(name, entry) for name, entry in entries.items() if name != _METADATA)
    end = 0
    for start, stop, tensor in places:
        if start != end:
            what = "overlaps the one before it" if start < end else "leaves a gap before it"
            raise ValueError(f"safetensors tensor {_shown(tensor.name)} {what}")
        end = stop
    if length + end != file_bytes:
        raise ValueError(
            f"safetensors file has {file_bytes} bytes and its header describes {length + end}"
        )
    return tuple(tensor for _, _, tensor in places)


def _place(name: str, entry: object) -> tuple[int, int, "Tensor"]:
    """Start, end and what lies between; the order of equal places is that of the names."""
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"safetensors tensor name of {len(name)} characters is too long")
    fields: dict[str, Any] = entry if isinstance(entry, dict) else {}
    dtype = str(fields.get("dtype"))
    bits = _TYPE_BITS.get(dtype)
    if bits is None:
        raise ValueError(f"safetensors tensor {_shown(name)} has no type that we know")
    elements = 1
    for axis in _counts(name, fields, "shape"):
        elements = min(elements * axis, _LARGEST_AXIS)
    offsets = _counts(name, fields, "data_offsets")
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"safetensors tensor {_shown(name)} has no place: data_offsets are wrong")
    start, stop = offsets
    if (stop - start) * 8 != elements * bits:
        raise ValueError(
            f"safetensors tensor {_shown(name)} is {stop - start} bytes long and its shape and "
            f"type say {elements * bits // 8}"
        )
    return start, stop, Tensor(name, dtype, elements, stop - start)


def _counts(name: str, entry: dict[str, Any], key: str) -> tuple[int, ...]:
    values = entry.get(key)
    if isinstance(values, list) and all(_is_count(value) for value in values):
        return tuple(values)
    raise ValueError(f"safetensors tensor {_shown(name)}: {key} is not a list of counts")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_AXIS


def _shown(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:57] + "...")
