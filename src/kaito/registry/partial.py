"""Files on their way into a folder, and a journal of what has arrived: a crash costs little.

    <folder>/.kaito-pull/files/<name>    grows at any place; moved to <folder>/<name> when verified
    <folder>/.kaito-pull/journal         one line a stretch that was written, or piece that is good

A journal's line is written after its bytes; the operating system keeps both when the process dies.
What a power cut loses is found by the checksum.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Final, Self

from kaito.registry.errors import RegistryError
from kaito.registry.spans import Spans

PARTIAL_FOLDER: Final = ".kaito-pull"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a file that is fetched and verified by itself; mostly the whole file."""

    url: str
    name: str
    """Of the file, relative to the folder."""
    size: int
    digest: str = ""
    """`sha256:HEX`, or `git:HEX` for a git blob's id; empty: nobody knows."""
    offset: int = 0
    """Where in the file it begins."""
    version: str = ""
    """Where nobody knows the digest: what changes with the content, such as an ETag."""

    @property
    def key(self) -> str:
        """What the journal knows it by: other content under the same name is another piece."""
        known = self.digest or f"{self.size}{self.version and f'~{self.version}'}"
        return f"{known}@{self.offset} {self.name}"


def sums_of(pieces: Sequence[Piece]) -> dict[str, str]:
    """The sha256, in hexadecimal, of each file that is one piece and whose source names it."""
    parts = Counter(piece.name for piece in pieces)
    return {
        piece.name: piece.digest.removeprefix("sha256:")
        for piece in pieces
        if parts[piece.name] == 1 and piece.digest.startswith("sha256:")
    }


class PartialFolder:
    """One folder being filled, by one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = folder / PARTIAL_FOLDER
        self._spans: dict[str, Spans] = {}
        self._good: set[str] = set()
        self._journal = -1

    def __enter__(self) -> Self:
        """Read what an earlier process wrote, and go on writing."""
        with disk_errors(self._root):
            (self._root / "files").mkdir(parents=True, exist_ok=True)
            path = self._root / "journal"
            torn = self._read(path)
            self._journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            if torn:
                os.write(self._journal, b"\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the journal; it stays until `finish`."""
        os.close(self._journal)

    def spans(self, piece: Piece) -> Spans:
        """What has arrived of a piece."""
        return self._spans.setdefault(piece.key, Spans())

    def is_good(self, piece: Piece) -> bool:
        """Whether the piece was verified, by this process or an earlier one."""
        return piece.key in self._good

    def path(self, name: str) -> Path:
        """Where a file grows; its folders are made."""
        path = self._grown(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def target(self, name: str) -> Path:
        """Where it will be."""
        return self.folder / _require_inner(name)

    def record(self, piece: Piece, start: int, end: int) -> None:
        """Note bytes that are written; `start` and `end` count within the piece."""
        self.spans(piece).add(start, end)
        self._write(f"have {start} {end} {piece.key}")

    def record_good(self, piece: Piece) -> None:
        """Note that the piece is verified."""
        self._good.add(piece.key)
        self.spans(piece).add(0, piece.size)
        self._write(f"good 0 {piece.size} {piece.key}")

    def forget(self, piece: Piece) -> None:
        """The piece was not what it should be: nothing of it is there."""
        if piece.key not in self._spans:
            return
        del self._spans[piece.key]
        self._good.discard(piece.key)
        self._write(f"drop 0 0 {piece.key}")

    def publish(self, name: str) -> None:
        """Move a verified file to its place."""
        grown, target = self._grown(name), self.target(name)
        # Not there: an earlier process had moved it, and what it noted stands in the journal.
        if grown.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            grown.rename(target)

    def finish(self) -> None:
        """Everything is in its place: nothing is left to go on with."""
        shutil.rmtree(self._root, ignore_errors=True)

    def _grown(self, name: str) -> Path:
        return self._root / "files" / _require_inner(name)

    def _write(self, line: str) -> None:
        with disk_errors(self._root):
            os.write(self._journal, f"{line}\n".encode())

    def _read(self, path: Path) -> bool:
        """Take in the journal; whether its last line was cut off."""
        if not path.exists():
            return False
        text = path.read_bytes().decode(errors="replace")
        *lines, last = text.split("\n")
        for line in lines:
            self._apply(line.split(" ", 3))
        return bool(last)

    def _apply(self, words: list[str]) -> None:
        if len(words) != 4 or not (words[1].isdecimal() and words[2].isdecimal()):
            return
        verb, start, end, key = words
        if verb == "drop":
            self._spans.pop(key, None)
            self._good.discard(key)
        elif verb in {"have", "good"}:
            self._spans.setdefault(key, Spans()).add(int(start), int(end))
            if verb == "good":
                self._good.add(key)


def _require_inner(name: str) -> str:
    """The name, if it stays in its folder; whoever made it should have seen to that."""
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name:
        raise RegistryError(f"name {name[:200]!r} leads out of the folder", kind="refused")
    return name


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns what the file system refuses in the block into an error of ours about `path`."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RegistryError(f"cannot write {path}: {reason}", kind="disk") from error
