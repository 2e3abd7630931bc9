"""The state folder of the embedded plane: where everything lies, and who may use it.

<state>/VERSION           layout version; a newer one is refused
<state>/plane.lock        held while a plane runs; says its process id and address
<state>/kubeconfig        for kubectl and every client
<state>/data/plane.db     the objects
<state>/pki/              certificate authority and server certificate
<state>/run/api.sock      the trusted socket of our own controllers
<state>/pods/             containers' records, logs and volumes
<state>/hosts/            names of pods of headless Services, by namespace
<state>/models/           weights by preset name
<state>/plane.log         what a detached plane says
"""

import errno
import fcntl
import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from kaito.base.errors import KaitoError

LAYOUT_VERSION = 1
_ENVIRONMENT = "KAITO_STATE_DIR"
_LOCK_TRIES = 20
_LOCK_PAUSE_SECONDS = 0.01
_LONGEST_SOCKET_PATH = 104
"""Bytes; the kernel's limit for a Unix socket's path is 108 with its end, less on other systems."""


class PlaneAddress(msgspec.Struct, frozen=True, kw_only=True):
    """What a running plane says about itself in the lock file."""

    pid: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Paths inside one state folder."""

    root: Path

    @property
    def version_file(self) -> Path:
        """Layout version."""
        return self.root / "VERSION"

    @property
    def lock_file(self) -> Path:
        """Locked while a plane runs."""
        return self.root / "plane.lock"

    @property
    def kubeconfig(self) -> Path:
        """Credentials and address of the plane."""
        return self.root / "kubeconfig"

    @property
    def port_file(self) -> Path:
        """The API's TCP port, kept so that a kubeconfig stays right."""
        return self.root / "run" / "port"

    @property
    def database(self) -> Path:
        """The store's file."""
        return self.root / "data" / "plane.db"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.root / "pki"

    @property
    def socket(self) -> Path:
        """The trusted API socket."""
        path = self.root / "run" / "api.sock"
        if len(os.fsencode(path)) < _LONGEST_SOCKET_PATH:
            return path
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"kaito-{os.getuid()}-{name}" / "api.sock"

    @property
    def pods(self) -> Path:
        """What the node agent keeps."""
        return self.root / "pods"

    @property
    def models(self) -> Path:
        """Weights by preset name."""
        return self.root / "models"

    @property
    def log_file(self) -> Path:
        """A detached plane's log."""
        return self.root / "plane.log"

    def prepare(self) -> None:
        """Create the folder, or refuse one that cannot be used, touching nothing else in it.

        Raises:
            KaitoError: the folder is read-only, full, or of a newer layout.
        """
        try:
            if self._read_version():
                self._check_version()
                self._check_writable()
                return
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (
                self.database.parent,
                self.pki,
                self.socket.parent,
                self.pods,
                self.models,
            ):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Last and whole: a folder without it is one whose making was interrupted.
            partial = self.version_file.with_suffix(".new")
            partial.write_text(f"{LAYOUT_VERSION}\n")
            partial.rename(self.version_file)
        except OSError as error:
            raise self._unusable(error) from error

    def running(self) -> PlaneAddress | None:
        """The plane that holds the lock, or None."""
        try:
            with self.lock_file.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return _parse_address(file.read())
        except OSError:
            return None
        return None

    def _read_version(self) -> str:
        return self.version_file.read_text().strip() if self.version_file.exists() else ""

    def _check_version(self) -> None:
        text = self._read_version()
        if text.isdigit() and int(text) <= LAYOUT_VERSION:
            return
        raise KaitoError(
            f"state folder {str(self.root)!r} has layout {text!r}; this kaito knows up to "
            f"{LAYOUT_VERSION}",
            hint="use the newer kaito that made it, or another folder with --state-dir",
        )

    def _check_writable(self) -> None:
        probe = self.root / ".writable"
        probe.write_bytes(b"\0" * 4096)
        probe.unlink()

    def _unusable(self, error: OSError) -> KaitoError:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        cause = "its disk is full" if full else (error.strerror or str(error)).lower()
        return KaitoError(
            f"state folder {str(self.root)!r} cannot be written: {cause}",
            hint="free some space" if full else "choose another with --state-dir",
        )


class PlaneLock:
    """The right to run the plane of one state folder; held until the process ends."""

    def __init__(self, state: StateFolder) -> None:
        self._state = state
        self._file: IO[bytes] | None = None

    def acquire(self) -> None:
        """Take the lock; `KaitoError` names the plane that has it."""
        descriptor = os.open(self._state.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "r+b")
        if not _is_locked(file):
            file.close()
            raise self._taken()
        self._file = file
        self.publish(PlaneAddress(pid=os.getpid()))

    def publish(self, address: PlaneAddress) -> None:
        """Say where this plane is."""
        assert self._file is not None, "the lock is published before it is taken"
        self._file.seek(0)
        self._file.truncate()
        self._file.write(msgspec.json.encode(address))
        self._file.flush()

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _taken(self) -> KaitoError:
        holder = self._state.running()
        who = f"process {holder.pid}" if holder else "another process"
        return KaitoError(
            f"a plane of state folder {str(self._state.root)!r} runs already ({who})",
            hint="use it, stop it with `kaito down`, or choose another folder with --state-dir",
        )


def _is_locked(file: IO[bytes]) -> bool:
    """Try for the lock a little while: somebody who only looks holds it for an instant."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return True
    return False


def _parse_address(text: bytes) -> PlaneAddress:
    """What the holder has written; it may be in the middle of writing."""
    try:
        return msgspec.json.decode(text, type=PlaneAddress)
    except msgspec.MsgspecError:
        return PlaneAddress(pid=0)


def choose_state_folder(given: str = "") -> StateFolder:
    """`given`, else $KAITO_STATE_DIR, else `.kaito` in the current folder; absolute."""
    return StateFolder(Path(given or os.environ.get(_ENVIRONMENT) or ".kaito").absolute())
