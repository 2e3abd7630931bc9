"""A real `PodStreams`: one pod whose container is a process of this machine.

Small on purpose: the node agent has the complete one. What it opens is counted, so that tests can
tell whether the server let go of all of it.
"""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from kaito.api.meta import Key
from kaito.local.apiserver.streaming import errors
from kaito.local.apiserver.streaming.port import ExecRequest, LogRequest, Output, Session

POD = Key("default", "web")
CONTAINER = "main"


class ProcessPods:
    """The pod `default/web`, container `main`: a shell that answers `got LINE` to each line."""

    def __init__(self) -> None:
        self.log: list[bytes] = []
        self.requests: list[LogRequest] = []
        self.open_sessions = 0
        self.open_logs = 0
        self.dialled: list[StreamWriter] = []
        self.changed = asyncio.Condition()
        self._container: Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._container = await asyncio.create_subprocess_exec(
            "sh", "-c", "while read line; do echo got $line; done; exit 7", stdin=PIPE, stdout=PIPE
        )
        self._reader = asyncio.create_task(self._record(self._container))

    async def stop(self) -> None:
        assert self._container is not None
        assert self._reader is not None
        if self._container.returncode is None:
            self._container.kill()
        await self._reader

    async def write(self, line: bytes) -> None:
        """Have the container print `got LINE`."""
        assert self._container is not None
        assert self._container.stdin is not None
        self._container.stdin.write(line + b"\n")
        await self._container.stdin.drain()

    async def logs(self, pod: Key, request: LogRequest) -> AsyncGenerator[bytes, None]:
        self.requests.append(request)
        self._check(pod, request.container)
        if request.previous:
            raise errors.previous_not_found(CONTAINER, pod.name)
        await self.count(logs=1)
        try:
            tail = len(self.log) if request.tail_lines is None else request.tail_lines
            position = max(len(self.log) - tail, 0)
            while True:
                for line in self.log[position:]:
                    yield line
                    position += 1
                if not request.follow or not await self._is_longer_than(position):
                    return
        finally:
            await self.count(logs=-1)

    async def exec(self, pod: Key, request: ExecRequest) -> Session:
        self._check(pod, request.container)
        starting = _start_terminal if request.tty else _start_pipes
        try:
            session: _Piped = await starting(self, request)
        except FileNotFoundError as error:
            raise errors.command_not_started(str(error)) from None
        await self.count(sessions=1)
        return session

    async def attach(self, pod: Key, request: ExecRequest) -> Session:
        self._check(pod, request.container)
        await self.count(sessions=1)
        return _Attached(self)

    async def dial(self, pod: Key, port: int) -> tuple[StreamReader, StreamWriter]:
        self._check(pod, "")
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            raise errors.port_refused(port, pod.name, "connection refused") from None
        self.dialled.append(writer)
        return reader, writer

    async def wait_sessions(self, count: int) -> None:
        """Return when that many execs and attaches are open."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.open_sessions == count)

    async def wait_logs(self, count: int) -> None:
        """Return when that many logs are being read."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.open_logs == count)

    async def wait_lines(self, count: int) -> None:
        """Return when the log has that many lines."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.log) >= count)

    async def count(self, *, sessions: int = 0, logs: int = 0) -> None:
        """Note that so many more are open."""
        self.open_sessions += sessions
        self.open_logs += logs
        async with self.changed:
            self.changed.notify_all()

    def _check(self, pod: Key, container: str) -> None:
        if pod != POD:
            raise errors.pod_not_found(pod.name)
        if container not in {"", CONTAINER}:
            raise errors.container_not_running(container)

    async def _record(self, process: Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            async with self.changed:
                self.log.append(line)
                self.changed.notify_all()
        await process.wait()
        async with self.changed:
            self.changed.notify_all()

    async def _is_longer_than(self, position: int) -> bool:
        assert self._container is not None
        async with self.changed:
            await self.changed.wait_for(
                lambda: len(self.log) > position or self._container_code is not None
            )
        return len(self.log) > position

    @property
    def _container_code(self) -> int | None:
        return self._container.returncode if self._container else None

    async def wait_container(self) -> int:
        async with self.changed:
            await self.changed.wait_for(lambda: self._container_code is not None)
        assert self._container_code is not None
        return self._container_code

    async def close_container_stdin(self) -> None:
        assert self._container is not None
        assert self._container.stdin is not None
        self._container.stdin.close()


class _Piped:
    """An exec; with a terminal, `terminal` is its master side."""

    def __init__(
        self,
        pods: ProcessPods,
        process: Process,
        outputs: dict[int, StreamReader],
        stdin: StreamWriter | None,
        terminal: int | None = None,
    ) -> None:
        self._pods = pods
        self._process = process
        self._outputs = outputs
        self._stdin = stdin
        self._terminal = terminal
        self._is_open = True

    async def write_stdin(self, data: bytes) -> None:
        if self._stdin is not None:
            with suppress(ConnectionError):
                self._stdin.write(data)
                await self._stdin.drain()

    async def close_stdin(self) -> None:
        if self._stdin is not None:
            if self._terminal is not None:
                await self.write_stdin(b"\x04")
            else:
                self._stdin.close()

    async def output(self) -> AsyncGenerator[Output, None]:
        pieces: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue(4)

        async def read(channel: int, reader: StreamReader) -> None:
            with suppress(OSError):
                while data := await reader.read(65536):
                    await pieces.put((channel, data))
            await pieces.put((channel, b""))

        async with asyncio.TaskGroup() as group:
            for channel, reader in self._outputs.items():
                group.create_task(read(channel, reader))
            left = len(self._outputs)
            while left:
                channel, data = await pieces.get()
                if data:
                    yield (1 if channel == 1 else 2), data
                else:
                    left -= 1

    def resize(self, width: int, height: int) -> None:
        if self._terminal is not None:
            size = struct.pack("HHHH", height, width, 0, 0)
            fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)

    async def wait(self) -> int:
        code = await self._process.wait()
        return 128 - code if code < 0 else code

    async def kill(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        if self._stdin is not None:
            self._stdin.close()
        await self._pods.count(sessions=-1)


async def _start_pipes(pods: ProcessPods, request: ExecRequest) -> _Piped:
    process = await asyncio.create_subprocess_exec(
        *request.command,
        stdin=PIPE if request.stdin else asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    return _Piped(pods, process, {1: process.stdout, 2: process.stderr}, process.stdin)


async def _start_terminal(pods: ProcessPods, request: ExecRequest) -> _Piped:
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        "setsid",
        "--wait",
        "--ctty",
        *request.command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        process_group=0,
    )
    os.close(slave)
    loop = asyncio.get_running_loop()
    reader = StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(master, "rb", 0)
    )
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(os.dup(master), "wb", 0)
    )
    writer = StreamWriter(transport, protocol, None, loop)
    return _Piped(pods, process, {1: reader}, writer, terminal=master)


class _Attached:
    """Shares the container's process, and leaves it running."""

    def __init__(self, pods: ProcessPods) -> None:
        self._pods = pods
        self._is_open = True

    async def write_stdin(self, data: bytes) -> None:
        await self._pods.write(data.rstrip(b"\n"))

    async def close_stdin(self) -> None:
        await self._pods.close_container_stdin()

    async def output(self) -> AsyncGenerator[Output, None]:
        follow = LogRequest(follow=True, tail_lines=0)
        async with aclosing(self._pods.logs(POD, follow)) as lines:
            async for line in lines:
                yield 1, line

    def resize(self, width: int, height: int) -> None:
        pass

    async def wait(self) -> int:
        return await self._pods.wait_container()

    async def kill(self) -> None:
        if self._is_open:
            self._is_open = False
            await self._pods.count(sessions=-1)
