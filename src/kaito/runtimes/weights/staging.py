"""One model folder filled by one process at a time, and visible only when complete.

<root>/.<key>.lock       held while filling; the kernel lets go of it when the holder dies
<root>/.<key>.partial    being filled; kept after a failure, so that a download can go on
<root>/<key>             appears by rename
"""

import fcntl
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO

from kaito.base.clock import Clock
from kaito.runtimes.weights.errors import FolderInvalid
from kaito.runtimes.weights.manifest import read_record
from kaito.runtimes.weights.progress import Reporter

_POLL = 0.2
LOCK_SECONDS = 4 * 3600.0
"""How long to wait for another pod that is filling the same folder: a large model's download."""

_ORIGIN = ".origin"


@asynccontextmanager
async def hold_lock(
    root: Path, key: str, *, clock: Clock, reporter: Reporter
) -> AsyncIterator[None]:
    """Keep every other process away from the folder of `key` for the length of the block."""
    with _open_lock(root, key) as lock:
        deadline = clock.monotonic() + LOCK_SECONDS
        while not _is_taken(lock.fileno()):
            if clock.monotonic() >= deadline:
                raise FolderInvalid(f"another process has been filling {root / key} for too long")
            reporter.report("wait", item="another pod is fetching the same weights")
            await clock.sleep(_POLL)
        yield


def open_partial(root: Path, key: str, origin: str) -> Path:
    """The folder to fill from `origin`: what an earlier try left if it was the same origin."""
    partial = root / f".{key}.partial"
    mark = partial / _ORIGIN
    if not mark.is_file() or mark.read_text(encoding="utf-8") != origin:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        mark.write_text(origin, encoding="utf-8")
    return partial


@contextmanager
def publish(root: Path, key: str, partial: Path) -> Iterator[Path]:
    """Let the block finish `partial` (its manifest last), then make it the folder of `key`."""
    (partial / _ORIGIN).unlink(missing_ok=True)
    yield partial
    target = root / key
    retired = root / f".{key}.old"
    shutil.rmtree(retired, ignore_errors=True)
    if target.exists():
        require_ours(target)
        target.rename(retired)
    partial.rename(target)
    shutil.rmtree(retired, ignore_errors=True)


def require_ours(target: Path) -> None:
    """Refuse to replace a folder that somebody else filled."""
    if target.exists() and any(target.iterdir()) and read_record(target) is None:
        raise FolderInvalid(
            f"{target} holds files that kaito did not put there",
            hint="move them elsewhere and import them: kaito models import NAME PATH",
        )


def _open_lock(root: Path, key: str) -> IO[str]:
    root.mkdir(parents=True, exist_ok=True)
    return (root / f".{key}.lock").open("w", encoding="utf-8")


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
