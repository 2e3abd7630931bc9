"""A model's facts from a folder of files, whoever wrote them.

Only names, sizes, configuration and headers are read, each up to a bound; never a tensor. A file
counts only if it lies in the folder, or where the hub's cache keeps what its snapshots link to.
Whatever is wrong is one line that names the file.
"""

import stat
from pathlib import Path
from typing import IO

from kaito.base.errors import KaitoError
from kaito.catalog.config import CONFIG_LIMIT, parse_object
from kaito.catalog.model_files import CONFIG_NAMES, WeightFile, choose_weight_files, parse_model
from kaito.catalog.preset import LoadFormat, ModelFacts
from kaito.catalog.safetensors import HEADER_LIMIT, LENGTH_BYTES, header_length

_INDEX = "model.safetensors.index.json"
_HINT = "a model's folder has config.json and *.safetensors files"


def read_model_folder(folder: Path) -> ModelFacts:
    """The facts; `KaitoError` names the file that is missing or wrong."""
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise KaitoError(f"model folder {str(folder)!r} {problem}", hint=_HINT)
    try:
        load_format = _load_format(folder)
        config = _read_bounded(folder, CONFIG_NAMES[load_format], CONFIG_LIMIT)
        names = choose_weight_files(
            (path.name for path in folder.iterdir()), load_format=load_format
        )
        _check_index(folder, names)
        files = tuple(_weight_file(folder, name) for name in names)
        return parse_model(config, files, load_format=load_format)
    except ValueError as error:
        raise KaitoError(f"model folder {str(folder)!r}: {error}", hint=_HINT) from error


def _load_format(folder: Path) -> LoadFormat:
    """Mistral's own where there is nothing but its configuration."""
    found = [form for form, name in CONFIG_NAMES.items() if (folder / name).is_file()]
    if not found:
        raise ValueError("there is no config.json")
    return found[0]


def _check_index(folder: Path, names: tuple[str, ...]) -> None:
    """Refuse an index that names files elsewhere, or files that are not there."""
    if not (folder / _INDEX).exists() or not any(_is_safetensors(name) for name in names):
        return
    places = parse_object(_read_bounded(folder, _INDEX, HEADER_LIMIT), _INDEX).get("weight_map")
    shards = {str(place) for place in places.values()} if isinstance(places, dict) else set()
    if not shards:
        raise ValueError(f"{_INDEX} has no weight_map")
    for place in sorted(shards):
        if place != Path(place).name:
            raise ValueError(f"{_INDEX} leads out of the folder: {place[:80]!r}")
        if place not in names:
            raise ValueError(f"{_INDEX} names {place[:80]!r}, which is not there; is it complete?")


def _weight_file(folder: Path, name: str) -> WeightFile:
    path, size = _require_file(folder, name)
    if not _is_safetensors(name):
        return WeightFile(name=name, size_bytes=size)
    with path.open("rb") as file:
        try:
            head = _read_head(file, size)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return WeightFile(name=name, size_bytes=size, head=head)


def _read_head(file: IO[bytes], size: int) -> bytes:
    start = file.read(LENGTH_BYTES)
    return start + file.read(header_length(start, file_bytes=size) - len(start))


def _read_bounded(folder: Path, name: str, limit: int) -> bytes:
    path, size = _require_file(folder, name)
    if size > limit:
        raise ValueError(f"{name} has {size} bytes, more than {limit}")
    with path.open("rb") as file:
        return file.read(limit)


def _require_file(folder: Path, name: str) -> tuple[Path, int]:
    """Where the file lies and its size; opening anything but a plain file could block for ever."""
    path = (folder / name).resolve()
    if not any(path.is_relative_to(root) for root in _roots(folder.resolve())):
        raise ValueError(f"{name} is a link that leads out of the folder")
    found = path.stat() if path.exists() else None
    if found is None or not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{name} is not a file")
    return path, found.st_size


def _roots(folder: Path) -> tuple[Path, ...]:
    """The folder, and the blobs beside it where it is a snapshot of the hub's cache."""
    if folder.parent.name != "snapshots":
        return (folder,)
    return folder, folder.parent.parent / "blobs"


def _is_safetensors(name: str) -> bool:
    return name.endswith(".safetensors")
