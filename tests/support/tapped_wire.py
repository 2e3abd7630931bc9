"""A TCP forwarder that acts when it sees something pass: to end a client at an exact moment.

The act comes before the bytes that called for it go on, so "before the registry hears of the
manifest" and "after it has said yes, before the client hears it" are moments that can be had.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

Direction = Literal["request", "response"]
_CHUNK = 65536
_SECONDS = 10.0


class TappedWire:
    """Forwards connections to `target`; acts once, at the first of `needles` in `direction`."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._needle = b""
        self._direction: Direction = "request"
        self._act: Callable[[], None] | None = None
        self.has_acted = threading.Event()

    @property
    def address(self) -> str:
        """Where to connect to."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def arm(self, direction: Direction, needle: bytes, act: Callable[[], None]) -> None:
        """Act once, before the chunk that holds `needle` goes on; what holds it does not go on."""
        with self._lock:
            self._direction, self._needle, self._act = direction, needle, act
            self.has_acted.clear()

    def serve(self) -> None:
        """Until the listener is closed."""
        connections = []
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                break
            connection = threading.Thread(target=self._join, args=(client,), daemon=True)
            connection.start()
            connections.append(connection)
        for connection in connections:
            connection.join(_SECONDS)

    def close(self) -> None:
        """No more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _join(self, client: socket.socket) -> None:
        """One connection, until either side ends it."""
        with client, socket.create_connection(self._target, _SECONDS) as server:
            server.settimeout(None)
            back = threading.Thread(target=self._pass_on, args=(server, client, "response"))
            back.start()
            self._pass_on(client, server, "request")
            back.join()

    def _pass_on(self, source: socket.socket, sink: socket.socket, direction: Direction) -> None:
        try:
            while chunk := source.recv(_CHUNK):
                if self._is_called(direction, chunk):
                    break
                sink.sendall(chunk)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _is_called(self, direction: Direction, chunk: bytes) -> bool:
        """Act where this chunk is what was waited for."""
        with self._lock:
            act = self._act
            if act is None or direction != self._direction or self._needle not in chunk:
                return False
            self._act = None
        act()
        self.has_acted.set()
        return True


@contextmanager
def tapped_wire(target: str) -> Iterator[TappedWire]:
    """A forwarder to `target` until the end of the block."""
    wire = TappedWire(target)
    thread = threading.Thread(target=wire.serve, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        wire.close()
        thread.join(_SECONDS)
