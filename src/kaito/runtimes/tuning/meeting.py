"""The nodes of one job meet: all begin together, hear when one goes, and end together.

    guest -> host   {"node": 1}                           one of the others is there
    host -> guest   {"port": 41234, "is_trained": false}  all are: begin; ranks meet at that port
    both            {"word": "done"}                      why it goes: done, stopped, failed

The first node is the host; the others connect to it and stay connected. A line of JSON each. A
connection that ends without a word is a node that is lost. Nobody is done before the host is: were
the first pod lost before the result is where it should go, all would have to train again.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Protocol, Self, TypeAlias, TypeVar

import msgspec

from kaito.api.runtime import ENV_POD_HOSTS, ENV_POD_IP, ExitCode
from kaito.base.clock import Clock
from kaito.runtimes.ending import Ending

Word: TypeAlias = Literal["done", "stopped", "failed", "lost"]

JOIN_SECONDS: Final = 7200.0
"""For all pods to get their nodes and their weights."""
_RETRY_SECONDS: Final = 1.0
_HELLO_SECONDS: Final = 10.0
_PARTING_SECONDS: Final = 5.0
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A node that lost its power is noticed within a minute."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What the host tells when all are there."""

    port: int
    """Where ranks find each other, on the first node."""
    is_trained: bool = False
    """Whether an earlier attempt has trained already, and only its result is to be delivered."""
    address: str = ""
    """Of the first node, as this one reaches it."""


class _Hello(msgspec.Struct, frozen=True):
    node: int


class _Parting(msgspec.Struct, frozen=True):
    word: Word


_Message = TypeVar("_Message", Call, _Hello, _Parting)


class Meeting(Protocol):
    """One node's end of it; an async context manager."""

    async def __aenter__(self) -> Self:
        """Take part."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Go; without a word unless one was said."""
        ...

    async def gather(self, seconds: float = JOIN_SECONDS) -> Call:
        """Wait for all nodes.

        Raises:
            Ending: some have not come within so many seconds.
        """
        ...

    async def departure(self) -> tuple[int, Word]:
        """Which node goes first after all were there, and why; waits until one does."""
        ...

    async def part(self, word: Word) -> None:
        """Say why this node goes."""
        ...


class Host:
    """The first node's end."""

    def __init__(
        self, port: int, nodes: int, *, is_trained: Callable[[], bool] = lambda: False
    ) -> None:
        """`is_trained` reads the results once all are there: see `Call`."""
        self._port = port
        self._nodes = nodes
        self._is_trained = is_trained
        self._guests: dict[int, asyncio.StreamWriter] = {}
        self._complete = asyncio.Event()
        self._left: asyncio.Queue[tuple[int, Word]] = asyncio.Queue()
        self._server: asyncio.Server | None = None
        self._begun = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen, on the pod's own address where it is known."""
        address = os.environ.get(ENV_POD_IP) or None
        self._server = await asyncio.start_server(self._take, address, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def gather(self, seconds: float = JOIN_SECONDS) -> Call:
        """See `Meeting`."""
        try:
            async with asyncio.timeout(seconds):
                # One that came may have gone again by the time this is heard of.
                while len(self._guests) < self._nodes - 1:
                    self._complete.clear()
                    await self._complete.wait()
        except TimeoutError:
            missing = [str(n + 1) for n in range(1, self._nodes) if n not in self._guests]
            raise _not_there(f"node {', '.join(missing)} of {self._nodes}", seconds) from None
        self._begun.set()
        is_trained = await asyncio.to_thread(self._is_trained)
        call = Call(port=free_port(), is_trained=is_trained, address="127.0.0.1")
        for writer in self._guests.values():
            await _send(writer, msgspec.structs.replace(call, address=""))
        return call

    async def departure(self) -> tuple[int, Word]:
        """See `Meeting`."""
        return await self._left.get()

    async def part(self, word: Word) -> None:
        """See `Meeting`."""
        for writer in self._guests.values():
            await _send(writer, _Parting(word))

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._attend(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._receive(reader, writer)
        finally:
            await _hang_up(writer)

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = None
        with suppress(TimeoutError):
            async with asyncio.timeout(_HELLO_SECONDS):
                hello = await _read(reader, _Hello)
        if hello is None or not 0 < hello.node < self._nodes:
            return
        _keep_alive(writer)
        if self._begun.is_set():
            # Started again: whoever was there under its number is not any more.
            self._left.put_nowait((hello.node, "lost"))
            return
        if (earlier := self._guests.get(hello.node)) is not None:
            earlier.close()
        self._guests[hello.node] = writer
        if len(self._guests) == self._nodes - 1:
            self._complete.set()
        parting = await _read(reader, _Parting)
        if self._guests.get(hello.node) is not writer:
            return
        if self._begun.is_set():
            self._left.put_nowait((hello.node, parting.word if parting else "lost"))
        else:
            del self._guests[hello.node]


class Guest:
    """Any other node's end."""

    def __init__(self, host: str, port: int, node: int, *, clock: Clock) -> None:
        self._clock = clock
        self._host = host
        self._port = port
        self._node = node
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        """Nothing yet: the first node may come later."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        if self._streams is not None:
            await _hang_up(self._streams[1])

    async def gather(self, seconds: float = JOIN_SECONDS) -> Call:
        """See `Meeting`."""
        try:
            async with asyncio.timeout(seconds):
                while (call := await self._ask()) is None:
                    await self._clock.sleep(_RETRY_SECONDS)
                return call
        except TimeoutError:
            raise _not_there(f"the first node, {self._host},", seconds) from None

    async def departure(self) -> tuple[int, Word]:
        """See `Meeting`."""
        assert self._streams is not None, "nobody has gathered yet"
        parting = await _read(self._streams[0], _Parting)
        return 0, parting.word if parting else "lost"

    async def part(self, word: Word) -> None:
        """See `Meeting`."""
        if self._streams is not None:
            await _send(self._streams[1], _Parting(word))

    async def _ask(self) -> Call | None:
        """The host's call; None where it is not there, or went before it called."""
        for address in await _resolve(self._host):
            try:
                reader, writer = await asyncio.open_connection(address, self._port)
            except OSError:
                continue
            _keep_alive(writer)
            self._streams = reader, writer
            await _send(writer, _Hello(self._node))
            call = await _read(reader, Call)
            if call is not None:
                return msgspec.structs.replace(call, address=address)
            await _hang_up(writer)
        return None


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _not_there(who: str, seconds: float) -> Ending:
    return Ending(
        f"{who} has not come within {seconds:.0f} s; all nodes of the job begin together",
        ExitCode.PEERS,
        hint="see why its pod does not run: kubectl describe pod",
    )


async def _resolve(host: str) -> tuple[str, ...]:
    """The host's addresses: of the file that stands for DNS on one machine, else by DNS."""
    named = os.environ.get(ENV_POD_HOSTS, "")
    found = tuple(_addresses(Path(named), host)) if named else ()
    if found:
        return found
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(info[4][0]) for info in infos))


def _addresses(file: Path, host: str) -> Iterator[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        address, *names = line.split() or [""]
        if host in names:
            yield address


async def _read(reader: asyncio.StreamReader, kind: type[_Message]) -> _Message | None:
    """The next line; None where the connection ends, or what comes is something else."""
    try:
        line = await reader.readline()
        return msgspec.json.decode(line, type=kind)
    except (OSError, ValueError, msgspec.MsgspecError):
        return None


async def _send(writer: asyncio.StreamWriter, message: Call | _Hello | _Parting) -> None:
    with suppress(OSError, TimeoutError):
        writer.write(msgspec.json.encode(message) + b"\n")
        async with asyncio.timeout(_PARTING_SECONDS):
            await writer.drain()


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_PARTING_SECONDS):
            await writer.wait_closed()


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
