"""Whether the files of a folder are a model's, found out from a few kilobytes of them.

A safetensors file begins with the places of its tensors, so that one that was cut is known by its
size. https://huggingface.co/docs/safetensors#format
"""

from typing import Final

from kaito.bucket.client import Bucket, Call
from kaito.bucket.errors import BucketError
from kaito.bucket.fetch import Content
from kaito.registry.partial import Piece
from kaito.registry.safetensors import LENGTH_BYTES, expected_bytes, parse_header

_MAX_HEADER: Final = 2 << 20
"""Of those that are read: models of many experts have longer ones, which a fetch will check."""


async def require_whole(bucket: Bucket, content: Content) -> None:
    """Raise `BucketError` where a file of tensors is shorter or longer than it says itself."""
    for piece in content.pieces:
        if piece.name.endswith(".safetensors"):
            await _require_whole(bucket, piece)


async def _require_whole(bucket: Bucket, piece: Piece) -> None:
    what = bucket.describe(piece.url)
    start = await _read(bucket, piece, 0, LENGTH_BYTES)
    size = int.from_bytes(start, "little")
    if len(start) < LENGTH_BYTES or size > piece.size - LENGTH_BYTES:
        raise BucketError(f"{what} is damaged: it is no safetensors file", reason="damaged")
    if size > _MAX_HEADER:
        return
    header = await _read(bucket, piece, LENGTH_BYTES, LENGTH_BYTES + size)
    try:
        whole = expected_bytes(size, parse_header(header))
    except ValueError as error:
        raise BucketError(
            f"{what} is damaged: it is no safetensors file", reason="damaged"
        ) from error
    if whole != piece.size:
        raise BucketError(
            f"{what} is damaged: it has {piece.size} bytes, and its tensors need {whole}",
            reason="damaged",
            hint="put the whole file there",
        )


async def _read(bucket: Bucket, piece: Piece, start: int, end: int) -> bytes:
    if start >= end or start >= piece.size:
        return b""
    pinned = {"If-Match": piece.version} if piece.version else {}
    headers = {**pinned, "Range": f"bytes={start}-{end - 1}"}
    text = await bucket.ask(Call(action="s3:GetObject", key=piece.url, headers=headers))
    return text[: end - start]
