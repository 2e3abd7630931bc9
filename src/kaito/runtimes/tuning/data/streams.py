"""Compressed files as streams of their content, and single members of archives.

A small file can hold a huge content: what comes out is counted, and refused where it is more than
any text compresses to.
"""

import bz2
import gzip
import io
import lzma
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

import pyarrow as pa

from kaito.base.quantity import GIB, MIB
from kaito.runtimes.tuning.data.kinds import Packing
from kaito.runtimes.tuning.errors import DataRefused

BROKEN: Final = (EOFError, OSError, lzma.LZMAError, zlib.error, zipfile.BadZipFile)
"""What reading a damaged compressed file raises, in one of the libraries."""
_MOST_RATIO: Final = 200
_FREE_BYTES: Final = GIB


@contextmanager
def open_content(path: Path, packing: Packing, *, member: str = "") -> Iterator[IO[bytes]]:
    """The content of a file, unpacked while it is read."""
    # Long lines are looked through buffer by buffer.
    with path.open("rb", buffering=MIB) as raw:
        if packing == "zip":
            with zipfile.ZipFile(raw) as archive, _open_member(archive, member, path) as stream:
                yield _bounded(stream, path)
            return
        with _OPENERS[packing](raw) as stream:
            yield stream if not packing else _bounded(stream, path)


def _open_member(archive: zipfile.ZipFile, member: str, path: Path) -> IO[bytes]:
    try:
        return archive.open(member)
    except (RuntimeError, NotImplementedError) as error:
        # Encrypted, or packed in a way of some program's own.
        raise DataRefused(
            f"{path.name}:{member} cannot be unpacked: {error}",
            hint="make a plain .zip, without a password",
        ) from error


def list_members(path: Path) -> tuple[str, ...]:
    """The files in a zip archive, but for what macOS and editors leave there."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except zipfile.BadZipFile as error:
        raise DataRefused(f"{path.name} is a damaged zip archive") from error
    return tuple(
        sorted(name for name in names if not name.startswith("__MACOSX") and "/." not in f"/{name}")
    )


def unpack(path: Path, packing: Packing, target: Path, *, member: str = "") -> None:
    """Write the content to a file: formats that are read from their end need one."""
    with open_content(path, packing, member=member) as stream, target.open("wb") as sink:
        shutil.copyfileobj(stream, sink, MIB)


def _gzip(raw: IO[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))


def _xz(raw: IO[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", lzma.LZMAFile(raw))


def _bzip2(raw: IO[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", bz2.BZ2File(raw))


def _zstd(raw: IO[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd"))


_OPENERS: Final[dict[Packing, Callable[[IO[bytes]], IO[bytes]]]] = {
    "": lambda raw: raw,
    "gz": _gzip,
    "xz": _xz,
    "bz2": _bzip2,
    "zst": _zstd,
}


def _bounded(stream: IO[bytes], path: Path) -> IO[bytes]:
    limit = max(_FREE_BYTES, path.stat().st_size * _MOST_RATIO)
    return io.BufferedReader(_Counted(stream, path.name, limit), MIB)


class _Counted(io.RawIOBase):
    """Passes bytes on, up to a limit."""

    def __init__(self, stream: IO[bytes], name: str, limit: int) -> None:
        self._stream = stream
        self._name = name
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        piece = self._stream.read(len(view))
        self._left -= len(piece)
        if self._left < 0:
            raise DataRefused(f"{self._name} unpacks to more than {_MOST_RATIO} times its size")
        view[: len(piece)] = piece
        return len(piece)
