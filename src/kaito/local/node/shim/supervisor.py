"""The shim's main loop: waits for the program, passes requests on, ends whatever is left behind."""

import os
import select
import signal
import time

from kaito.local.node import procfs
from kaito.local.node.shim import execute
from kaito.local.node.shim.folder import RunFolder
from kaito.local.node.shim.streams import Streams

LINGER = 2.0
"""Seconds that the other processes of a stopping container get after its main process ended."""


class Requests:
    """What signals asked for; `wake` becomes readable when one came."""

    def __init__(self) -> None:
        self.stop = False
        self.kill = False
        self.wake, wake_in = os.pipe()
        os.set_blocking(wake_in, False)
        signal.set_wakeup_fd(wake_in, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD):
            signal.signal(number, self.note)

    def note(self, number: int, _frame: object) -> None:
        """Remember one signal."""
        self.stop = self.stop or number == signal.SIGTERM
        self.kill = self.kill or number == signal.SIGUSR1


class Supervisor:
    """Waits for the main process, passes requests on, and ends whatever is left behind."""

    def __init__(self, main: int, streams: Streams, requests: Requests, has_monitor: bool) -> None:
        self.main = main
        self.streams = streams
        self.requests = requests
        self.has_monitor = has_monitor
        self.status: int | None = None
        self.was_told = False
        self.is_killing = False
        self.ended = 0.0

    def run(self) -> int:
        """Return the wait status of the main process once nothing of the container runs."""
        while True:
            self.turn()
            if self.requests.stop and not self.was_told:
                self.was_told = True
                self.signal_all(signal.SIGTERM)
            if self.requests.kill or self.is_killing:
                self.is_killing = True
                self.signal_all(signal.SIGKILL)
            has_children = self.reap()
            if self.status is None:
                continue
            if not has_children:
                self.streams.finish()
                return self.status
            # As in a container whose first process ends: the others end with it.
            if not self.was_told or time.monotonic() - self.ended > LINGER:
                self.is_killing = True

    def turn(self) -> None:
        """Wait for something to happen, for as long as nothing else needs a look."""
        poll = select.poll()
        poll.register(self.requests.wake, select.POLLIN)
        for fd, events in self.streams.interests().items():
            poll.register(fd, events)
        is_ending = self.status is not None or self.is_killing
        timeout = 20 if is_ending else (1000 if self.streams.is_blocked() else None)
        ready = dict(poll.poll(timeout))
        if ready.pop(self.requests.wake, 0):
            os.read(self.requests.wake, 512)
        self.streams.advance(ready)

    def reap(self) -> bool:
        """Collect ended children; whether any is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.main:
                self.status = status
                self.ended = time.monotonic()

    def signal_all(self, number: int) -> None:
        """Signal every process of the container, even those that left its group."""
        spared = {self.main} if self.has_monitor and number != signal.SIGKILL else set()
        for pid in procfs.descendants(os.getpid()):
            try:
                if pid not in spared:
                    os.kill(pid, number)
            except OSError:
                continue


def main(arguments: list[str]) -> int:
    """Supervise one container to its end."""
    split = arguments.index("--")
    options = dict(pair.split("=", 1) for pair in arguments[1:split])
    for name in ("notify", "listen"):
        os.set_inheritable(int(options[name]), False)
    folder = RunFolder(arguments[0])
    if not folder.lock():
        return 75
    requests = Requests()
    execute.become_reaper()
    ooms = procfs.oom_kills()
    started = execute.start(arguments[split + 1 :], options, folder)
    if isinstance(started, str):
        folder.write("exit", f"finished={time.time_ns()}\nfault={started}\n")
        _notify(options, b"fault")
        return 0
    _notify(options, b"started")
    pid, streams = started
    supervisor = Supervisor(pid, streams, requests, "monitor" in options)
    code = os.waitstatus_to_exitcode(supervisor.run())
    # Without control groups the machine's counter is the only trace the OOM killer leaves.
    was_oom = code in (-9, 137) and not requests.kill and procfs.oom_kills() > ooms
    said = f"finished={time.time_ns()}\nstatus={code}\noom={int(was_oom)}\n"
    folder.write("exit", said)
    return 0


def _notify(options: dict[str, str], said: bytes) -> None:
    try:
        os.write(int(options["notify"]), said)
        os.close(int(options["notify"]))
    except OSError:
        # Whoever started this is gone, and will find the files when it is back.
        return
