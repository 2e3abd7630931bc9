"""`kaito-weights.json`: what a complete model folder holds, and where it came from.

It is written last, so its presence with every listed file at its listed size means complete. Sizes
are checked at every start (milliseconds); the sha256 sums are for whoever doubts a disk.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from kaito.api.runtime import WEIGHTS_MANIFEST
from kaito.runtimes.weights.errors import FolderInvalid

FORMAT_VERSION = 1
_CHUNK = 1 << 20


class WeightFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the folder; `size` in bytes."""

    name: str
    size: int
    sha256: str


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """What a source said of the files that it gave."""

    revision: str = ""
    """A commit, or a manifest's digest."""
    sums: Mapping[str, str] = {}
    """The sha256 of files, in hexadecimal, that have been checked against it on arrival."""


class WeightsRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The manifest. `source` is spelled as in `kaito.api.weight_source`."""

    format_version: int = FORMAT_VERSION
    key: str
    source: str
    revision: str = ""
    files: tuple[WeightFile, ...]


def read_record(folder: Path) -> WeightsRecord | None:
    """The manifest of `folder`, or None where there is none."""
    try:
        text = (folder / WEIGHTS_MANIFEST).read_bytes()
    except FileNotFoundError:
        return None
    try:
        record = msgspec.json.decode(text, type=WeightsRecord)
    except msgspec.MsgspecError as error:
        raise FolderInvalid(f"{folder / WEIGHTS_MANIFEST} cannot be read: {error}") from error
    if record.format_version > FORMAT_VERSION:
        raise FolderInvalid(
            f"{folder} was written by a newer version of kaito (format {record.format_version})",
            hint="upgrade kaito, or remove the folder",
        )
    return record


def is_complete(folder: Path) -> bool:
    """Whether the manifest is there and every file it lists has its size."""
    record = read_record(folder)
    return record is not None and all(
        _size(folder / file.name) == file.size for file in record.files
    )


def write_record(
    folder: Path, *, key: str, source: str, arrived: Arrived | None = None
) -> WeightsRecord:
    """Write the manifest of `folder`; call it when all else is in place.

    What was summed on arrival is not read again: that takes a second for every gigabyte.
    """
    arrived = arrived or Arrived()
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    record = WeightsRecord(
        key=key,
        source=source,
        revision=arrived.revision,
        files=tuple(
            WeightFile(
                name=path.relative_to(folder).as_posix(),
                size=path.stat().st_size,
                sha256=arrived.sums.get(path.relative_to(folder).as_posix()) or sha256_of(path),
            )
            for path in paths
            if path.name != WEIGHTS_MANIFEST
        ),
    )
    text = msgspec.json.format(msgspec.json.encode(record), indent=2)
    (folder / WEIGHTS_MANIFEST).write_bytes(text + b"\n")
    return record


def sha256_of(path: Path) -> str:
    """The sum of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
