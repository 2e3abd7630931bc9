"""Starts the shim of one run: its arguments, its descriptors, the socket of its attach clients."""

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kaito.local.node.run_files import RunFiles, RunSpec
from kaito.local.node.spawn import Child, spawn

LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 3
_SOURCE_ROOT = str(Path(__file__).parents[3])
_BOOTSTRAP = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from kaito.local.node.shim.supervisor import main; sys.exit(main(sys.argv[1:]))"
)
_NOTIFY, _LISTEN = 3, 4


@dataclass(frozen=True, slots=True)
class Begun:
    """A shim on its way. `notify` says `started` or `fault`, or just ends."""

    child: Child
    notify: int


def start_shim(spec: RunSpec, files: RunFiles, *, marks: Mapping[str, str]) -> Begun:
    """Start the shim of a recorded run; `SpawnFailed` when the system refuses."""
    notify, notify_theirs = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    faults = os.open(files.path / "shim.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    listener = listen_for_clients(files.path)
    # Above every target number, so that no move below overwrites a descriptor still needed.
    moved = [os.dup(fd) for fd in (null, null, faults, notify_theirs, listener.fileno())]
    try:
        child = spawn(
            [sys.executable, *_arguments(spec, files)],
            {**spec.env, **marks},
            streams=dict(zip(range(5), moved, strict=True)),
        )
    except BaseException:
        os.close(notify)
        raise
    finally:
        listener.close()
        for fd in (notify_theirs, null, faults, *moved):
            os.close(fd)
    return Begun(child, notify)


def listen_for_clients(folder: Path) -> socket.socket:
    """The socket `attach` in a run's folder.

    Bound through the folder's descriptor, since a socket's path may have at most 107 bytes.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _opened_folder(folder) as short:
        listener.bind(f"{short}/attach")
    listener.listen(8)
    return listener


def connect_to(folder: Path) -> socket.socket:
    """A client's connection to the shim of a run; `OSError` when it is not there any more."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.setblocking(False)
    try:
        with _opened_folder(folder) as short:
            client.connect(f"{short}/attach")
    except BaseException:
        client.close()
        raise
    return client


@contextmanager
def _opened_folder(folder: Path) -> Iterator[str]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def _arguments(spec: RunSpec, files: RunFiles) -> list[str]:
    options = {
        "notify": _NOTIFY,
        "listen": _LISTEN,
        "log_bytes": LOG_BYTES,
        "log_files": LOG_FILES,
        "cwd": "/" if spec.sandbox else spec.cwd,
    }
    flags = {
        "tty": spec.tty,
        "stdin": spec.stdin,
        "once": spec.stdin and spec.stdin_once,
        "monitor": bool(spec.sandbox),
    }
    return [
        *("-I", "-S", "-c", _BOOTSTRAP, _SOURCE_ROOT, str(files.path)),
        *(f"{name}={value}" for name, value in options.items()),
        *(f"{name}=1" for name, is_set in flags.items() if is_set),
        *("--", *spec.sandbox, *spec.argv),
    ]
