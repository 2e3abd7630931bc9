"""Whether the files of a model are what they should be, judged by names, sizes and headers.

A safetensors file says in its header how long it is; an index says which files belong together.
Pickled weights run code when they are loaded. Raises `ValueError` with one line that names the
file: a `DamagedFileError` where fetching it again may help.
"""

from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import msgspec

from kaito.registry.safetensors import DamagedFileError, read_tensors
from kaito.registry.weight_shapes import require_matching

_INDEX: Final = "*.safetensors.index.json"
_PICKLED: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")


class _Index(msgspec.Struct):
    weight_map: dict[str, str] = {}


def is_pickled(name: str) -> bool:
    """Whether a file is Python pickles by its name."""
    return any(fnmatch(name.lower(), pattern) for pattern in _PICKLED)


def require_sound(folder: Path, *, allow_pickle: bool = False) -> None:
    """Raise `ValueError` unless the weights in `folder` are whole and safe to load."""
    found = sorted(folder.iterdir())
    _require_linked(found)
    names = [path.name for path in found if path.is_file()]
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
    require_matching(folder, {name: read_tensors(folder / name) for name in tensors})


def _require_linked(found: list[Path]) -> None:
    for path in found:
        if path.is_symlink() and not path.exists():
            raise ValueError(f"{path.name} is a link to {path.readlink()}, which is not there")


def _require_all(index: Path, names: list[str]) -> None:
    try:
        places = msgspec.json.decode(index.read_bytes(), type=_Index).weight_map
    except msgspec.MsgspecError as error:
        raise DamagedFileError(f"{index.name} cannot be read: {error}") from error
    for place in sorted(set(places.values())):
        if place not in names:
            raise DamagedFileError(f"{index.name} names {place[:80]!r}, which is not there")
