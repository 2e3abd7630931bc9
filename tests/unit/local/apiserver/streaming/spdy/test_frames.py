"""SPDY's frames, bytes to values and back."""

import itertools
import struct
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.local.apiserver.streaming.spdy import frames
from kaito.local.apiserver.streaming.spdy.errors import ProtocolError
from kaito.local.apiserver.streaming.spdy.headers import HeaderPacker


def _control(kind: int, payload: bytes, *, flags: int = 0, version: int = 3) -> bytes:
    return struct.pack(">HHI", 0x8000 | version, kind, flags << 24 | len(payload)) + payload


def _syn_stream(packer: HeaderPacker, stream: int, *, flags: int = 0) -> bytes:
    head = struct.pack(">IIH", stream, 0, 0)
    return _control(1, head + packer.pack({"port": str(stream)}), flags=flags)


def _conversation() -> bytes:
    packer = HeaderPacker()
    return b"".join(
        (
            _syn_stream(packer, 1),
            _syn_stream(packer, 3, flags=1),
            _control(4, b"\0\0\0\0"),
            _control(8, struct.pack(">I", 1) + packer.pack({"ignored": "yes"})),
            _syn_stream(packer, 5),
            frames.encode_data(1, b"hello"),
            frames.encode_data(1, b"", fin=True),
            frames.encode_ping(7),
            frames.encode_reset(5, frames.Reason.CANCEL),
            frames.encode_go_away(5),
        )
    )


EXPECTED = [
    frames.SynStream(stream=1, headers={"port": "1"}),
    frames.SynStream(stream=3, headers={"port": "3"}, fin=True),
    frames.SynStream(stream=5, headers={"port": "5"}),
    frames.Data(stream=1, payload=b"hello"),
    frames.Data(stream=1, payload=b"", fin=True),
    frames.Ping(number=7),
    frames.RstStream(stream=5),
    frames.GoAway(),
]


def _decode(pieces: Iterable[bytes]) -> list[frames.Frame]:
    decoder = frames.FrameDecoder()
    return [frame for piece in pieces for frame in decoder.feed(piece)]


def _joined(decoded: list[frames.Frame]) -> list[frames.Frame]:
    """Pieces of one data frame put together."""
    joined: list[frames.Frame] = []
    for frame in decoded:
        match (joined[-1] if joined else None), frame:
            case frames.Data(fin=False) as last, frames.Data(payload=more) if more:
                whole = frames.Data(stream=1, payload=last.payload + more, fin=frame.fin)
                joined[-1] = whole
            case _:
                joined.append(frame)
    return joined


def test_a_whole_conversation_is_decoded() -> None:
    assert _decode([_conversation()]) == EXPECTED


@given(st.lists(st.integers(0, len(_conversation())), max_size=12))
def test_where_the_bytes_are_cut_does_not_matter(cuts: list[int]) -> None:
    data = _conversation()
    edges = [0, *sorted(cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
    assert _joined(_decode(pieces)) == EXPECTED


def test_a_large_data_frame_is_passed_on_as_it_comes() -> None:
    decoder = frames.FrameDecoder()
    data = frames.encode_data(1, bytes(1000), fin=True)
    (first,) = decoder.feed(data[:508])
    (second,) = decoder.feed(data[508:])
    assert first == frames.Data(stream=1, payload=bytes(500))
    assert second == frames.Data(stream=1, payload=bytes(500), fin=True)


def test_a_reply_can_be_read_by_the_rules_of_the_specification() -> None:
    data = frames.FrameEncoder().reply(5, {})
    assert data[:12] == bytes.fromhex("80030002") + struct.pack(">II", len(data) - 8, 5)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_control(6, b"\0\0\0\1", version=2), "version 2"),
        (_control(6, b"\0"), "too short"),
        (_control(3, b"\0\0\0\1"), "too short"),
        (_control(1, b"\0\0\0\1"), "ends early"),
        (struct.pack(">HHI", 0x8003, 1, 70000), "too large"),
    ],
)
def test_what_breaks_the_protocol_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        _decode([data])
