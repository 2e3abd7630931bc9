"""Local files as a registry's layers: each whole, or a large one in parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kaito.base.quantity import GIB
from kaito.registry.checksums import sha256_of
from kaito.registry.manifest import (
    FILE_NAME,
    FILE_OFFSET,
    FILE_SHA256,
    FILE_SIZE,
    TITLE,
    Descriptor,
)

CHUNK_BYTES: Final = 2 * GIB
"""Largest layer; many registries limit what they take at once, and a damaged part is cheaper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A file to push."""

    name: str
    """What it is called where it is pulled to; may have folders."""
    path: Path
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a file that becomes one layer."""

    file: LocalFile
    offset: int
    size: int
    layer: Descriptor


def cut(size: int, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """The parts of `size` bytes as (offset, size); one, possibly empty, where it is not larger."""
    yield 0, min(size, chunk_bytes)
    for offset in range(chunk_bytes, size, chunk_bytes):
        yield offset, min(chunk_bytes, size - offset)


async def read_parts(file: LocalFile, *, chunk_bytes: int = CHUNK_BYTES) -> tuple[Part, ...]:
    """The layers of one file, with their digests; reads all of it."""
    size = file.path.stat().st_size
    spans = tuple(cut(size, chunk_bytes))
    digests = [await sha256_of(file.path, offset=offset, size=length) for offset, length in spans]
    whole = digests[0] if len(spans) == 1 else await sha256_of(file.path)
    return tuple(
        Part(
            file=file,
            offset=offset,
            size=length,
            layer=Descriptor(
                media_type=file.media_type,
                digest=digest,
                size=length,
                annotations=_annotations(file.name, (size, whole), number, spans),
            ),
        )
        for number, ((offset, length), digest) in enumerate(zip(spans, digests, strict=True))
    )


def _annotations(
    name: str, whole: tuple[int, str], number: int, spans: Sequence[tuple[int, int]]
) -> dict[str, str]:
    if len(spans) == 1:
        return {TITLE: name}
    return {
        TITLE: f"{name}.part-{number:04d}",
        FILE_NAME: name,
        FILE_OFFSET: str(spans[number][0]),
        FILE_SIZE: str(whole[0]),
        FILE_SHA256: whole[1].removeprefix("sha256:"),
    }
