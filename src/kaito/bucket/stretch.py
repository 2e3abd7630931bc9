"""A stretch of a file as the body of a request, read beside the event loop."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kaito.base.quantity import MIB
from kaito.bucket.client import Body
from kaito.registry.errors import RegistryError

_READ: Final = MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """`size` bytes of a file from `offset` on."""

    path: Path
    offset: int
    size: int

    async def sum(self, kind: str) -> str:
        """Its checksum in hexadecimal; `kind` is hashlib's name."""
        return await asyncio.to_thread(self._sum, kind)

    def body(self, sha256: str, sent: Callable[[int], None]) -> Body:
        """What is sent; `sent` is told how much of it has been handed on."""
        return Body(data=self._read(sent), size=self.size, sha256=sha256)

    def _sum(self, kind: str) -> str:
        total, at = hashlib.new(kind, usedforsecurity=False), 0
        with self.path.open("rb", buffering=0) as stream:
            while at < self.size:
                content = os.pread(stream.fileno(), min(_READ, self.size - at), self.offset + at)
                if not content:
                    raise self._shorter()
                total.update(content)
                at += len(content)
        return total.hexdigest()

    async def _read(self, sent: Callable[[int], None]) -> AsyncIterator[bytes]:
        file, at = os.open(self.path, os.O_RDONLY), 0
        try:
            while at < self.size:
                content = await asyncio.to_thread(
                    os.pread, file, min(_READ, self.size - at), self.offset + at
                )
                if not content:
                    raise self._shorter()
                yield content
                at += len(content)
                sent(at)
        finally:
            os.close(file)

    def _shorter(self) -> RegistryError:
        return RegistryError(f"{self.path} became shorter while it was sent", kind="disk")
