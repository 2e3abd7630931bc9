"""Turns into the container's program: streams, session, record, then exec."""

import ctypes
import fcntl
import os
import signal
import time

from kaito.local.node import procfs
from kaito.local.node.shim.folder import RunFolder
from kaito.local.node.shim.log import Log
from kaito.local.node.shim.streams import Streams

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_TIOCSCTTY = 0x540E


def start(argv: list[str], options: dict[str, str], folder: RunFolder) -> tuple[int, Streams] | str:
    """Execute the container: its process and streams, or `STAGE ERRNO` when that is impossible."""
    std, outputs, stdin = _open_streams(options)
    gate_out, gate_in = os.pipe()
    fault_out, fault_in = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(gate_in)
        _execute(argv, options, std, (gate_out, fault_in))
    for fd in {*std, gate_out, fault_in}:
        os.close(fd)
    # The record is complete before the program runs: no moment has a process without a record.
    me = os.getpid()
    folder.write(
        "pid",
        f"{me} {procfs.birth(me)} {pid} {procfs.birth(pid)} {procfs.boot_id()} {time.time_ns()}\n",
    )
    os.write(gate_in, b"go")
    os.close(gate_in)
    fault = os.read(fault_out, 256)
    os.close(fault_out)
    if fault:
        os.waitpid(pid, 0)
        return fault.decode()
    log = Log(folder, int(options["log_bytes"]), int(options["log_files"]))
    return pid, Streams(log, outputs, stdin, options)


def _open_streams(options: dict[str, str]) -> tuple[tuple[int, int, int], dict[int, int], int]:
    """The child's three descriptors, our ends of its output by stream, and of its input."""
    if "tty" in options:
        master, slave = os.openpty()
        os.set_blocking(master, False)
        return (slave, slave, slave), {master: 1}, master
    out, out_child = os.pipe()
    err, err_child = os.pipe()
    for fd in (out, err):
        os.set_blocking(fd, False)
    if "stdin" not in options:
        return (os.open("/dev/null", os.O_RDONLY), out_child, err_child), {out: 1, err: 2}, -1
    in_child, stdin = os.pipe()
    os.set_blocking(stdin, False)
    return (in_child, out_child, err_child), {out: 1, err: 2}, stdin


def _execute(
    argv: list[str], options: dict[str, str], std: tuple[int, int, int], pipes: tuple[int, int]
) -> None:
    """In the child: become the container's program. Never returns."""
    gate, fault = pipes
    stage = "start"
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if "tty" in options:
            fcntl.ioctl(std[0], _TIOCSCTTY, 0)
        for target, fd in enumerate(std):
            os.dup2(fd, target)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        if os.read(gate, 2) != b"go":
            os._exit(1)
        stage = "chdir"
        os.chdir(options["cwd"])
        stage = "exec"
        os.execvpe(argv[0], argv, _environment())  # noqa: S606
    except OSError as error:
        os.write(fault, f"{stage} {error.errno}".encode())
    finally:
        os._exit(127)


def _environment() -> dict[bytes, bytes]:
    # Python may have added LC_CTYPE to its own; the first block is what the container was given.
    entries = (entry.partition(b"=") for entry in procfs.read("/proc/self/environ").split(b"\0"))
    return {name: value for name, equals, value in entries if equals}


def become_reaper() -> None:
    """Have every orphan below this process handed to it."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
