"""SPDY's header blocks."""

import zlib

import pytest

from kaito.local.apiserver.streaming.spdy.errors import ProtocolError
from kaito.local.apiserver.streaming.spdy.headers import (
    DICTIONARY,
    MAX_BLOCK,
    HeaderPacker,
    HeaderUnpacker,
)


def test_the_dictionary_is_the_specifications() -> None:
    assert len(DICTIONARY) == 1423
    # The DICTID that every SPDY/3 stream starts with.
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2


def test_blocks_unpack_in_the_order_they_were_packed() -> None:
    packer, unpacker = HeaderPacker(), HeaderUnpacker()
    for number in range(3):
        headers = {"streamtype": "data", "port": "80", "requestid": str(number)}
        assert unpacker.unpack(packer.pack(headers)) == headers


def test_a_repeated_block_packs_smaller() -> None:
    packer = HeaderPacker()
    first, second = (packer.pack({"streamtype": "error", "port": "5000"}) for _ in range(2))
    assert len(second) < len(first)


def test_a_block_that_unpacks_to_too_much_is_refused() -> None:
    data = HeaderPacker().pack({"a": "x" * (MAX_BLOCK + 1)})
    assert len(data) < 1000
    with pytest.raises(ProtocolError, match="larger than"):
        HeaderUnpacker().unpack(data)


@pytest.mark.parametrize("block", [b"", b"\0\0\0\1", b"\0\0\0\1\0\0\0\5ab", b"\0\0\0\1\0\0\0\1a"])
def test_a_block_that_ends_early_is_refused(block: bytes) -> None:
    packer = zlib.compressobj(zdict=DICTIONARY)
    data = packer.compress(block) + packer.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(ProtocolError, match="ends early"):
        HeaderUnpacker().unpack(data)


def test_what_is_not_compressed_is_refused() -> None:
    with pytest.raises(ProtocolError, match="cannot be unpacked"):
        HeaderUnpacker().unpack(b"\0\0\0\0")
