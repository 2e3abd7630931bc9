"""Whether the files of a model are what they should be, judged by names, sizes and headers.

A safetensors file says in its header how long it is (https://github.com/huggingface/safetensors);
an index says which files belong together. Pickled weights run code when they are loaded. Raises
`ValueError` with one line that names the file.
"""

from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import msgspec

from kaito.registry.weight_shapes import require_matching

_HEADER_LIMIT = 100_000_000
_LENGTH_BYTES = 8
_INDEX: Final = "*.safetensors.index.json"
_PICKLED: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
_METADATA = "__metadata__"


class _Tensor(msgspec.Struct):
    data_offsets: tuple[int, int]


class _Index(msgspec.Struct):
    weight_map: dict[str, str] = {}


def is_pickled(name: str) -> bool:
    """Whether a file is Python pickles by its name."""
    return any(fnmatch(name.lower(), pattern) for pattern in _PICKLED)


def require_sound(folder: Path, *, allow_pickle: bool = False) -> None:
    """Raise `ValueError` unless the weights in `folder` are whole and safe to load."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    tensors = [name for name in names if name.endswith(".safetensors")]
    pickled = [name for name in names if is_pickled(name)]
    if not tensors and pickled and not allow_pickle:
        raise ValueError(
            f"{pickled[0]} is pickled Python, which runs code when it is loaded, and there are no "
            "*.safetensors files; convert it, or allow it: --allow-pickle, on a Workspace the "
            'annotation kaito.sh/allow-pickle: "true"'
        )
    for name in names:
        if fnmatch(name, _INDEX):
            _require_all(folder / name, names)
    for name in tensors:
        require_whole(folder / name)
    require_matching(folder, tensors)


def require_whole(path: Path) -> None:
    """Raise `ValueError` unless a safetensors file is exactly as long as its header says."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        if size < _LENGTH_BYTES or length > min(size - _LENGTH_BYTES, _HEADER_LIMIT):
            raise ValueError(
                f"{path.name} is truncated or no safetensors file: it has {size} bytes"
            )
        header = stream.read(length)
    try:
        entries = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        ends = [
            msgspec.json.decode(entry, type=_Tensor).data_offsets[1]
            for name, entry in entries.items()
            if name != _METADATA
        ]
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} has no safetensors header: {error}") from error
    expected = _LENGTH_BYTES + length + max(ends, default=0)
    if size < expected:
        raise ValueError(
            f"{path.name} is truncated: {expected - size} of {expected} bytes are missing"
        )
    if size > expected:
        raise ValueError(f"{path.name} has {size - expected} bytes more than its header says")


def _require_all(index: Path, names: list[str]) -> None:
    try:
        places = msgspec.json.decode(index.read_bytes(), type=_Index).weight_map
    except msgspec.MsgspecError as error:
        raise ValueError(f"{index.name} cannot be read: {error}") from error
    for place in sorted(set(places.values())):
        if place not in names:
            raise ValueError(f"{index.name} names {place[:80]!r}, which is not there")
