"""A folder of a bucket onto a disk: verified, gone on with, and never mixed out of two versions."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from bucket_server import BucketServer, spied_wire

from kaito.api.weight_source import S3Source
from kaito.base.backoff import Backoff
from kaito.base.clock import SystemClock
from kaito.bucket.client import Bucket, open_bucket
from kaito.bucket.errors import BucketError
from kaito.bucket.fetch import Content, fetch_content, find_content
from kaito.bucket.inventory import INVENTORY, Inventory, InventoryFile, write_inventory
from kaito.registry.errors import RegistryError
from kaito.registry.progress import Unwatched

Make = Callable[..., S3Source]
MIB = 1 << 20


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def find(bucket: Bucket) -> Content:
    return await find_content(bucket, lambda found: found)


async def seal(bucket: Bucket, **files: bytes) -> None:
    """List files as whoever filled the folder would."""
    listed = tuple(
        InventoryFile(
            name=name.replace("__", "."),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        for name, content in files.items()
    )
    await write_inventory(bucket, Inventory(source="hub:a/b@main", revision="c1", files=listed))


async def test_what_is_listed_is_fetched_and_verified(make_bucket: Make, tmp_path: Path) -> None:
    source = make_bucket(a__json=b"{}", b__bin=b"weights", other__txt=b"not listed")
    async with open_bucket(source, SystemClock()) as bucket:
        await seal(bucket, a__json=b"{}", b__bin=b"weights")
        content = await find(bucket)
        await fetch_content(bucket, content, tmp_path, Unwatched())
    assert contents(tmp_path) == {"a.json": b"{}", "b.bin": b"weights"}
    assert content.revision == "c1"
    assert content.sums["b.bin"] == hashlib.sha256(b"weights").hexdigest()


async def test_bytes_that_are_not_those_of_the_list_are_damaged(
    server: BucketServer, make_bucket: Make, tmp_path: Path
) -> None:
    source = make_bucket(b__bin=b"another")
    async with open_bucket(source, SystemClock()) as bucket:
        await seal(bucket, b__bin=b"weights")
        with pytest.raises(RegistryError, match=r"b\.bin arrived damaged twice") as caught:
            await fetch_content(bucket, await find(bucket), tmp_path, Unwatched())
        assert caught.value.kind == "damaged"
        server.put(source, "b.bin", b"weig")
        with pytest.raises(BucketError, match="has 4 bytes, and kaito-mirror") as cut:
            await find(bucket)
        assert cut.value.reason == "damaged"
    assert not (tmp_path / "b.bin").exists()


async def test_a_folder_that_was_not_filled_to_the_end_is_not_used(make_bucket: Make) -> None:
    source = msgspec.structs.replace(make_bucket(a__json=b"{}"), is_sealed=True)
    async with open_bucket(source, SystemClock()) as bucket:
        with pytest.raises(BucketError, match="was not filled to the end") as caught:
            await find(bucket)
    assert caught.value.reason == "not filled"


async def test_an_empty_folder_and_a_list_that_is_none_say_so(
    server: BucketServer, make_bucket: Make
) -> None:
    source = make_bucket()
    async with open_bucket(source, SystemClock()) as bucket:
        with pytest.raises(BucketError, match="has no files"):
            await find(bucket)
        server.put(source, INVENTORY, b"[]")
        with pytest.raises(BucketError, match="cannot be read"):
            await find(bucket)


async def test_what_was_cut_is_gone_on_with(
    server: BucketServer, make_bucket: Make, tmp_path: Path
) -> None:
    weights = os.urandom(20 * MIB)
    source = make_bucket(b__bin=weights)
    with spied_wire(server.url) as (url, wire):
        cut = msgspec.structs.replace(source, endpoint=url)
        wire.limit = lambda wire: wire.answered > 12 * MIB
        async with open_bucket(cut, SystemClock()) as bucket:
            bucket.web = replace(bucket.web, backoff=Backoff(base=0.01, cap=0.01))
            await seal(bucket, b__bin=weights)
            content = await find(bucket)
            with pytest.raises(RegistryError) as caught:
                await fetch_content(bucket, content, tmp_path, Unwatched())
        assert caught.value.kind == "unreachable"
    with spied_wire(server.url) as (url, wire):
        again = msgspec.structs.replace(source, endpoint=url)
        async with open_bucket(again, SystemClock()) as bucket:
            await fetch_content(bucket, await find(bucket), tmp_path, Unwatched())
        assert (tmp_path / "b.bin").read_bytes() == weights
        ((method, part),) = wire.asked_for("b.bin")
        assert method == "GET"
        assert int(part.partition("-")[0]) >= 8 * MIB, "what had arrived came again"
        assert wire.answered < 13 * MIB


async def test_without_a_list_a_file_that_changes_meanwhile_is_not_mixed(
    server: BucketServer, make_bucket: Make, tmp_path: Path
) -> None:
    source = make_bucket(b__bin=b"first one")
    async with open_bucket(source, SystemClock()) as bucket:
        old = await find(bucket)
        server.put(source, "b.bin", b"second on")
        new = await find(bucket)
        assert old.pieces[0].key != new.pieces[0].key
        with pytest.raises(BucketError, match="changed meanwhile") as caught:
            await fetch_content(bucket, old, tmp_path, Unwatched())
        assert caught.value.reason == "changed"
        await fetch_content(bucket, new, tmp_path, Unwatched())
    assert (tmp_path / "b.bin").read_bytes() == b"second on"


async def test_a_disk_without_room_says_how_much_is_missing(
    make_bucket: Make, tmp_path: Path
) -> None:
    source = make_bucket(b__bin=b"weights")
    async with open_bucket(source, SystemClock()) as bucket:
        found = await find(bucket)
        large = tuple(replace(piece, size=1 << 60) for piece in found.pieces)
        with pytest.raises(RegistryError, match="are needed") as caught:
            await fetch_content(bucket, Content(pieces=large), tmp_path, Unwatched())
    assert caught.value.kind == "disk"


async def test_of_an_object_that_became_shorter_no_more_is_kept_than_there_is(
    server: BucketServer, make_bucket: Make, tmp_path: Path
) -> None:
    shorter = os.urandom(5 * MIB)
    source = make_bucket(b__bin=os.urandom(20 * MIB))
    with spied_wire(server.url) as (url, wire):
        cut = msgspec.structs.replace(source, endpoint=url)
        wire.limit = lambda wire: wire.answered > 12 * MIB
        async with open_bucket(cut, SystemClock()) as bucket:
            bucket.web = replace(bucket.web, backoff=Backoff(base=0.01, cap=0.01))
            content = await find(bucket)
            with pytest.raises(RegistryError):
                await fetch_content(bucket, content, tmp_path, Unwatched())
    server.put(source, "b.bin", shorter)
    async with open_bucket(source, SystemClock()) as bucket:
        await fetch_content(bucket, await find(bucket), tmp_path, Unwatched())
    assert (tmp_path / "b.bin").read_bytes() == shorter
