"""A folder somebody already has: checked, then linked or copied into place.

No machine-learning library is needed here: `kaito models import` stays quick.
"""

import os
import shutil
from pathlib import Path

import msgspec

from kaito.registry.weight_files import is_pickled, require_sound
from kaito.runtimes.weights.errors import FolderInvalid
from kaito.runtimes.weights.manifest import WeightsRecord, write_record
from kaito.runtimes.weights.staging import open_partial, publish, require_ours

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json", "*.tiktoken")


class _Tokenizer(msgspec.Struct):
    """An object, of which nothing is built."""


class _Config(msgspec.Struct):
    architectures: list[str] = []


def require_model(path: Path, architecture: str = "", *, allow_pickle: bool = False) -> None:
    """Raise `FolderInvalid`, naming what is missing, unless `path` holds a servable model."""
    if not path.is_dir():
        raise FolderInvalid(f"{path} is not a folder")
    config = path / "config.json"
    if not config.is_file():
        raise FolderInvalid(f"{path} has no config.json")
    try:
        require_sound(path, allow_pickle=allow_pickle)
    except ValueError as error:
        raise FolderInvalid(f"{path}: {error}") from error
    names = [found.name for found in path.iterdir()]
    if not any(name.endswith(".safetensors") or is_pickled(name) for name in names):
        raise FolderInvalid(f"{path} has no *.safetensors file")
    _require_tokenizer(path)
    _require_architecture(config, architecture)


def import_folder(
    root: Path, key: str, path: Path, *, architecture: str = "", allow_pickle: bool = False
) -> WeightsRecord:
    """Make the model at `path` the weights of `key`; the caller holds the lock of `key`.

    Files are hard-linked where the file system allows it, else copied. Whatever `key` had before
    is replaced in one step.
    """
    require_model(path, architecture, allow_pickle=allow_pickle)
    require_ours(root / key)
    partial = open_partial(root, key, f"folder:{path}")
    for source in _files(path):
        target = partial / source.relative_to(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        link_or_copy(source, target)
    with publish(root, key, partial):
        return write_record(partial, key=key, source=f"folder:{path}")


def link_or_copy(source: Path, target: Path) -> None:
    """Put `source` at `target` without using disk space where that is possible."""
    try:
        # Resolved: a link to a symbolic link would break with its owner's folder.
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _files(path: Path) -> list[Path]:
    """What is taken over; pickles only where they are the weights."""
    has_tensors = any(path.glob("*.safetensors"))
    return sorted(
        found
        for found in path.rglob("*")
        if found.is_file()
        and not (has_tensors and is_pickled(found.name))
        and not any(part.startswith(".") for part in found.relative_to(path).parts)
    )


def _require_tokenizer(path: Path) -> None:
    if not any(found for pattern in _TOKENIZERS for found in path.glob(pattern)):
        raise FolderInvalid(f"{path} has no tokenizer (looked for {', '.join(_TOKENIZERS)})")
    file = path / "tokenizer.json"
    try:
        if file.is_file():
            msgspec.json.decode(file.read_bytes(), type=_Tokenizer)
    except msgspec.MsgspecError as error:
        raise FolderInvalid(f"{file} is cut or no tokenizer: {error}") from error


def _require_architecture(config: Path, architecture: str) -> None:
    try:
        found = msgspec.json.decode(config.read_bytes(), type=_Config).architectures
    except msgspec.MsgspecError as error:
        raise FolderInvalid(f"{config} is not a model's configuration: {error}") from error
    if architecture and architecture not in found:
        raise FolderInvalid(
            f"{config} is of a {', '.join(found) or 'model without an architecture'}, "
            f"where {architecture} is expected"
        )
