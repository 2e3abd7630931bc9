"""Local files into a bucket: what is there is not sent, what was cut goes on, part by part."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
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
from kaito.bucket.begun import Begun, read_begun, write_begun
from kaito.bucket.client import Bucket, open_bucket
from kaito.bucket.errors import BucketError
from kaito.bucket.send import Outgoing, send_files
from kaito.registry.errors import RegistryError
from kaito.registry.progress import Unwatched

Make = Callable[..., S3Source]
Complete = Callable[[web.Request], Awaitable[web.StreamResponse]]
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
                await send_files(bucket, [file], Unwatched(), journal=tmp_path / "journal")
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
            await send_files(bucket, [file], Unwatched(), journal=tmp_path / "journal")
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


@pytest.mark.parametrize("begun", ["by this process", "by one that is gone"])
async def test_an_upload_that_was_begun_for_another_content_is_never_completed(
    server: BucketServer, make_bucket: Make, tmp_path: Path, begun: str
) -> None:
    """Though the parts that it has are of both: the checksum noted with it is the other's."""
    source, journal = make_bucket(), tmp_path / "journal"
    client, key, start = server.client(), "models/tiny/b.bin", os.urandom(PART)
    old = outgoing(tmp_path, "b.bin", start + bytes(PART))
    upload = client.create_multipart_upload(
        Bucket=source.bucket, Key=key, Metadata={"kaito-sha256": old.sha256}
    )["UploadId"]
    client.upload_part(Bucket=source.bucket, Key=key, UploadId=upload, PartNumber=1, Body=start)
    if begun == "by this process":
        target = f"s3://{source.bucket}/{key}"
        note = Begun(upload=upload, target=target, sha256=old.sha256, part_bytes=PART)
        write_begun(journal, note)
    new = outgoing(tmp_path, "b.bin", start + os.urandom(PART))
    async with open_bucket(source, SystemClock()) as bucket:
        await send_files(bucket, [new], Unwatched(), journal=journal)
    noted = client.head_object(Bucket=source.bucket, Key=key)["Metadata"]
    assert noted == {"kaito-sha256": new.sha256}
    assert server.read(source, "b.bin") == new.path.read_bytes()
    assert "Uploads" not in client.list_multipart_uploads(Bucket=source.bucket)


async def test_an_upload_that_is_known_but_gone_begins_anew(
    server: BucketServer, make_bucket: Make, tmp_path: Path
) -> None:
    source, journal = make_bucket(), tmp_path / "journal"
    file = outgoing(tmp_path, "b.bin", os.urandom(PART + 1))
    target = f"s3://{source.bucket}/models/tiny/b.bin"
    begun = Begun(upload="gone", target=target, sha256=file.sha256, part_bytes=PART)
    write_begun(journal, begun)
    async with open_bucket(source, SystemClock()) as bucket:
        await send_files(bucket, [file], Unwatched(), journal=journal)
    assert server.read(source, "b.bin") == file.path.read_bytes()
    assert read_begun(journal) != begun


async def test_a_file_that_becomes_shorter_meanwhile_is_not_sent(
    make_bucket: Make, tmp_path: Path
) -> None:
    file = replace(outgoing(tmp_path, "b.bin", bytes(10)), size=2 * PART)
    async with open_bucket(make_bucket(), SystemClock()) as bucket:
        with pytest.raises(RegistryError, match="became shorter") as caught:
            await send_files(bucket, [file], Unwatched())
    assert caught.value.kind == "disk"


@asynccontextmanager
async def a_service(complete: Complete) -> AsyncIterator[Bucket]:
    """One that takes every part, does not list uploads, and completes them as it is told."""

    async def answer(request: web.Request) -> web.StreamResponse:
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
        return await complete(request)

    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{tail:.*}", answer)
    async with TestServer(app) as server:
        source = S3Source("b-1", "p", str(server.make_url("/")).rstrip("/"))
        async with open_bucket(source, SystemClock()) as bucket:
            bucket.web = replace(bucket.web, backoff=Backoff(base=0.01, cap=0.01))
            yield bucket


def refusing(code: str, status: int = 200) -> web.Response:
    text = f"<Error><Code>{code}</Code><Message>m</Message></Error>"
    return web.Response(text=text, status=status)


async def test_an_error_under_a_good_status_is_an_error(tmp_path: Path) -> None:
    codes = ["InternalError", "QuotaExceeded"]

    async def complete(_: web.Request) -> web.Response:
        return refusing(codes.pop(0))

    async with a_service(complete) as bucket:
        with pytest.raises(BucketError) as caught:
            await send_files(bucket, [outgoing(tmp_path, "b.bin", bytes(PART + 1))], Unwatched())
    assert caught.value.reason == "full"
    assert codes == [], "the first passed, and was asked again"


async def test_a_completion_is_tried_as_often_as_any_other_question(tmp_path: Path) -> None:
    asked: list[str] = []

    async def complete(request: web.Request) -> web.Response:
        asked.append(request.method)
        return refusing("InternalError") if len(asked) % 2 else refusing("SlowDown", 503)

    async with a_service(complete) as bucket:
        with pytest.raises(RegistryError) as caught:
            await send_files(bucket, [outgoing(tmp_path, "b.bin", bytes(PART + 1))], Unwatched())
    assert caught.value.kind == "unreachable"
    assert len(asked) == 5


@pytest.mark.parametrize("noted", ["ours", "another's"])
async def test_an_upload_whose_completion_was_not_heard_is_looked_for(
    tmp_path: Path, noted: str
) -> None:
    file = outgoing(tmp_path, "b.bin", bytes(PART + 1))
    sha256 = file.sha256 if noted == "ours" else "0" * 64
    asked: list[str] = []

    async def complete(request: web.Request) -> web.Response:
        asked.append(request.method)
        if request.method == "HEAD":
            headers = {"Content-Length": str(file.size), "x-amz-meta-kaito-sha256": sha256}
            return web.Response(headers=headers)
        if len(asked) == 1:
            assert request.transport is not None
            request.transport.close()
        return refusing("NoSuchUpload", 404)

    async with a_service(complete) as bucket:
        if noted == "ours":
            await send_files(bucket, [file], Unwatched())
        else:
            with pytest.raises(BucketError, match="NoSuchUpload"):
                await send_files(bucket, [file], Unwatched())
    assert asked == ["POST", "POST", "HEAD"]


async def test_a_service_may_take_its_time_to_put_parts_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it says something: white space, before the answer."""
    monkeypatch.setattr("kaito.registry.web.ANSWER_SECONDS", 0.35)
    monkeypatch.setattr(send, "ASSEMBLY_SECONDS", 1.5)
    asked: list[str] = []
    is_asked_again = asyncio.Event()

    async def complete(request: web.Request) -> web.StreamResponse:
        asked.append(request.method)
        response = web.StreamResponse()
        await response.prepare(request)
        if len(asked) == 1:
            await is_asked_again.wait()
            return response
        is_asked_again.set()
        for _ in range(4):  # together longer than the limit, each of them much shorter
            await response.write(b"\n ")
            await asyncio.sleep(0.4)
        await response.write(b"<CompleteMultipartUploadResult/>")
        return response

    async with a_service(complete) as bucket:
        await send_files(bucket, [outgoing(tmp_path, "b.bin", bytes(PART + 1))], Unwatched())
    assert len(asked) == 2, "who says nothing is asked again"
