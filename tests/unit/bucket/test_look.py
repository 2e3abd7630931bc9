"""A look at files of tensors that somebody put into a bucket."""

import json
from collections.abc import Callable

import pytest

from kaito.api.weight_source import S3Source
from kaito.base.clock import SystemClock
from kaito.bucket.client import open_bucket
from kaito.bucket.errors import BucketError
from kaito.bucket.fetch import find_content
from kaito.bucket.look import require_whole

Make = Callable[..., S3Source]


def safetensors(size: int) -> bytes:
    tensor = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "weight": tensor}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(size)


async def look(source: S3Source) -> None:
    async with open_bucket(source, SystemClock()) as bucket:
        await require_whole(bucket, await find_content(bucket, lambda found: found))


async def test_whole_files_pass(make_bucket: Make) -> None:
    await look(make_bucket(model__safetensors=safetensors(5000), config__json=b"{}"))


@pytest.mark.parametrize(
    "content",
    [safetensors(5000)[:-1], safetensors(5000)[:20], b"<html>", b"", safetensors(9) + b"x"],
    ids=["cut", "cut in its header", "a web page", "empty", "too long"],
)
async def test_a_file_that_is_not_what_it_says_is_damaged(
    make_bucket: Make, content: bytes
) -> None:
    with pytest.raises(BucketError, match=r"model\.safetensors is damaged") as caught:
        await look(make_bucket(model__safetensors=content))
    assert caught.value.reason == "damaged"
