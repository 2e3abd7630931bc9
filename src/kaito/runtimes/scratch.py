"""A temporary folder of a program's own, which goes with the program, however that ends.

Engines put sockets and files of odd names into the temporary folder, and forget them when they are
killed. So each program points TMPDIR, and with it every library and child process, at a folder that
it removes at its end, and holds a lock on while it lives: a kernel lets go of the locks of the
dead, so whoever starts next knows which of these folders belong to nobody and removes them.

Compile caches are the exception: a second start must find them, so they stay where they would be.
"""

import errno
import fcntl
import getpass
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

_PREFIX: Final = "kaito-run-"
_ID_LENGTH: Final = 8
_OURS: Final = re.compile(rf"{_PREFIX}[0-9a-f]{{{_ID_LENGTH}}}")
_LONGEST_PATH: Final = 100
"""Of a Unix socket's name: the kernel takes 107 bytes (unix(7))."""
LONGEST_NAME: Final = 36
"""Of what lies in the folder: vLLM's sockets are named by a UUID."""
LONGEST_NAME_OF_RAY: Final = 72
"""ray/session_2026-01-31_12-00-00_123456_1234567/sockets/plasma_store"""
_OTHERS: Final = ("/tmp", "/var/tmp")  # noqa: S108 - the folders in it are ours alone, mode 0700
_CACHE_VARIABLE: Final = "TORCHINDUCTOR_CACHE_DIR"
_TRIES: Final = 3
_OPEN_TRIES: Final = 20
_UNLOCKED: Final = -1
"""In place of a lock's descriptor, where the file system has no locks."""


class Scratch:
    """An open folder, locked by this process."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._owner = os.getpid()

    def remove(self) -> None:
        """Remove the folder; nothing in a child that was forked, for it is not the owner."""
        if os.getpid() != self._owner:
            return
        # A child that is about to end may still write into it.
        for _ in range(_TRIES):
            shutil.rmtree(self.path, ignore_errors=True)
            if not self.path.exists():
                break
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


@contextmanager
def own_scratch(longest_name: int = LONGEST_NAME) -> Iterator[Scratch]:
    """Make a folder the temporary one of this process and of those it starts, and remove it.

    It lies in the temporary folder of before, or in a shorter one where a socket's name of
    `longest_name` bytes would not fit. Folders of the dead are removed first.
    """
    before, named = tempfile.gettempdir(), os.environ.get("TMPDIR")
    base = choose_base(before, longest_name)
    remove_abandoned(base)
    scratch = open_scratch(base)
    # Where torch puts it by itself (torch._inductor.runtime.cache_dir_utils).
    os.environ.setdefault(_CACHE_VARIABLE, str(Path(before) / f"torchinductor_{_user()}"))
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch.path)
    try:
        yield scratch
    finally:
        tempfile.tempdir = before
        if named is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = named
        scratch.remove()


def choose_base(preferred: str, longest_name: int) -> Path:
    """Where sockets fit; `preferred` also where they fit nowhere."""
    room = _LONGEST_PATH - len(f"/{_PREFIX}") - _ID_LENGTH - len("/") - longest_name
    for base in (preferred, *_OTHERS):
        if len(os.fsencode(base)) <= room and os.access(base, os.W_OK | os.X_OK):
            return Path(base)
    return Path(preferred)


def open_scratch(base: Path) -> Scratch:
    """A new folder in `base`, locked where that is possible.

    Raises `OSError` where none can be made.
    """
    for _ in range(_OPEN_TRIES):
        path = base / f"{_PREFIX}{uuid4().hex[:_ID_LENGTH]}"
        path.mkdir(mode=0o700)
        lock = _lock_new(path)
        if lock is not None:
            return Scratch(path, lock)
        shutil.rmtree(path, ignore_errors=True)
    raise OSError(errno.EAGAIN, "new folders are removed at once by somebody else", str(base))


def remove_abandoned(base: Path) -> tuple[Path, ...]:
    """Remove the folders in `base` whose owner is dead; which they were."""
    removed = []
    for path in sorted(base.glob(f"{_PREFIX}*")):
        if not _OURS.fullmatch(path.name) or (lock := _lock(path)) is None:
            continue
        try:
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(lock)
        removed.append(path)
    return tuple(removed)


def _lock(path: Path) -> int | None:
    """A descriptor that holds the folder's lock; None where it is held, not ours, or gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
    except OSError:
        pass  # its owner lives
    os.close(descriptor)
    return None


def _lock_new(path: Path) -> int | None:
    """The lock of a folder that was just made, or `_UNLOCKED`.

    None where another program took it meanwhile: until it is locked it belongs to nobody, and may
    be removed as such.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        # Whose it says it is does not matter: some volumes give all files one owner.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        return None if isinstance(error, BlockingIOError) else _UNLOCKED
    if _is_same(path, descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def _user() -> str:
    """As torch names its cache: the user's name, or the number of one without a name."""
    try:
        return re.sub(r'[\\/:*?"<>|]', "_", getpass.getuser())
    except (KeyError, OSError):
        return f"uid_{os.getuid()}"
