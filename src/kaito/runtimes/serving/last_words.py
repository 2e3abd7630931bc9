"""Keeps the last lines that this program and the engine's processes write, to find why they died.

The engine computes in child processes whose errors reach only their standard error. Both streams
are passed through a pipe: a thread copies it on at once and remembers the tail.
"""

import os
import re
import threading
from collections import deque

_LINES = 400
_CAUSE = re.compile(
    r"(?:^|[\]\s])((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt)): (\S.*)"
)
_CONSEQUENCES = ("EngineDeadError", "core initialization failed", "initialization failed due to")
"""What follows from the cause in another process and says nothing about it."""


class LastWords:
    """A tail of standard output and error."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._partial = b""
        self._outlet = -1
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Pass descriptors 1 and 2, and so every child's, through here."""
        inlet, entry = os.pipe()
        self._outlet = os.dup(2)
        os.dup2(entry, 1)
        os.dup2(entry, 2)
        os.close(entry)
        self._thread = threading.Thread(
            target=self._copy, args=(inlet, self._outlet), daemon=True, name="last words"
        )
        self._thread.start()

    def stop(self, seconds: float = 1.0) -> None:
        """Give the descriptors back, and take in what is still in the pipe."""
        if self._thread is None:
            return
        os.dup2(self._outlet, 1)
        os.dup2(self._outlet, 2)
        # A child that outlives us holds the pipe open: wait no longer than stated.
        self._thread.join(seconds)

    def add(self, data: bytes) -> None:
        """Take in what was written."""
        *whole, self._partial = (self._partial + data).split(b"\n")
        self._lines.extend(line.decode(errors="replace") for line in whole)

    @property
    def cause(self) -> str:
        """The last error that is not merely the consequence of another; empty without one."""
        for line in reversed(self._lines):
            found = _CAUSE.search(line)
            if found and not any(mark in line for mark in _CONSEQUENCES):
                return f"{found[1].rpartition('.')[2]}: {found[2]}"
        return ""

    def _copy(self, inlet: int, outlet: int) -> None:
        while data := os.read(inlet, 65536):
            os.write(outlet, data)
            self.add(data)
        os.close(inlet)
