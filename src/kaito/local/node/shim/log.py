"""The log of one run, in the format of the CRI, so that `kubectl logs` can filter by time.

https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
"""

import os
import time

from kaito.local.node.shim.folder import RunFolder

LONGEST_LINE = 16384
"""Bytes of a log line; longer ones are written in parts, as the CRI says."""


class Log:
    """A CRI log: `<time> <stream> <F|P> <line>` a line, rotated when it has grown past `limit`."""

    def __init__(self, folder: RunFolder, limit: int, files: int) -> None:
        self.folder = folder
        self.limit = limit
        self.files = files
        self.rests = {1: b"", 2: b""}
        self.size = 0
        self.fd = folder.open("log", os.O_WRONLY | os.O_APPEND)

    def append(self, stream: int, data: bytes) -> None:
        """Log the complete lines of `data` and keep the rest for the next time."""
        *lines, rest = (self.rests[stream] + data).split(b"\n")
        head = _stamp() + (b" stdout " if stream == 1 else b" stderr ")
        pieces: list[bytes] = []
        for line in lines:
            last = self._cut(pieces, head, line)
            pieces.append(head + b"F " + last + b"\n")
        self.rests[stream] = self._cut(pieces, head, rest)
        self._write(b"".join(pieces))

    def finish(self) -> None:
        """Log what has no end of line."""
        for stream, rest in self.rests.items():
            if rest:
                name = b" stdout P " if stream == 1 else b" stderr P "
                self._write(_stamp() + name + rest + b"\n")

    def _cut(self, pieces: list[bytes], head: bytes, line: bytes) -> bytes:
        while len(line) > LONGEST_LINE:
            pieces.append(head + b"P " + line[:LONGEST_LINE] + b"\n")
            line = line[LONGEST_LINE:]
        return line

    def _write(self, data: bytes) -> None:
        try:
            while data:
                written = os.write(self.fd, data)
                self.size += written
                data = data[written:]
            if self.size >= self.limit:
                self._rotate()
        except OSError:
            # A full disk costs log lines, never the container.
            return

    def _rotate(self) -> None:
        for number in range(self.files - 1, 0, -1):
            try:
                self.folder.rename(f"log.{number - 1}" if number > 1 else "log", f"log.{number}")
            except FileNotFoundError:
                continue
        os.close(self.fd)
        self.size = 0
        self.fd = self.folder.open("log", os.O_WRONLY | os.O_APPEND)


def _stamp() -> bytes:
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode() + b".%09dZ" % rest
