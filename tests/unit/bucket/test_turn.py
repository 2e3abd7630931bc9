"""One writer of a folder at a time: taken, renewed, given back, and over when nobody renews it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from bucket_server import BucketServer

from kaito.api.weight_source import S3Source
from kaito.base.clock import ManualClock, SystemClock, settle
from kaito.bucket.client import Bucket, open_bucket
from kaito.bucket.errors import BucketError
from kaito.bucket.turn import STALE_SECONDS, WRITER, Writer, find_writer, require_turn, writing

Make = Callable[..., S3Source]


class Keeper:
    """A service with one object, whose clock a test moves; conditions are known to it, or not."""

    def __init__(self, *, refusal: int = 0) -> None:
        self.content: bytes | None = None
        self.written = self.now = 1_000_000.0
        self.refusal = refusal
        self.conditions: list[str] = []
        self.put = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        date = {"Date": formatdate(self.now, usegmt=True)}
        if request.method == "PUT":
            return web.Response(status=await self._store(request), headers=date)
        if request.method == "DELETE":
            self.content = None
            return web.Response(status=204, headers=date)
        if self.content is None:
            return web.Response(status=404, headers=date)
        modified = {"Last-Modified": formatdate(self.written, usegmt=True)}
        return web.Response(body=self.content, headers={**date, **modified})

    async def _store(self, request: web.Request) -> int:
        content, condition = await request.read(), request.headers.get("If-None-Match", "")
        self.conditions.append(condition)
        if condition and self.refusal:
            return self.refusal
        if condition and self.content is not None:
            return 412
        self.content, self.written = content, self.now
        self.put.set()
        return 200

    @asynccontextmanager
    async def bucket(self) -> AsyncIterator[Bucket]:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.answer)
        async with TestServer(app) as server:
            source = S3Source("b-1", "p", str(server.make_url("/")).rstrip("/"))
            async with open_bucket(source, SystemClock()) as bucket:
                yield bucket


async def test_a_turn_is_taken_and_given_back(server: BucketServer, make_bucket: Make) -> None:
    source = make_bucket()
    async with open_bucket(source, SystemClock()) as bucket:
        async with writing(bucket, "a", SystemClock()):
            found = await find_writer(bucket)
            assert found is not None
            assert found.owner == "a"
            assert found.is_at_work
            async with writing(bucket, "a", SystemClock()):
                pass  # the next try of one that was killed
        assert server.names(source) == set()
        with pytest.raises(BucketError, match="may have been filled by somebody else"):
            await require_turn(bucket, "a")


async def test_of_two_at_the_same_moment_one_has_the_turn() -> None:
    keeper, is_refused = Keeper(), asyncio.Event()

    async def take(bucket: Bucket, owner: str) -> str:
        try:
            async with writing(bucket, owner, SystemClock()):
                await asyncio.wait_for(is_refused.wait(), 5)
        except BucketError as error:
            is_refused.set()
            return str(error)
        return ""

    async with keeper.bucket() as bucket:
        said = sorted(await asyncio.gather(take(bucket, "one"), take(bucket, "two")))
    assert said[0] == ""
    assert "is being filled by" in said[1]


@pytest.mark.parametrize("refusal", [400, 501])
async def test_a_service_that_knows_no_conditions_is_asked_without(refusal: int) -> None:
    keeper = Keeper(refusal=refusal)
    async with keeper.bucket() as bucket, writing(bucket, "a", SystemClock()):
        assert keeper.conditions == ["*", ""]
        await require_turn(bucket, "a")
    assert keeper.content is None


async def test_a_turn_that_nobody_renews_is_over() -> None:
    keeper = Keeper()
    keeper.content = b'{"owner": "dead"}'
    async with keeper.bucket() as bucket:
        keeper.now += STALE_SECONDS - 1
        with pytest.raises(BucketError, match="by dead, last heard of 599 s ago") as caught:
            async with writing(bucket, "a", SystemClock()):
                pass
        assert caught.value.reason == "busy"
        keeper.now += 1
        async with writing(bucket, "a", SystemClock()):
            assert await find_writer(bucket) == Writer(owner="a")


async def test_a_turn_is_renewed_and_one_that_was_lost_is_neither_renewed_nor_given_back() -> None:
    keeper, clock = Keeper(), ManualClock()
    async with keeper.bucket() as bucket:
        async with writing(bucket, "a", clock):
            keeper.put.clear()
            keeper.now += 60
            await settle()  # the renewal begins to wait
            await clock.advance(60)
            await asyncio.wait_for(keeper.put.wait(), 5)
            assert keeper.written == keeper.now
            keeper.content = b'{"owner": "b"}'
            with pytest.raises(BucketError, match="is being filled by b"):
                await require_turn(bucket, "a")
        assert keeper.content == b'{"owner": "b"}'


async def test_a_note_that_cannot_be_read_is_somebodys() -> None:
    keeper = Keeper()
    keeper.content = b"<html>"
    async with keeper.bucket() as bucket:
        with pytest.raises(BucketError, match="is being filled by somebody else"):
            await require_turn(bucket, "a")
        assert bucket.describe(bucket.key(WRITER)) == "s3://b-1/p/kaito-mirror-writer.json"
