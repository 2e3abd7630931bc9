"""A container's last words: its termination file, or the end of its log.

https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
"""

import os
from pathlib import Path

from kaito.local.node.cri_log import read_tail
from kaito.local.node.pod import LONGEST_MESSAGE

_FALLBACK_LINES = 80
_FALLBACK_BYTES = 2048


def read_message(file: Path, log: Path | None) -> str:
    """The end of `file`; when that is empty, the end of `log` if one is given."""
    said = _read_end(file, LONGEST_MESSAGE)
    if said or log is None:
        return said
    return read_tail(log, _FALLBACK_LINES)[-_FALLBACK_BYTES:].decode(errors="replace")


def _read_end(path: Path, most: int) -> str:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - most, 0))
            return file.read(most).decode(errors="replace")
    except OSError:
        return ""
