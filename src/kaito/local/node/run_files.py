"""The folder of one run, seen from the agent: what it was started with, and how it stands.

    STATE/pods/UID/containers/NAME/ATTEMPT/
        spec.json         written before anything starts
        lock, pid, exit   written by the shim: alive, executed, ended
        log, log.1 ...    CRI log lines
        attach            the socket of attach clients
        termination-log   what the program says about its end
        work              its working folder

Reads and writes small local files only; what processes do is `process`'s business.
"""

import errno
import fcntl
import os
import shutil
from datetime import datetime
from pathlib import Path

import msgspec

from kaito.base.clock import datetime_from_timestamp
from kaito.local.node import procfs
from kaito.local.node.lifecycle.facts import Exit, RunId
from kaito.local.node.termination import read_message

ABANDONED = "abandoned\n"


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one run is started with; secrets included, so its file is private."""

    id: RunId
    pod_uid: str
    container: str
    attempt: int
    spec_hash: str
    backoff: float = 0.0
    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str = "/"
    sandbox: tuple[str, ...] = ()
    """What stands before the program to give it its mounts; empty without a sandbox."""
    rewrites: tuple[tuple[str, str], ...] = ()
    """Mount paths and the folders they stand for, where nothing is mounted."""
    tty: bool = False
    stdin: bool = False
    stdin_once: bool = False
    fallback_to_logs: bool = False
    """Whether the end of the log is the termination message of a failure that left none."""


class ShimIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs a container: process numbers with their births, and since when."""

    shim: int
    shim_birth: str
    main: int
    main_birth: str
    boot_id: str
    started_at: datetime

    @property
    def is_this_boot(self) -> bool:
        """Whether the machine has not been restarted since."""
        return self.boot_id == procfs.boot_id()


class RunFiles:
    """One run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def log(self) -> Path:
        """The newest part of the log."""
        return self.path / "log"

    @property
    def termination_log(self) -> Path:
        """Where the program leaves its last words."""
        return self.path / "termination-log"

    @property
    def work(self) -> Path:
        """Its working folder unless its spec names another; empty at first."""
        return self.path / "work"

    def create(self, spec: RunSpec) -> None:
        """Record a run that is about to start; what an aborted start left there goes away."""
        if self.path.exists():
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True, mode=0o700)
        self.work.mkdir()
        self.termination_log.touch(mode=0o666)
        _write(self.path / "spec.json", msgspec.json.encode(spec))

    def read_spec(self) -> RunSpec | None:
        """What the run was started with; None when the record is missing or unreadable."""
        try:
            return msgspec.json.decode((self.path / "spec.json").read_bytes(), type=RunSpec)
        except (OSError, msgspec.MsgspecError):
            return None

    def read_identity(self) -> ShimIdentity | None:
        """Who runs it; None until the shim has got that far."""
        try:
            fields = (self.path / "pid").read_text().split()
        except OSError:
            return None
        return ShimIdentity(
            shim=int(fields[0]),
            shim_birth=fields[1],
            main=int(fields[2]),
            main_birth=fields[3],
            boot_id=fields[4],
            started_at=datetime_from_timestamp(int(fields[5]) / 1e9),
        )

    def read_exit(self, spec: RunSpec, *, at: datetime | None = None) -> Exit | None:
        """How it ended, with its termination message; None while it has not."""
        try:
            text = (self.path / "exit").read_text()
        except OSError:
            return None
        fields = dict(line.split("=", 1) for line in text.splitlines())
        moment = at or datetime_from_timestamp(int(fields["finished"]) / 1e9)
        if fault := fields.get("fault"):
            said = _explain_fault(spec, fault)
            return Exit(code=128, finished_at=moment, reason="StartError", message=said)
        if lost := fields.get("lost"):
            return Exit(code=137, finished_at=moment, reason="ContainerStatusUnknown", message=lost)
        status = int(fields["status"])
        code = status if status >= 0 else 128 - status
        message = read_message(
            self.termination_log,
            self.log if spec.fallback_to_logs and code != 0 else None,
        )
        reason = "Completed" if code == 0 else "Error"
        return Exit(
            code=code,
            signal=max(-status, 0),
            finished_at=moment,
            reason="OOMKilled" if fields.get("oom") == "1" else reason,
            message=message,
        )

    def has_ended(self) -> bool:
        """Whether an exit is recorded."""
        return (self.path / "exit").exists()

    def write_fault(self, message: str, *, at: datetime) -> None:
        """Record that it could not be started."""
        text = f"finished={int(at.timestamp() * 1e9)}\nfault={message}\n"
        _write(self.path / "exit", text.encode())

    def write_lost(self, message: str, *, at: datetime) -> None:
        """Record that it ended without anybody seeing how."""
        text = f"finished={int(at.timestamp() * 1e9)}\nlost={message}\n"
        _write(self.path / "exit", text.encode())

    def take_over(self) -> bool:
        """Whether no shim runs this any more; from then on none ever will.

        The mark in the lock file stops a shim that was started but had not come that far.
        """
        fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o640)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(fd, ABANDONED.encode())
        except BlockingIOError:
            return False
        finally:
            os.close(fd)
        return True

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.path, ignore_errors=True)


def _explain_fault(spec: RunSpec, fault: str) -> str:
    stage, _, number = fault.partition(" ")
    if stage == "chdir":
        cause = os.strerror(int(number)).lower()
        return f'workingDir "{spec.cwd}" cannot be entered: {cause}'
    if stage != "exec":
        return fault
    program = spec.argv[0]
    # A folder on $PATH that may not be searched hides the plain answer behind EACCES.
    if int(number) in (errno.ENOENT, errno.EACCES) and "/" not in program:
        return f'exec: "{program}": executable file not found in $PATH of this machine'
    return f'exec: "{program}": {os.strerror(int(number)).lower()}'


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)
    fresh.rename(path)
