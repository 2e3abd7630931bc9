"""`kaito-mirror.json`: what a folder of a bucket holds, written when all of it is there.

Whoever fills the folder removes it first and writes it last, so that what it lists can be trusted;
whoever reads the folder verifies every byte against it.
"""

import re
from typing import Final

import msgspec

from kaito.bucket.answers import StoredObject
from kaito.bucket.client import Body, Bucket, Call
from kaito.bucket.errors import BucketError

INVENTORY: Final = "kaito-mirror.json"
FORMAT_VERSION: Final = 1
_SHA256: Final = re.compile("[0-9a-f]{64}")


class InventoryFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file; `size` in bytes, `sha256` in hexadecimal."""

    name: str
    size: int
    sha256: str


class Inventory(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The document."""

    format_version: int = FORMAT_VERSION
    source: str = ""
    """Where the files came from, as `kaito.api.weight_source` spells it."""
    revision: str = ""
    files: tuple[InventoryFile, ...]


async def read_inventory(bucket: Bucket) -> Inventory:
    """The document of a folder that has one; `BucketError` where it cannot be used."""
    call = Call(action="s3:GetObject", key=bucket.key(INVENTORY))
    text, what = await bucket.ask(call), bucket.describe(bucket.key(INVENTORY))
    try:
        found = msgspec.json.decode(text, type=Inventory)
    except msgspec.MsgspecError as error:
        raise BucketError(
            f"{what} cannot be read: {error}", reason="damaged", hint="make the mirror anew"
        ) from error
    if found.format_version > FORMAT_VERSION:
        raise BucketError(
            f"{what} was written by a newer version of kaito (format {found.format_version})",
            reason="refused",
            hint="upgrade kaito",
        )
    if not found.files or not all(_SHA256.fullmatch(file.sha256) for file in found.files):
        raise BucketError(f"{what} lists no files with checksums", reason="damaged")
    return found


async def write_inventory(bucket: Bucket, inventory: Inventory) -> None:
    """Say that the folder is complete."""
    text = msgspec.json.format(msgspec.json.encode(inventory), indent=2) + b"\n"
    key = bucket.key(INVENTORY)
    call = Call(action="s3:PutObject", method="PUT", key=key, body=Body.of(text))
    await bucket.ask(call)


async def remove_inventory(bucket: Bucket) -> None:
    """Say that the folder is not complete."""
    call = Call(action="s3:DeleteObject", method="DELETE", key=bucket.key(INVENTORY))
    await bucket.ask(call)


def require_sizes(bucket: Bucket, inventory: Inventory, listing: dict[str, StoredObject]) -> None:
    """Raise `BucketError` unless every file is there in its size."""
    for file in inventory.files:
        what = bucket.describe(bucket.key(file.name))
        if (found := listing.get(file.name)) is None:
            if "/" in file.name:
                continue  # a listing is of the folder itself
            raise BucketError(
                f"{what} is missing, though {INVENTORY} lists it", reason="damaged",
                hint="make the mirror anew, or put the file back",
            )  # fmt: skip
        if found.size != file.size:
            raise BucketError(
                f"{what} is damaged: it has {found.size} bytes, and {INVENTORY} says {file.size}",
                reason="damaged",
                hint="make the mirror anew, or put the file back",
            )
