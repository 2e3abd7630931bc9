"""Bounds the head of a request, which the HTTP server itself would wait for, and keep, for ever.

A mixin of uvicorn's protocol over httptools. Its other one, over h11, bounds the size by itself.
"""

import asyncio
from typing import Any, Final

import msgspec

from kaito.runtimes.serving.openai_answer import to_error

HEAD_BYTES: Final = 1 << 16
"""A key, and any number of proxies' own lines, are a few thousand."""
HEAD_SECONDS: Final = 30.0
"""From a connection, or from the first byte of a request, to its head's end."""
_LINGER_SECONDS: Final = 5.0


class HeadGuard(asyncio.Protocol):
    """To be mixed in before a protocol that tells `on_message_begin` and `on_headers_complete`."""

    _head = 0
    """Bytes that have come since the last whole head, or body."""
    _is_open = True
    """Whether a head may be under way."""
    _is_refused = False
    """Whether what still comes is thrown away: closing on a client that writes loses the answer."""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request, so long."""
        super().connection_made(transport)
        self._connection = transport
        self._wait(HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Refuse a head that has no end."""
        if self._is_refused:
            return
        # Some clients end a body with an empty line: nothing has begun, and an answer is under way.
        if self._is_open and (self._head or data.strip(b"\r\n")):
            self._head += len(data)
            if self._timer is None:
                self._wait(HEAD_SECONDS)
        super().data_received(data)
        if self._is_open and self._head > HEAD_BYTES:
            self._refuse()

    def on_headers_complete(self) -> None:
        """Let the body come as it comes: it has bounds of its own."""
        self._is_open, self._head = False, 0
        self._stop_waiting()
        self._above.on_headers_complete()

    def on_message_complete(self) -> None:
        """Watch out for the next request on this connection."""
        self._is_open = True
        self._above.on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for."""
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def _above(self) -> Any:
        return super()  # of the class that it is mixed into

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._connection.close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self) -> None:
        message = f"the request's head has more than {HEAD_BYTES} bytes, which is the limit here"
        content = msgspec.json.encode(to_error(message, 431))
        head = (
            "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        assert isinstance(self._connection, asyncio.Transport)
        self._connection.write(head.encode() + content)
        self._is_refused = True
        if self._connection.can_write_eof():
            self._connection.write_eof()
        self._wait(_LINGER_SECONDS)


def guard_heads() -> Any:
    """A protocol of uvicorn with bounds, or the name by which it takes whichever it has."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        return "auto"
    return type("GuardedProtocol", (HeadGuard, HttpToolsProtocol), {})
