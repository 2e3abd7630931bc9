"""SPDY's frames: bytes to values and back, without I/O.

Layouts: section 2.2 and 2.6 of the specification. The decoder takes bytes cut anywhere and passes
the payload of a data frame on as it comes, so a frame of 16 MiB costs no 16 MiB.
"""

import enum
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from kaito.local.apiserver.streaming.spdy.errors import ProtocolError
from kaito.local.apiserver.streaming.spdy.headers import HeaderPacker, HeaderUnpacker

VERSION = 3
MAX_CONTROL = 64 * 1024
"""Bytes of a control frame that we accept; Kubernetes' clients send below 300."""

_FIN = 0x01
_HEADER = struct.Struct(">II")
_ID = struct.Struct(">I")
_PAIR = struct.Struct(">II")


class Type(enum.IntEnum):
    """Control frame types (section 2.6); the decoder skips those that are not here."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    PING = 6
    GOAWAY = 7
    HEADERS = 8


class Reason(enum.IntEnum):
    """Why a stream is reset (section 2.6.3)."""

    PROTOCOL_ERROR = 1
    REFUSED_STREAM = 3
    CANCEL = 5
    FLOW_CONTROL_ERROR = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class SynStream:
    """The peer opens a stream."""

    stream: int
    headers: Mapping[str, str]
    fin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A piece of a stream's payload; `fin` on the last piece of the last frame."""

    stream: int
    payload: bytes
    fin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RstStream:
    """The peer gives a stream up."""

    stream: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """To be sent back as it is when the number is the peer's (odd from a client)."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GoAway:
    """The peer opens no more streams and wants to close."""


Frame: TypeAlias = SynStream | Data | RstStream | Ping | GoAway


class FrameDecoder:
    """Turns received bytes into frames. Raises `ProtocolError`; then it is of no more use."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._unpacker = HeaderUnpacker()
        self._open: Data | None = None
        self._left = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes, and pieces of those it continues. Exhaust it."""
        self._buffer += data
        while True:
            if self._open is not None:
                if not self._buffer and self._left:
                    return
                yield self._take_payload(self._open)
            elif len(self._buffer) < _HEADER.size:
                return
            elif self._buffer[0] & 0x80:
                size = int.from_bytes(self._buffer[5:8], "big")
                if size > MAX_CONTROL:
                    raise ProtocolError(f"a control frame of {size} bytes is too large")
                if len(self._buffer) < _HEADER.size + size:
                    return
                yield from self._take_control(size)
            else:
                self._take_data_header()

    def _take_data_header(self) -> None:
        stream, word = _HEADER.unpack_from(self._buffer)
        del self._buffer[: _HEADER.size]
        self._open = Data(stream=stream, payload=b"", fin=bool(word >> 24 & _FIN))
        self._left = word & 0xFFFFFF

    def _take_payload(self, head: Data) -> Data:
        payload = bytes(self._buffer[: self._left])
        del self._buffer[: self._left]
        self._left -= len(payload)
        if self._left:
            return Data(stream=head.stream, payload=payload)
        self._open = None
        return Data(stream=head.stream, payload=payload, fin=head.fin)

    def _take_control(self, size: int) -> Iterator[Frame]:
        first, word = _HEADER.unpack_from(self._buffer)
        payload = bytes(self._buffer[_HEADER.size : _HEADER.size + size])
        del self._buffer[: _HEADER.size + size]
        version, kind = first >> 16 & 0x7FFF, first & 0xFFFF
        if version != VERSION:
            raise ProtocolError(f"SPDY version {version} is not {VERSION}")
        try:
            frame = self._parse_control(kind, word >> 24, payload)
        except struct.error:
            raise ProtocolError(f"a control frame of type {kind} is too short") from None
        if frame is not None:
            yield frame

    def _parse_control(self, kind: int, flags: int, payload: bytes) -> Frame | None:
        match kind:
            case Type.SYN_STREAM:
                (stream,) = _ID.unpack_from(payload)
                headers = self._unpacker.unpack(payload[10:])
                return SynStream(
                    stream=stream & 0x7FFFFFFF, headers=headers, fin=bool(flags & _FIN)
                )
            case Type.SYN_REPLY | Type.HEADERS:
                # Nobody sends us these to be read, but their headers are part of the compression.
                self._unpacker.unpack(payload[4:])
                return None
            case Type.RST_STREAM:
                (stream, _) = _PAIR.unpack_from(payload)
                return RstStream(stream=stream & 0x7FFFFFFF)
            case Type.PING:
                (number,) = _ID.unpack_from(payload)
                return Ping(number=number)
            case Type.GOAWAY:
                return GoAway()
        return None


class FrameEncoder:
    """Turns what the server sends into bytes. Header blocks must be sent in the order made."""

    def __init__(self) -> None:
        self._packer = HeaderPacker()

    def reply(self, stream: int, headers: Mapping[str, str]) -> bytes:
        """SYN_REPLY: the stream is accepted."""
        return _control(Type.SYN_REPLY, _ID.pack(stream) + self._packer.pack(headers))


def encode_data(stream: int, payload: bytes, *, fin: bool = False) -> bytes:
    """A data frame; the payload is below 16 MiB."""
    return _HEADER.pack(stream, (_FIN if fin else 0) << 24 | len(payload)) + payload


def encode_reset(stream: int, reason: Reason) -> bytes:
    """RST_STREAM."""
    return _control(Type.RST_STREAM, _PAIR.pack(stream, reason))


def encode_ping(number: int) -> bytes:
    """PING, an answer to one."""
    return _control(Type.PING, _ID.pack(number))


def encode_go_away(last_stream: int, *, status: int = 0) -> bytes:
    """GOAWAY: `status` 0 is a normal end, 1 a protocol error."""
    return _control(Type.GOAWAY, _PAIR.pack(last_stream, status))


def _control(kind: Type, payload: bytes) -> bytes:
    return _HEADER.pack(1 << 31 | VERSION << 16 | kind, len(payload)) + payload
