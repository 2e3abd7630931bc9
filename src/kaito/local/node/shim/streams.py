"""The container's standard streams on the shim's side, and the attach clients that share them.

A client is framed both ways: one byte of kind, four of length (big-endian), the payload. From it: 0
input, 1 end of input, 2 columns and rows of its terminal (two bytes each). To it: 1 stdout, 2
stderr. A slow client holds the container's output back; a stuck one is dropped.
"""

import fcntl
import os
import select
import sys
import time

from kaito.local.node.shim.log import Log

CHUNK = 65536
CLIENT_LIMIT = 262144
"""Bytes that wait for an attach client before the container's output is no longer read."""
STALLED = 10.0
"""Seconds after which a client that reads nothing is dropped, so that it cannot stop an engine."""
LINGER = 2.0
"""Seconds that clients get to take the last output."""
BACKLOG = 65536
"""Bytes of output kept for the first attach client of an interactive container."""
_TIOCSWINSZ = 0x5414


class Client:
    """One attached client: framed input from it, framed output to it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.received = b""
        self.waiting = bytearray()
        self.moved = time.monotonic()
        os.set_blocking(fd, False)

    def send(self, stream: int, data: bytes) -> None:
        """Queue one frame."""
        if not self.waiting:
            self.moved = time.monotonic()
        self.waiting += bytes((stream,)) + len(data).to_bytes(4, "big") + data

    def flush(self) -> bool:
        """Write what the socket takes; False when the client is gone."""
        try:
            written = os.write(self.fd, self.waiting[: 4 * CHUNK])
        except BlockingIOError:
            return True
        except OSError:
            return False
        del self.waiting[:written]
        self.moved = time.monotonic()
        return True

    def receive(self) -> list[tuple[int, bytes]] | None:
        """The complete frames that have come; None when the client is gone."""
        try:
            data = os.read(self.fd, CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        self.received += data
        frames: list[tuple[int, bytes]] = []
        while len(self.received) >= 5:
            end = 5 + int.from_bytes(self.received[1:5], "big")
            if len(self.received) < end:
                break
            frames.append((self.received[0], self.received[5:end]))
            self.received = self.received[end:]
        return frames


class Streams:
    """The container's standard streams on this side: output to the log and clients, input to it."""

    def __init__(
        self, log: Log, outputs: dict[int, int], stdin: int, options: dict[str, str]
    ) -> None:
        self.log = log
        self.outputs = outputs
        self.stdin = stdin
        self.is_tty = "tty" in options
        self.closes_stdin = "once" in options
        self.listener = int(options.get("listen", -1))
        self.clients: list[Client] = []
        self.input = bytearray()
        self.eof_wanted = False
        self.backlog: list[tuple[int, bytes]] | None = [] if "stdin" in options else None

    def interests(self) -> dict[int, int]:
        """What to poll for."""
        found = {} if self.is_blocked() else dict.fromkeys(self.outputs, select.POLLIN)
        if self.listener >= 0:
            found[self.listener] = select.POLLIN
        for client in self.clients:
            # A container that does not read its input stops its clients from sending more.
            reading = select.POLLIN if len(self.input) < CLIENT_LIMIT else 0
            found[client.fd] = reading | (select.POLLOUT if client.waiting else 0)
        if self.stdin >= 0 and self.input:
            # Of a terminal this is the same descriptor as its output.
            found[self.stdin] = found.get(self.stdin, 0) | select.POLLOUT
        return found

    def is_blocked(self) -> bool:
        """Whether a slow client holds the output back; one that is stuck is dropped."""
        late = time.monotonic() - STALLED
        for client in [c for c in self.clients if c.waiting and c.moved < late]:
            self.drop(client)
        return any(len(client.waiting) > CLIENT_LIMIT for client in self.clients)

    def advance(self, ready: dict[int, int]) -> None:
        """Move what can be moved."""
        for fd in [fd for fd in self.outputs if ready.get(fd, 0) & ~select.POLLOUT]:
            self.read_output(fd)
        if ready.get(self.listener):
            self.accept()
        for client in list(self.clients):
            events = ready.get(client.fd, 0)
            if events & select.POLLOUT and not client.flush():
                self.drop(client)
            elif events & (select.POLLIN | select.POLLHUP | select.POLLERR):
                self.take(client)
        if self.stdin >= 0 and ready.get(self.stdin, 0) & ~select.POLLIN:
            self.write_input()

    def read_output(self, fd: int) -> bool:
        """Take one piece of output; False when there is none now or ever again."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""  # a terminal whose other side has closed reads as EIO
        stream = self.outputs[fd]
        if not data:
            del self.outputs[fd]
            return False
        self.log.append(stream, data)
        for client in self.clients:
            client.send(stream, data)
        if self.backlog is not None:
            self.backlog.append((stream, data))
            while sum(len(piece) for _, piece in self.backlog) > BACKLOG:
                del self.backlog[0]
        return True

    def accept(self) -> None:
        """Take a new client; the first one of an interactive container gets what it missed."""
        import socket

        server = socket.socket(fileno=os.dup(self.listener))
        try:
            connection, _ = server.accept()
        except OSError:
            return
        finally:
            server.close()
        client = Client(connection.detach())
        for stream, data in self.backlog or ():
            client.send(stream, data)
        self.backlog = None
        self.clients.append(client)

    def take(self, client: Client) -> None:
        """Carry out what a client sends: 0 input, 1 end of input, 2 the size of its terminal."""
        frames = client.receive()
        if frames is None:
            self.drop(client)
            return
        for kind, payload in frames:
            if kind == 0 and self.stdin >= 0 and not self.eof_wanted:
                self.input += payload
            elif kind == 1:
                self.end_input()
            elif kind == 2 and self.is_tty and len(payload) == 4:
                columns, rows = (int.from_bytes(payload[i : i + 2], "big") for i in (0, 2))
                order = sys.byteorder
                size = rows.to_bytes(2, order) + columns.to_bytes(2, order) + bytes(4)
                fcntl.ioctl(self.stdin, _TIOCSWINSZ, size)
        if self.input or self.eof_wanted:
            self.write_input()

    def drop(self, client: Client) -> None:
        """Let a client go; a container that reads input once then sees its end."""
        self.clients.remove(client)
        os.close(client.fd)
        if self.closes_stdin and not self.clients:
            self.end_input()

    def end_input(self) -> None:
        """Close the pipe when all input is through; a terminal gets its end-of-file character."""
        if self.stdin < 0:
            return
        if self.is_tty:
            self.input += b"\x04"
        else:
            self.eof_wanted = True
        self.write_input()

    def write_input(self) -> None:
        """Give the container what its pipe takes."""
        try:
            if self.input:
                del self.input[: os.write(self.stdin, self.input[:CHUNK])]
        except BlockingIOError:
            return
        except OSError:
            # It has closed its input: what is still typed is dropped silently.
            self.input.clear()
        if self.eof_wanted and not self.input and self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1

    def finish(self) -> None:
        """Read what the pipes still hold, then give clients a moment to take it."""
        for fd in list(self.outputs):
            while fd in self.outputs and self.read_output(fd):
                pass
        self.log.finish()
        end = time.monotonic() + LINGER
        while any(client.waiting for client in self.clients) and time.monotonic() < end:
            poll = select.poll()
            for client in self.clients:
                if client.waiting:
                    poll.register(client.fd, select.POLLOUT)
            ready = dict(poll.poll(100))
            for client in [c for c in self.clients if c.fd in ready]:
                if not client.flush():
                    self.clients.remove(client)
