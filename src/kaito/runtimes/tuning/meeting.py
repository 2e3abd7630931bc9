"""The nodes of one job meet: all begin together, hear when one goes, and end together.

    guest -> host   {"node": 1, "key": "..."}             one of the others is there
    host -> guest   {"port": 41234, "is_trained": false}  all are: begin; ranks meet at that port
    guest -> host   {"word": "busy", "told": "..."}       how far its data is
    guest -> host   {"word": "ready"}                     its data is there
    host -> guest   {"word": "ready"}                     everybody's is: train
    both            {"word": "done"}                      why it goes: done, stopped, failed

The first node is the host; the others connect to it and stay connected. A line of JSON each. A
connection that ends without a word is a node that is lost. Nobody is done before the host is: were
the first pod lost before the result is where it should go, all would have to train again. Once all
is trained, and kept, the host waits for nobody. Who does not know the job's key is not let in.
"""

import asyncio
import hmac
import logging
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
from kaito.base.logs import facts
from kaito.runtimes.ending import Ending

logger = logging.getLogger(__name__)

Word: TypeAlias = Literal["done", "stopped", "failed", "lost"]
"""Why a node goes."""

JOIN_SECONDS: Final = 7200.0
"""For all pods to get their nodes and their weights."""
STALL_SECONDS: Final = 1800.0
"""Without any news of the data that is waited for."""
_RETRY_SECONDS: Final = 1.0
_HELLO_SECONDS: Final = 10.0
_PARTING_SECONDS: Final = 5.0
_LONGEST_TOLD: Final = 300
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
    key: str = ""


class _Said(msgspec.Struct, frozen=True):
    word: Word | Literal["busy", "ready"]
    told: str = ""


_Message = TypeVar("_Message", Call, _Hello, _Said)


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

    async def tell(self, told: str) -> None:
        """Say how far this node's data is, for the host to know that it goes on."""
        ...

    async def ready(self, wait: Callable[[str], None]) -> None:
        """Say that this node's data is there, and wait until every node's is.

        Somebody has to be in `departure` meanwhile.

        Args:
            wait: is told whom this is for, whenever that changes.

        Raises:
            Ending: another node has told nothing new for too long.
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
        self,
        port: int,
        nodes: int,
        *,
        key: str = "",
        is_trained: Callable[[], bool] = lambda: False,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        """The end that all connect to.

        Args:
            port: to listen at.
            nodes: how many there are, with this one.
            key: what a guest has to know.
            is_trained: reads the results: see `Call`.
            stall_seconds: longest wait for data without news of it.
        """
        self._stall_seconds = stall_seconds
        self._port = port
        self._nodes = nodes
        self._key = key
        self._call: Call | None = None
        self._told: dict[int, str] = {}
        self._ready: set[int] = set()
        self._news = asyncio.Event()
        self._is_trained = is_trained
        self._guests: dict[int, asyncio.StreamWriter] = {}
        self._complete = asyncio.Event()
        self._left: asyncio.Queue[tuple[int, Word]] = asyncio.Queue()
        self._server: asyncio.Server | None = None
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
        is_trained = await asyncio.to_thread(self._is_trained)
        if not is_trained:
            await self._wait_for_guests(seconds)
        self._call = call = Call(port=free_port(), is_trained=is_trained, address="127.0.0.1")
        for writer in tuple(self._guests.values()):
            await self._send_call(writer)
        return call

    async def _wait_for_guests(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                # One that came may have gone again by the time this is heard of.
                while len(self._guests) < self._nodes - 1:
                    self._complete.clear()
                    await self._complete.wait()
        except TimeoutError:
            missing = [str(n + 1) for n in range(1, self._nodes) if n not in self._guests]
            raise _not_there(f"node {', '.join(missing)} of {self._nodes}", seconds) from None

    async def _send_call(self, writer: asyncio.StreamWriter) -> None:
        assert self._call is not None, "nobody has been called yet"
        await _send(writer, msgspec.structs.replace(self._call, address=""))

    async def tell(self, told: str) -> None:
        """Nothing: the others wait for the host's word."""

    async def ready(self, wait: Callable[[str], None]) -> None:
        """See `Meeting`."""
        while behind := [node for node in range(1, self._nodes) if node not in self._ready]:
            whom = "; ".join(self._standing(node) for node in behind)
            wait(whom)
            self._news.clear()
            try:
                async with asyncio.timeout(self._stall_seconds):
                    await self._news.wait()
            except TimeoutError:
                raise _stalled(whom, self._stall_seconds) from None
        for writer in tuple(self._guests.values()):
            await _send(writer, _Said("ready"))

    def _standing(self, node: int) -> str:
        told = self._told.get(node)
        return f"node {node + 1} of {self._nodes}" + (f", which {told}" if told else "")

    async def departure(self) -> tuple[int, Word]:
        """See `Meeting`."""
        return await self._left.get()

    async def part(self, word: Word) -> None:
        """See `Meeting`."""
        for writer in tuple(self._guests.values()):
            await _send(writer, _Said(word))

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
        if hello is None or not self._is_one_of_us(hello):
            return
        _keep_alive(writer)
        if self._call is not None and not self._call.is_trained:
            # Started again: whoever was there under its number is not any more.
            self._left.put_nowait((hello.node, "lost"))
            return
        if (earlier := self._guests.get(hello.node)) is not None:
            earlier.close()
        self._guests[hello.node] = writer
        if len(self._guests) == self._nodes - 1:
            self._complete.set()
        if self._call is not None:
            await self._send_call(writer)
        word = await self._listen(hello.node, reader)
        if self._guests.get(hello.node) is not writer:
            return
        if self._call is not None:
            self._left.put_nowait((hello.node, word))
        else:
            del self._guests[hello.node]

    async def _listen(self, node: int, reader: asyncio.StreamReader) -> Word:
        """Take what a guest tells, until it says why it goes."""
        while (said := await _read(reader, _Said)) is not None:
            if said.word != "busy" and said.word != "ready":
                return said.word
            self._told[node] = said.told[:_LONGEST_TOLD]
            if said.word == "ready":
                self._ready.add(node)
            self._news.set()
        return "lost"

    def _is_one_of_us(self, hello: _Hello) -> bool:
        if not hmac.compare_digest(hello.key.encode(), self._key.encode()):
            logger.warning("somebody without the job's key", extra=facts(node=hello.node))
            return False
        return 0 < hello.node < self._nodes


class Guest:
    """Any other node's end."""

    def __init__(self, host: str, port: int, node: int, *, clock: Clock, key: str = "") -> None:
        self._clock = clock
        self._key = key
        self._all_ready = asyncio.Event()
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
        while (said := await _read(self._streams[0], _Said)) is not None:
            if said.word != "busy" and said.word != "ready":
                return 0, said.word
            self._all_ready.set()
        return 0, "lost"

    async def tell(self, told: str) -> None:
        """See `Meeting`."""
        await self._say(_Said("busy", told))

    async def ready(self, wait: Callable[[str], None]) -> None:
        """See `Meeting`; the host sees to it that this ends, one way or the other."""
        wait("the data of the other nodes")
        await self._say(_Said("ready"))
        await self._all_ready.wait()

    async def part(self, word: Word) -> None:
        """See `Meeting`."""
        await self._say(_Said(word))

    async def _say(self, said: _Said) -> None:
        if self._streams is not None:
            await _send(self._streams[1], said)

    async def _ask(self) -> Call | None:
        """The host's call; None where it is not there, or went before it called."""
        for address in await _resolve(self._host):
            try:
                reader, writer = await asyncio.open_connection(address, self._port)
            except OSError:
                continue
            _keep_alive(writer)
            self._streams = reader, writer
            await _send(writer, _Hello(self._node, self._key))
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


def _stalled(whom: str, seconds: float) -> Ending:
    return Ending(
        f"waited {seconds:.0f} s without any news for the data of {whom}",
        ExitCode.PEERS,
        hint="see the log of that node's pod; all start again",
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


async def _send(writer: asyncio.StreamWriter, message: Call | _Hello | _Said) -> None:
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
