"""Copies bytes between two connections, both ways, and nothing else.

Two protocols that hand each other's data straight to the other's transport: no task and no copy of
our own a connection. What one side cannot take stops the other from being read; an end of one
direction is passed on while the other goes on.
"""

import asyncio
import socket
import struct

_MOST_WAITING = 1 << 18
"""Bytes in one direction that wait in memory before the sender is no longer read."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends a reset."""


class PipeEnd(asyncio.Protocol):
    """One side of a pipe."""

    def __init__(self) -> None:
        self.peer: PipeEnd | None = None
        self.transport: asyncio.Transport | None = None
        self._early = bytearray()
        self._is_done = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and bound what waits in it."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=_MOST_WAITING)

    def join(self, peer: "PipeEnd") -> None:
        """Make two connected ends one pipe, and pass on what came before."""
        self.peer, peer.peer = peer, self
        for end in (self, peer):
            end.data_received(bytes(end._early))
            end._early.clear()
            if end._is_done:
                end._pass_end()

    def data_received(self, data: bytes) -> None:
        """Pass data on; keep what comes before there is anyone to pass it to."""
        if self.peer is None:
            # Before Python 3.11.4 a transport that was paused in `connection_made` reads all the
            # same (python/cpython#103607), so this is where a request would get lost.
            self._early += data
            if self.transport is not None:
                self.transport.pause_reading()
        elif data and self.peer.transport is not None:
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        """Pass the end of this direction on; the other one stays open until it ends too."""
        self._is_done = True
        return self.peer is None or self._pass_end()

    def _pass_end(self) -> bool:
        """Whether this side stays open for the other direction."""
        peer = self.peer
        if peer is None or peer.transport is None or peer.transport.is_closing():
            return False
        if peer.transport.can_write_eof():
            peer.transport.write_eof()
        if not peer._is_done:
            return True
        # Both directions have ended. What still waits to be written goes out before the close.
        peer.transport.close()
        return False

    def pause_writing(self) -> None:
        """This side takes no more: stop reading the other."""
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        """This side takes more again."""
        peer = self.peer.transport if self.peer is not None else None
        if peer is not None and not peer.is_closing():
            peer.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """Close the other side too: cleanly, or with a reset if this one was cut."""
        peer = self.peer.transport if self.peer is not None else None
        self.peer = None
        if peer is None or peer.is_closing():
            return
        if error is None:
            peer.close()
        else:
            abort(peer)


def abort(transport: asyncio.Transport) -> None:
    """Close a connection so that the other end sees a reset at once."""
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
