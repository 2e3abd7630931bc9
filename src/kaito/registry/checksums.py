"""Checksums of stretches of files, computed beside the event loop.

hashlib lets go of the interpreter's lock, so a thread really runs next to the download; a library
that computes for a second without awaiting is what threads are for.
"""

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Final

from kaito.base.quantity import MIB

_BUFFER: Final = MIB // 4
"""Small enough to stay in the processor's cache between reading and adding up."""
_KINDS: Final = frozenset({"sha256", "sha512", "git"})


class Sum:
    """The running checksum of `size` bytes of a file from `offset` on."""

    def __init__(self, digest: str, *, size: int) -> None:
        kind, _, self._expected = digest.partition(":")
        # What is announced in a way that nobody can check is wrong, not unknown.
        self._is_checked = not digest or (kind in _KINDS and bool(self._expected))
        if kind == "git":
            # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
            self._sum = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        else:
            self._sum = hashlib.new(kind if kind in _KINDS else "sha256")
        self.done = 0

    async def add(self, file: int, *, offset: int, upto: int) -> None:
        """Take in the bytes up to `upto`, which count from the stretch's start at `offset`."""
        work = asyncio.ensure_future(asyncio.to_thread(self._add, file, offset, upto))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            # A thread cannot be called back, and may not read from a file closed under it.
            await work
            raise

    def matches(self) -> bool:
        """Whether it is the sum that was announced; always, where none was at all."""
        if not self._is_checked:
            return False
        return not self._expected or self._sum.hexdigest() == self._expected

    def _add(self, file: int, offset: int, upto: int) -> None:
        buffer = memoryview(bytearray(_BUFFER))
        while self.done < upto:
            count = os.preadv(file, [buffer[: upto - self.done]], offset + self.done)
            if not count:
                return
            self._sum.update(buffer[:count])
            self.done += count


async def has_digest(path: Path, digest: str, *, offset: int, size: int) -> bool:
    """Whether a stretch of a file has the sum `digest`."""
    with path.open("rb", buffering=0) as stream:
        total = Sum(digest, size=size)
        await total.add(stream.fileno(), offset=offset, upto=size)
    return total.done == size and total.matches()


async def sha256_of(path: Path, *, offset: int = 0, size: int | None = None) -> str:
    """`sha256:HEX` of a file, or of a stretch of it."""
    return await asyncio.to_thread(_sha256_of, path, offset, size)


def _sha256_of(path: Path, offset: int, size: int | None) -> str:
    with path.open("rb", buffering=0) as stream:
        left = os.fstat(stream.fileno()).st_size - offset if size is None else size
        total, buffer = hashlib.sha256(), memoryview(bytearray(_BUFFER))
        stream.seek(offset)
        while left > 0 and (count := stream.readinto(buffer[:left])):
            total.update(buffer[:count])
            left -= count
    return f"sha256:{total.hexdigest()}"
