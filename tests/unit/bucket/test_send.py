"""Local files into a bucket: what is there is not sent, what was cut goes on, part by part."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from bucket_server import BucketServer, spied_wire

from kaito.api.weight_source import S3Source
from kaito.base.backoff import Backoff
from kaito.base.clock import SystemClock
from kaito.bucket import send
from kaito.bucket.client import open_bucket
from kaito.bucket.errors import BucketError
from kaito.bucket.send import Outgoing, send_files
from kaito.registry.errors import RegistryError
from kaito.registry.progress import Unwatched

Make = Callable[..., S3Source]
MIB = 1 << 20
PART = 6 * MIB


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the least size that services take, and some; and little patience with silence."""
    monkeypatch.setattr(send, "PART_BYTES", PART)
    monkeypatch.setattr(send, "SILENCE_SECONDS", 5.0)


class Counted(Unwatched):
    """What of a transfer was there before, and what of it was done."""

    def __init__(self) -> None:
        self.total = self.there = self.done = 0

    def start(self, *, total: int, done: int) -> None:
        self.total, self.there, self.done = total, done, done

    def advance(self, size: int, *, item: str = "") -> None:
        self.done += size


def outgoing(folder: Path, name: str, content: bytes) -> Outgoing:
    (folder / name).write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    return Outgoing(name=name, path=folder / name, size=len(content), sha256=sha256)


async def test_large_and_small_files_arrive_and_are_not_sent_again(
    server: BucketServer, make_bucket: Make, tmp_path: Path
) -> None:
    source, content = make_bucket(), os.urandom(3 * PART + 5)
    files = [outgoing(tmp_path, "a.json", b"{}"), outgoing(tmp_path, "b.bin", content)]
    first, second = Counted(), Counted()
    async with open_bucket(source, SystemClock()) as bucket:
        await send_files(bucket, files, first)
        await send_files(bucket, files, second)
    assert server.read(source, "b.bin") == content
    assert (first.there, first.done) == (0, len(content) + 2)
    assert second.there == second.total == len(content) + 2


async def test_a_file_of_another_content_is_sent_though_its_size_is_the_same(
    server: BucketServer, make_bucket: Make, tmp_path: Path
) -> None:
    source = make_bucket(a__json=b"[]")
    async with open_bucket(source, SystemClock()) as bucket:
        await send_files(bucket, [outgoing(tmp_path, "a.json", b"{}")], Unwatched())
    assert server.read(source, "a.json") == b"{}"


async def test_parts_that_are_there_are_not_sent_again(
    server: BucketServer, make_bucket: Make, tmp_path: Path
) -> None:
    source, content = make_bucket(), os.urandom(8 * PART)
    file = outgoing(tmp_path, "b.bin", content)
    with spied_wire(server.url) as (url, wire):
        wire.limit = lambda wire: wire.sent > 6 * PART
        async with open_bucket(
            msgspec.structs.replace(source, endpoint=url), SystemClock()
        ) as bucket:
            bucket.web = replace(bucket.web, backoff=Backoff(base=0.01, cap=0.01))
            with pytest.raises(RegistryError):
                await send_files(bucket, [file], Unwatched())
    client = server.client()
    (upload,) = client.list_multipart_uploads(Bucket=source.bucket)["Uploads"]
    there = client.list_parts(
        Bucket=source.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
    )["Parts"]  # fmt: skip
    assert there, "at least one part came through"
    with spied_wire(server.url) as (url, wire):
        async with open_bucket(
            msgspec.structs.replace(source, endpoint=url), SystemClock()
        ) as bucket:
            await send_files(bucket, [file], Unwatched())
        assert wire.sent < (8 - len(there)) * PART + MIB
    assert server.read(source, "b.bin") == content
    assert "Uploads" not in client.list_multipart_uploads(Bucket=source.bucket)


async def test_parts_of_another_content_are_replaced_and_old_uploads_ended(
    server: BucketServer, make_bucket: Make, tmp_path: Path
) -> None:
    source, content = make_bucket(), os.urandom(2 * PART)
    client, key = server.client(), "models/tiny/b.bin"
    for _ in range(2):
        upload = client.create_multipart_upload(Bucket=source.bucket, Key=key)["UploadId"]
        client.upload_part(
            Bucket=source.bucket, Key=key, UploadId=upload, PartNumber=1, Body=bytes(PART)
        )
    async with open_bucket(source, SystemClock()) as bucket:
        await send_files(bucket, [outgoing(tmp_path, "b.bin", content)], Unwatched())
    assert server.read(source, "b.bin") == content
    assert "Uploads" not in client.list_multipart_uploads(Bucket=source.bucket)


async def test_a_file_that_becomes_shorter_meanwhile_is_not_sent(
    make_bucket: Make, tmp_path: Path
) -> None:
    file = replace(outgoing(tmp_path, "b.bin", bytes(10)), size=2 * PART)
    async with open_bucket(make_bucket(), SystemClock()) as bucket:
        with pytest.raises(RegistryError, match="became shorter") as caught:
            await send_files(bucket, [file], Unwatched())
    assert caught.value.kind == "disk"


async def test_an_error_under_a_good_status_is_an_error(tmp_path: Path) -> None:
    told = "<Error><Code>InternalError</Code><Message>m</Message></Error>"
    full = "<Error><Code>QuotaExceeded</Code><Message>m</Message></Error>"
    completions = [told, full]

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        if request.method == "PUT":
            return web.Response(headers={"ETag": '"e"'})
        if "list-type" in request.query:
            return web.Response(text="<ListBucketResult/>")
        if request.method == "GET":
            return web.Response(status=501, text="<Error><Code>NotImplemented</Code></Error>")
        if "uploads" in request.query:
            text = "<UploadId>u</UploadId>"
            name = "InitiateMultipartUploadResult"
            return web.Response(text=f"<{name}>{text}</{name}>")
        return web.Response(text=completions.pop(0))

    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{tail:.*}", answer)
    async with TestServer(app) as server:
        source = S3Source("b-1", "p", str(server.make_url("/")).rstrip("/"))
        async with open_bucket(source, SystemClock()) as bucket:
            bucket.web = replace(bucket.web, backoff=Backoff(base=0.01, cap=0.01))
            with pytest.raises(BucketError) as caught:
                await send_files(
                    bucket, [outgoing(tmp_path, "b.bin", bytes(PART + 1))], Unwatched()
                )
    assert caught.value.reason == "full"
    assert completions == [], "the first passed, and was asked again"
