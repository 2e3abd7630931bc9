"""SPDY's header blocks: names and values, compressed with one zlib stream a direction.

Layout: section 2.6.10 of the specification; the dictionary is 2.6.10.1. Every block of a connection
has to go through the codec in order, also those nobody reads: compression carries state.
"""

import zlib
from collections.abc import Mapping

from kaito.local.apiserver.streaming.spdy.errors import ProtocolError

MAX_BLOCK = 64 * 1024
"""Bytes a header block may unpack to; ours are below 200."""

_DICTIONARY_WORDS = (
    "options,head,post,put,delete,trace,accept,accept-charset,accept-encoding,accept-language,"
    "accept-ranges,age,allow,authorization,cache-control,connection,content-base,"
    "content-encoding,content-language,content-length,content-location,content-md5,"
    "content-range,content-type,date,etag,expect,expires,from,host,if-match,if-modified-since,"
    "if-none-match,if-range,if-unmodified-since,last-modified,location,max-forwards,pragma,"
    "proxy-authenticate,proxy-authorization,range,referer,retry-after,server,te,trailer,"
    "transfer-encoding,upgrade,user-agent,vary,via,warning,www-authenticate,method,get,status,"
    "200 OK,version,HTTP/1.1,url,public,set-cookie,keep-alive,origin"
)
_DICTIONARY_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00"
    " Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _sized(text: str) -> bytes:
    raw = text.encode("latin-1")
    return len(raw).to_bytes(4, "big") + raw


DICTIONARY = b"".join(map(_sized, _DICTIONARY_WORDS.split(","))) + _DICTIONARY_TAIL.encode("ascii")


class HeaderPacker:
    """Packs the header blocks that one side sends."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(zdict=DICTIONARY)

    def pack(self, headers: Mapping[str, str]) -> bytes:
        """The compressed block; names must be lower-case."""
        pairs = b"".join(_sized(name) + _sized(value) for name, value in headers.items())
        block = len(headers).to_bytes(4, "big") + pairs
        return self._zlib.compress(block) + self._zlib.flush(zlib.Z_SYNC_FLUSH)


class HeaderUnpacker:
    """Unpacks the header blocks that one side receives."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zdict=DICTIONARY)

    def unpack(self, data: bytes) -> dict[str, str]:
        """The headers; a repeated value stays joined by NUL, as on the wire."""
        try:
            block = self._zlib.decompress(data, MAX_BLOCK)
        except zlib.error as error:
            raise ProtocolError(f"a header block cannot be unpacked: {error}") from None
        if self._zlib.unconsumed_tail:
            raise ProtocolError(f"a header block is larger than {MAX_BLOCK} bytes")
        return _parse_block(block)


def _parse_block(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    count, rest = _take_number(block)
    for _ in range(count):
        name, rest = _take_text(rest)
        value, rest = _take_text(rest)
        headers[name] = value
    return headers


def _take_number(block: bytes) -> tuple[int, bytes]:
    if len(block) < 4:
        raise ProtocolError("a header block ends early")
    return int.from_bytes(block[:4], "big"), block[4:]


def _take_text(block: bytes) -> tuple[str, bytes]:
    size, rest = _take_number(block)
    if len(rest) < size:
        raise ProtocolError("a header block ends early")
    return rest[:size].decode("latin-1"), rest[size:]
