"""Reading CRI logs: lines with their times, across rotated files, from the start or the end.

A line is `<RFC3339Nano> <stdout|stderr> <F|P> <content>`; P marks a part whose line goes on. Plain
file reads only; waiting for a log to grow is the business of `logs`.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_CHUNK = 1 << 18
"""Bytes read at a time; a line of the log is far shorter."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece of output as it was written."""

    time: bytes
    """RFC 3339 with nanoseconds, UTC; comparing the bytes compares the times."""
    is_whole: bool
    """Whether the line ends here."""
    content: bytes
    """Without the newline."""


def parse_entry(line: bytes) -> Entry | None:
    """One line of a log, without its newline; None for what is no log line."""
    fields = line.split(b" ", 3)
    if len(fields) != 4:
        return None
    return Entry(fields[0], fields[2] == b"F", fields[3])


class LineRenderer:
    """Turns entries into what a reader sees, a line's time only before its first part."""

    def __init__(self, *, timestamps: bool = False) -> None:
        self._timestamps = timestamps
        self._is_inside_line = False

    def render(self, entries: Iterable[Entry]) -> bytes:
        """The output of the next entries."""
        pieces: list[bytes] = []
        for entry in entries:
            if self._timestamps and not self._is_inside_line:
                pieces.append(entry.time + b" ")
            pieces.append(entry.content + (b"\n" if entry.is_whole else b""))
            self._is_inside_line = not entry.is_whole
        return b"".join(pieces)


class LogCursor:
    """A position in a log that only moves forward and survives rotation. Use with `with`."""

    def __init__(self, log: Path, *, tail: int | None = None) -> None:
        """Start at the first line still there, or at the last `tail` ones."""
        self._log = log
        self._queue: list[IO[bytes]] = []
        self._rest = b""
        for part in reversed(_parts(log)):
            if tail is not None and tail <= 0:
                break
            file = part.open("rb")
            if tail is not None:
                tail -= _seek_tail(file, tail)
            self._queue.insert(0, file)
        if not self._queue and log.exists():
            # Nothing of what is there is wanted, but what comes is.
            file = log.open("rb")
            file.seek(0, os.SEEK_END)
            self._queue.append(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for file in self._queue:
            file.close()

    def read(self) -> list[Entry]:
        """The next entries, as many as come in one piece; empty when there are none now."""
        while True:
            data = self._queue[0].read(_CHUNK) if self._queue else b""
            if data:
                *lines, self._rest = (self._rest + data).split(b"\n")
                found = [entry for line in lines if (entry := parse_entry(line))]
                if found:
                    return found
            elif not self._advance():
                return []

    def _advance(self) -> bool:
        """Go on to the next file, if the log has been rotated or had several from the start."""
        if len(self._queue) > 1:
            self._queue.pop(0).close()
            return True
        following = self._find_next()
        if following is None:
            return False
        # What was written to the old file between our last read and its rotation comes first.
        if self._queue and self._has_more(self._queue[0]):
            return True
        self._queue.append(following.open("rb"))
        return True

    def _find_next(self) -> Path | None:
        existing = _parts(self._log)
        if not self._queue:
            return existing[0] if existing else None
        mine = os.fstat(self._queue[0].fileno()).st_ino
        inodes = [part.stat().st_ino for part in existing]
        if mine not in inodes:
            return existing[0] if existing else None
        index = inodes.index(mine) + 1
        return existing[index] if index < len(existing) else None

    def _has_more(self, file: IO[bytes]) -> bool:
        return os.fstat(file.fileno()).st_size > file.tell()


def read_tail(log: Path, count: int) -> bytes:
    """The last `count` lines of output without their times."""
    with LogCursor(log, tail=count) as cursor:
        entries: list[Entry] = []
        while found := cursor.read():
            entries += found
        return LineRenderer().render(entries)


def _parts(log: Path) -> tuple[Path, ...]:
    """The files of one log that exist, oldest first."""
    older: list[Path] = []
    while (part := log.with_name(f"{log.name}.{len(older) + 1}")).exists():
        older.append(part)
    return (*reversed(older), *((log,) if log.exists() else ()))


def _seek_tail(file: IO[bytes], count: int) -> int:
    """Move to where the last `count` lines of the file begin; how many there really are."""
    end = file.seek(0, os.SEEK_END)
    position, tail = end, b""
    while position > 0 and tail.count(b"\n") <= count:
        step = min(_CHUNK, position)
        position -= step
        file.seek(position)
        tail = file.read(step) + tail
    lines = tail.splitlines(keepends=True)[-count:]
    file.seek(end - sum(len(line) for line in lines))
    return len(lines)
