"""What a file is: the format of its rows and how it is compressed, from its name and first bytes.

The name decides where it says anything; the first bytes must agree, and decide where it does not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from kaito.runtimes.tuning.errors import DataRefused

Format: TypeAlias = Literal["parquet", "jsonl", "json", "csv", "arrow"]
Packing: TypeAlias = Literal["", "gz", "zst", "xz", "bz2", "zip"]

_FORMATS: Final[dict[str, Format]] = {
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".arrow": "arrow",
    ".feather": "arrow",
}
_PACKINGS: Final[dict[str, Packing]] = {
    ".gz": "gz",
    ".gzip": "gz",
    ".zst": "zst",
    ".zstd": "zst",
    ".xz": "xz",
    ".bz2": "bz2",
    ".zip": "zip",
}
_PACKING_SIGNS: Final[dict[bytes, Packing]] = {
    b"\x1f\x8b": "gz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bz2",
    b"PK\x03\x04": "zip",
}
_PARQUET: Final = b"PAR1"
_ARROW: Final = (b"ARROW1", b"\xff\xff\xff\xff")
_PAGE: Final = (b"<!doctype html", b"<html", b"<?xml")
_OTHERS: Final[dict[bytes, str]] = {
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x7fELF": "a program",
    b"\x80\x04": "a Python pickle",
    b"version https://git-lfs": "a Git LFS pointer instead of the file itself",
}
_HEAD_BYTES: Final = 4096
_KNOWN: Final = (
    "known are parquet, jsonl, json, csv and arrow, also as .gz, .zst, .xz, .bz2 or .zip"
)
_ARCHIVES: Final[dict[str, str]] = {
    "[Content_Types].xml": "an office document, such as an Excel workbook",
    "META-INF/MANIFEST.MF": "a program",
}
"""What a zip archive is that has such a member, whatever it is called."""
_TAR: Final = (257, b"ustar")
"""Place and text of the sign (POSIX.1-1988, ustar)."""
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
"""UTF-16's byte order mark."""
_ABOUT_DATA: Final = frozenset({"dataset_dict.json", "dataset_info.json", "dataset_infos.json",
                                "state.json"})  # fmt: skip
"""What `datasets` keeps beside the files of a data set."""
_AS_TEXT: Final = "save it as CSV (UTF-8) or as JSON lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How to read a file."""

    format: Format
    packing: Packing = ""

    def __str__(self) -> str:
        """As records spell it: `jsonl`, or `jsonl+gz`."""
        return f"{self.format}+{self.packing}" if self.packing else self.format


def has_data_suffix(name: str) -> bool:
    """Whether a file's name says that it holds rows."""
    return _format_of(_unpacked_name(name)) is not None


def is_data_name(name: str) -> bool:
    """The same of a file among others: not those that libraries write down about data."""
    return has_data_suffix(name) and name not in _ABOUT_DATA


def packing_of(name: str, head: bytes) -> Packing:
    """How a file is compressed; its first bytes decide, for names lie more often."""
    named = _PACKINGS.get(Path(name.lower()).suffix, "")
    for sign, packing in _PACKING_SIGNS.items():
        if head.startswith(sign):
            return packing
    if named:
        raise DataRefused(f"{name} is not a .{named} file: it starts with {shown(head)}")
    return ""


def format_of(name: str, head: bytes) -> Format:
    """The format of unpacked content whose first bytes are `head`.

    Raises:
        DataRefused: it is empty, or something else, or not what its name says.
    """
    if not head:
        raise DataRefused(f"{name} is empty")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:64].lower().startswith(_PAGE):
        raise DataRefused(
            f"{name} is a web page, not data",
            hint="give the address of the file itself, such as the hub's /resolve/ link",
        )
    _refuse_others(name, head)
    named = _format_of(_unpacked_name(name))
    found = _binary_format(head)
    if found or named in {"parquet", "arrow"}:
        if named is not None and found != named:
            raise DataRefused(f"{name} is not a {named} file: it starts with {shown(head)}")
        assert found is not None
        return found
    return _text_format(name, named, start)


def refuse_other_archive(name: str, members: Iterable[str]) -> None:
    """Refuse a zip archive that is a document of some program, or holds nothing to read."""
    found = sorted(members)
    for member, what in _ARCHIVES.items():
        if member in found:
            raise DataRefused(f"{name} is {what}, not data", hint=_AS_TEXT)
    if not any(map(has_data_suffix, found)):
        seen = f", only {', '.join(found[:5])}" if found else ""
        raise DataRefused(f"there is no data file in {name}{seen}", hint=_KNOWN)


def read_head(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as stream:
        return stream.read(_HEAD_BYTES)


def shown(head: bytes) -> str:
    """The first bytes for a message."""
    return repr(head[:12])[1:]


def _refuse_others(name: str, head: bytes) -> None:
    for sign, what in _OTHERS.items():
        if head.startswith(sign):
            raise DataRefused(f"{name} is {what}, not data")
    place, sign = _TAR
    if head[place : place + len(sign)] == sign:
        raise DataRefused(f"{name} is a tar archive", hint="give the files themselves, or a .zip")
    if head.startswith(_WIDE) or _is_wide(head[:32]):
        raise DataRefused(f"{name} is UTF-16 text, not UTF-8", hint=_AS_TEXT)


def _is_wide(head: bytes) -> bool:
    """Whether every other byte is zero, as in UTF-16 of letters."""
    even, odd = head[::2], head[1::2]
    return len(head) > 8 and any(head) and (not any(even) or not any(odd))


def _unpacked_name(name: str) -> str:
    lower = name.lower()
    return lower.removesuffix(suffix) if (suffix := Path(lower).suffix) in _PACKINGS else lower


def _format_of(name: str) -> Format | None:
    return _FORMATS.get(Path(name).suffix)


def _binary_format(head: bytes) -> Format | None:
    if head.startswith(_PARQUET):
        return "parquet"
    return "arrow" if head.startswith(_ARROW) else None


def _text_format(name: str, named: Format | None, start: bytes) -> Format:
    """By the name; but of JSON's two ways, one value a line or all in one, by the content."""
    if named == "csv":
        return "csv"
    if start[:1] == b"[" and named != "jsonl":
        return "json"
    if start[:1] == b"[":
        # A list of lists is lines, each of which will be told to be none.
        return "json" if start[1:].lstrip()[:1] == b"{" else "jsonl"
    if start[:1] == b"{":
        return _json_format(start, named)
    if named is not None:
        return named
    if b"\x00" not in start and b"," in start.partition(b"\n")[0]:
        return "csv"
    raise DataRefused(f"{name} is in no known format", hint=_KNOWN)


def _json_format(start: bytes, named: Format | None) -> Format:
    """Objects: one a line, where the first line is a whole one, else one after the other."""
    line, ends, rest = start.partition(b"\n")
    if not ends:
        return named or "json"
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # An object that goes over several lines; or a first line that is damaged.
        return "json" if len(line.strip()) == 1 else named or "json"
    return "jsonl" if rest.strip() else named or "json"
