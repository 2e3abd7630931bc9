"""A folder of a bucket onto a disk: ranges in parallel, resumed, verified.

With an inventory every file has a checksum. Without one, in a folder that somebody else filled,
each file is pinned to the ETag of the listing, so that nothing is put together out of two versions.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from kaito.bucket.answers import StoredObject
from kaito.bucket.client import Bucket, Call
from kaito.bucket.errors import BucketError
from kaito.bucket.inventory import INVENTORY, read_inventory, require_sizes
from kaito.bucket.turn import WRITER, find_writer
from kaito.registry.download import Open, fetch_pieces
from kaito.registry.partial import Piece, sums_of
from kaito.registry.progress import Progress

Choose = Callable[[Sequence[StoredObject]], Sequence[StoredObject]]
"""Of a folder without an inventory: the files that are wanted, their keys being names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What of a folder is to be fetched."""

    pieces: tuple[Piece, ...]
    revision: str = ""
    """What the inventory says; empty without one."""
    sums: dict[str, str] = field(default_factory=dict)
    """The sha256 of files, in hexadecimal, as far as they are known."""


async def find_content(bucket: Bucket, choose: Choose) -> Content:
    """What the folder holds. Asks for names and sizes only, and for the inventory.

    Raises:
        BucketError: the folder is empty, not filled to the end, or not as its inventory says.
    """
    listing = await bucket.list_files()
    if not listing:
        raise BucketError(
            f"{bucket.source.url} has no files",
            reason="not found",
            hint="look at the folder in url",
        )
    if INVENTORY in listing:
        return await _by_inventory(bucket, listing)
    if bucket.source.is_sealed:
        raise BucketError(
            f"{bucket.source.url} was not filled to the end: it has no {INVENTORY}",
            reason="not filled",
            hint="see: kubectl get modelmirrors",
        )
    if WRITER in listing:
        await _require_nobody_writes(bucket)
    named = [
        StoredObject(key=name, size=one.size, etag=one.etag)
        for name, one in listing.items()
        if name != WRITER
    ]
    pieces = tuple(
        Piece(url=bucket.key(one.key), name=one.key, size=one.size, version=one.etag)
        for one in choose(named)
    )
    return Content(pieces=pieces)


async def fetch_content(bucket: Bucket, content: Content, folder: Path, progress: Progress) -> None:
    """Bring the files into `folder`, keeping what is there already.

    Raises:
        RegistryError: what the first file that failed failed of. The rest can be gone on with.
    """
    await fetch_pieces(bucket.web, _opener(bucket), content.pieces, folder, progress)


async def _require_nobody_writes(bucket: Bucket) -> None:
    found = await find_writer(bucket)
    if found is not None and found.is_at_work:
        raise BucketError(
            f"{bucket.source.url} is being filled by {found.owner}", reason="not filled",
            hint="wait until it is complete; see: kubectl get modelmirrors",
        )  # fmt: skip


async def _by_inventory(bucket: Bucket, listing: dict[str, StoredObject]) -> Content:
    inventory = await read_inventory(bucket)
    require_sizes(bucket, inventory, listing)
    pieces = tuple(
        Piece(
            url=bucket.key(file.name),
            name=file.name,
            size=file.size,
            digest=f"sha256:{file.sha256}",
        )
        for file in inventory.files
    )
    return Content(pieces=pieces, revision=inventory.revision, sums=sums_of(pieces))


def _opener(bucket: Bucket) -> Open:
    @asynccontextmanager
    async def open_piece(
        piece: Piece, more: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        pinned = {"If-Match": piece.version} if piece.version else {}
        call = Call(action="s3:GetObject", key=piece.url, headers={**pinned, **more}, is_bulk=True)
        async with bucket.open(call) as response:
            yield response

    return open_piece
