"""Files that arrived, as rows: archives opened, packed ones unpacked, each by its format."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

from kaito.api.training_config import DATA_ROOT
from kaito.runtimes.tuning.data.json_rows import read_json, read_json_lines
from kaito.runtimes.tuning.data.kinds import (
    Kind,
    Packing,
    format_of,
    has_data_suffix,
    is_data_name,
    packing_of,
    read_head,
    refuse_other_archive,
)
from kaito.runtimes.tuning.data.row import Row
from kaito.runtimes.tuning.data.streams import BROKEN, list_members, open_content, unpack
from kaito.runtimes.tuning.data.table_rows import read_arrow, read_csv, read_parquet
from kaito.runtimes.tuning.errors import DataRefused
from kaito.runtimes.tuning.sources.arrived import Arrived

_HEAD_BYTES: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFile:
    """One file of rows: a file that arrived, or a member of an archive that did."""

    arrived: Arrived
    kind: Kind
    member: str = ""

    @property
    def name(self) -> str:
        """For messages and records."""
        return f"{self.arrived.name}:{self.member}" if self.member else self.arrived.name


def open_files(arrived: tuple[Arrived, ...]) -> tuple[RowFile, ...]:
    """What is to be read, in order of names; looks at each file's first bytes.

    Raises:
        DataRefused: a file is empty, damaged or no data.
    """
    files: list[RowFile] = []
    for one in sorted(arrived, key=lambda file: file.name):
        head = read_head(one.path)
        if not head:
            raise DataRefused(f"{one.name} is empty")
        packing = packing_of(one.name, head)
        if packing == "zip":
            files.extend(_members(one))
        else:
            files.append(RowFile(arrived=one, kind=_kind(one, packing)))
    if not files:
        raise DataRefused("there is no file with data")
    return tuple(files)


def read_rows(file: RowFile, scratch: Path) -> Iterator[Row]:
    """The file's rows, in order; a damaged file ends with `DataRefused`."""
    kind = file.kind
    try:
        if kind.format in {"parquet", "arrow"}:
            yield from _read_mapped(file, scratch)
            return
        with open_content(file.arrived.path, kind.packing, member=file.member) as stream:
            if kind.format == "jsonl":
                yield from read_json_lines(stream)
            elif kind.format == "json":
                yield from read_json(stream, file.name)
            else:
                yield from read_csv(stream, file.member or file.arrived.name)
    except BROKEN as error:
        raise DataRefused(f"{file.name} is damaged: {error}") from error


def find_called(names: Sequence[str], wanted: str) -> tuple[str, ...]:
    """The files that were fetched and that `dataset_path` asks for.

    Args:
        names: each one's path in its data set or image; of an address the last part.
        wanted: a file, a folder or a pattern below /mnt, whose last parts count: of `data/en/*.csv`
            `en/*.csv` does, and never `*.csv` of another folder. One part alone may be anywhere.
            Where some files are called by more of these parts than others, only those are meant.
    """
    asked = PurePosixPath(wanted.removeprefix(f"{DATA_ROOT}/")).parts
    alike = {name: _count_alike(PurePosixPath(name).parts, asked) for name in names}
    most = max(alike.values(), default=0)
    return tuple(name for name in names if most and alike[name] == most)


def _count_alike(parts: Sequence[str], asked: Sequence[str]) -> int:
    """How many of the last parts that are asked for a path begins with; 0: it is another's."""
    if len(asked) == 1 and _is_like(parts[-1:], asked):
        return 1
    tails = (asked[start:] for start in range(len(asked)))
    return next((len(tail) for tail in tails if _is_like(parts, tail)), 0)


def _is_like(parts: Sequence[str], asked: Sequence[str]) -> bool:
    """Whether what is asked for is the path, or a folder above it."""
    return len(asked) <= len(parts) and all(
        part == pattern or fnmatchcase(part, pattern)
        for part, pattern in zip(parts, asked, strict=False)
    )


def find_files(folder: Path) -> tuple[Arrived, ...]:
    """The data files below a folder; hidden ones are passed over.

    Raises:
        DataRefused: there is none.
    """
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.parts[-2:])
    )
    data = [path for path in found if is_data_name(path.name) or path.suffix == ".zip"]
    if not data:
        seen = ", ".join(path.name for path in found[:5])
        raise DataRefused(
            f"there is no data file in {folder}" + (f", only {seen}" if seen else ""),
            hint="put parquet, jsonl, json, csv or arrow files there",
        )
    return tuple(
        Arrived(path=path, name=str(path.relative_to(folder)), source=str(folder)) for path in data
    )


def _read_mapped(file: RowFile, scratch: Path) -> Iterator[Row]:
    """Formats that are read from their end are unpacked to a file first."""
    path, unpacked = file.arrived.path, scratch / "unpacked"
    reader = read_parquet if file.kind.format == "parquet" else read_arrow
    if not file.kind.packing:
        yield from reader(path, file.name)
        return
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        unpack(path, file.kind.packing, unpacked, member=file.member)
        yield from reader(unpacked, file.name)
    finally:
        unpacked.unlink(missing_ok=True)


def _members(archive: Arrived) -> Iterator[RowFile]:
    members = list_members(archive.path)
    refuse_other_archive(archive.name, members)
    for member in filter(has_data_suffix, members):
        yield RowFile(arrived=archive, kind=_kind(archive, "zip", member), member=member)


def _kind(arrived: Arrived, packing: Packing, member: str = "") -> Kind:
    try:
        with open_content(arrived.path, packing, member=member) as stream:
            head = stream.read(_HEAD_BYTES)
    except BROKEN as error:
        raise DataRefused(f"{arrived.name} is damaged: {error}") from error
    name = f"{arrived.name}:{member}" if member else arrived.name
    if packing and packing_of("", head):
        raise DataRefused(f"{name} is packed twice", hint="pack each file once")
    return Kind(format=format_of(name, head), packing=packing)
