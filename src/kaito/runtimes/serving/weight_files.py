"""Whether a folder's weights can be loaded at all, told from the first bytes of each file.

An engine finds out too, but after a minute, in another process, and in words about itself. A
safetensors file says in its header how long it must be (https://huggingface.co/docs/safetensors).
"""

import json
from pathlib import Path
from typing import Final

from kaito.api import labels
from kaito.api.runtime import ExitCode
from kaito.registry.weight_shapes import require_matching
from kaito.runtimes.ending import Ending

_PICKLED: Final = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_INDEX: Final = "model.safetensors.index.json"
_MOST_HEADER_BYTES: Final = 100_000_000
"""The format's own limit."""
_OF_PICKLED: Final = ("pt", "npcache")
"""Load formats that ask for pickled weights by name."""
_JUDGED: Final = frozenset({"", "auto", "hf", "safetensors", *_OF_PICKLED})
_FETCH_AGAIN: Final = "delete the folder, and they are fetched again"


def require_weights(model: str, load_format: str = "", *, allow_pickle: bool = False) -> None:
    """Raise `Ending` where the weights in a folder are cut off, missing, or pickled unasked.

    `load_format` is what the engine is told; what it streams or invents is not looked at.
    """
    folder = Path(model)
    if not folder.is_dir() or load_format not in _JUDGED:
        return
    found = sorted(folder.glob("*.safetensors"))
    if not (found or allow_pickle or load_format in _OF_PICKLED):
        _refuse_pickled(folder)
    for path in found:
        if problem := find_problem(path):
            raise _unusable(f"weights {path.name} in {model} {problem}")
    if missing := sorted(_indexed(folder) - {path.name for path in found}):
        raise _unusable(f"{len(missing)} files of weights lack in {model}, such as {missing[0]}")
    try:
        require_matching(folder, [path.name for path in found])
    except ValueError as error:
        raise Ending(f"weights in {model}: {error}", ExitCode.INVALID_DATA) from error


def find_problem(path: Path) -> str:
    """What is wrong with a safetensors file; empty when its length is what its header says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _MOST_HEADER_BYTES):
            return f"are cut off or no safetensors: {size} bytes"
        try:
            header = json.loads(file.read(length))
            tensors = [entry for name, entry in header.items() if name != "__metadata__"]
            ends = [int(tensor["data_offsets"][1]) for tensor in tensors]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return "are no safetensors: the header cannot be read"
    wanted = 8 + length + max(ends, default=0)
    return f"are cut off: {size} of {wanted} bytes" if size < wanted else ""


def _unusable(message: str) -> Ending:
    return Ending(message, ExitCode.INVALID_DATA, hint=_FETCH_AGAIN)


def _refuse_pickled(folder: Path) -> None:
    pickled = sorted(path.name for pattern in _PICKLED for path in folder.glob(pattern))
    if pickled:
        raise Ending(
            f"weights {pickled[0]} in {folder} are pickled Python, which runs when it is loaded",
            ExitCode.INVALID_DATA,
            hint="use safetensors, or, if you trust their author, annotate the workspace "
            f'{labels.ALLOW_PICKLE}: "true"',
        )


def _indexed(folder: Path) -> set[str]:
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        return {str(name) for name in index["weight_map"].values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
