"""API keys from a mounted Secret: the value of each of its keys is one.

The folder is looked at when a request comes, at most once a second, and read again when it has
changed: Kubernetes swaps the files of a mounted Secret in place, so keys rotate without a restart.
Only digests are kept. A folder without keys lets nobody in.
"""

import hashlib
import hmac
from pathlib import Path
from typing import Final, TypeAlias

from kaito.base.clock import Clock

_LOOK_SECONDS: Final = 1.0
_MOST_BYTES: Final = 4096
"""Of one key; a larger file is something else."""
_Seen: TypeAlias = "tuple[tuple[str, int, int, int], ...]"


class KeyRing:
    """The keys that are valid now."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._seen: _Seen | None = None
        self._digests: tuple[bytes, ...] = ()
        self._next_look = clock.monotonic()

    def __len__(self) -> int:
        """How many keys there are."""
        self._refresh()
        return len(self._digests)

    def accepts(self, key: bytes) -> bool:
        """Whether `key` is one of them, in a time that does not tell how much of it was right."""
        self._refresh()
        given = hashlib.sha256(key).digest()
        found = False
        for digest in self._digests:
            found |= hmac.compare_digest(given, digest)
        return found

    def _refresh(self) -> None:
        now = self._clock.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        seen = _look(self._folder)
        if seen == self._seen:
            return
        self._digests = tuple(
            hashlib.sha256(key).digest() for name, *_ in seen if (key := _read(self._folder / name))
        )
        self._seen = seen


def find_key(headers: list[tuple[bytes, bytes]]) -> bytes:
    """The key a request brings, as OpenAI's clients or Anthropic's do; empty without one."""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, key = value.partition(b" ")
            if scheme.lower() == b"bearer":
                return key.strip()
        elif name == b"x-api-key":
            return value.strip()
    return b""


def _look(folder: Path) -> _Seen:
    """Name, inode, time and size of every file; hidden ones are Kubernetes' own."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        facts = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    except OSError:
        return ()
    return tuple((name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in facts)


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError:
        return b""
    return content.strip() if len(content) <= _MOST_BYTES else b""
