"""HTTP with bounds: known unreachable within seconds, downloads that go on where they were cut.

Serves every source that speaks HTTP. A file counts as arrived only when its size and its checksum
are those the source announced.
"""

import asyncio
import hashlib
import random
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from kaito.base.backoff import Backoff
from kaito.base.clock import Clock
from kaito.base.quantity import MIB
from kaito.runtimes.weights.errors import SourceFailed
from kaito.runtimes.weights.progress import Reporter

CONNECT_SECONDS: Final = 4.0
"""Two sources that do not answer are known within the 10 s a pod may take to say so."""
_READ_SECONDS: Final = 30.0
_PARALLEL: Final = 4
_FRUITLESS_TRIES: Final = 5
_CHUNK: Final = MIB
_TRANSIENT: Final = frozenset({416, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What a download needs: a session, the time, where to report, and chance for the backoff."""

    session: aiohttp.ClientSession
    clock: Clock
    reporter: Reporter
    backoff: Backoff = field(default_factory=lambda: Backoff(base=0.5, cap=20.0))
    random: Callable[[], float] = random.random
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_PARALLEL))


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file to fetch; `digest` is `sha256:HEX`, or `git:HEX` for a git blob's id, or empty."""

    url: str
    name: str
    size: int
    digest: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@asynccontextmanager
async def open_transfer(clock: Clock, reporter: Reporter) -> AsyncIterator[Transfer]:
    """A transfer with this module's bounds, closed at the end of the block."""
    connector = aiohttp.TCPConnector(resolver=_DaemonResolver())
    timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=_READ_SECONDS)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, trust_env=True, headers={"User-Agent": "kaito"}
    ) as session:
        yield Transfer(session=session, clock=clock, reporter=reporter)


async def fetch_files(transfer: Transfer, files: tuple[RemoteFile, ...], folder: Path) -> None:
    """Bring every file into `folder`, a few at a time, keeping what is there already."""
    have = sum(_arrived(folder / file.name) for file in files)
    transfer.reporter.start("download", total=sum(file.size for file in files), done=have)
    try:
        async with asyncio.TaskGroup() as group:
            for file in files:
                group.create_task(_fetch(transfer, file, folder / file.name))
    except* SourceFailed as failures:
        raise failures.exceptions[0] from failures


async def _fetch(transfer: Transfer, file: RemoteFile, target: Path) -> None:
    async with transfer.slots:
        for is_last in (False, True):
            sink = _Sink(target)
            await _fill(transfer, file, sink)
            if sink.matches(file.digest):
                return
            # Bytes of an earlier try may be the wrong ones: once more, from the start.
            transfer.reporter.advance(-sink.size, item=file.name)
            sink.restart()
            if is_last:
                raise SourceFailed(f"{file.name} arrived damaged twice (checksum mismatch)")


async def _fill(transfer: Transfer, file: RemoteFile, sink: "_Sink") -> None:
    """Request the rest of the file until it is all there; give up when nothing comes any more."""
    fruitless = 0
    while sink.size < file.size:
        before = sink.size
        try:
            await _request(transfer, file, sink)
        except (aiohttp.ClientError, TimeoutError) as error:
            fruitless = 0 if sink.size > before else fruitless + 1
            if fruitless >= _FRUITLESS_TRIES:
                raise SourceFailed(f"{file.name}: {to_reason(error)}") from error
            await transfer.clock.sleep(transfer.backoff.delay(fruitless, transfer.random))
        except OSError as error:
            raise SourceFailed(f"cannot write {sink.path}: {error.strerror}") from error


async def _request(transfer: Transfer, file: RemoteFile, sink: "_Sink") -> None:
    headers = dict(file.headers)
    if sink.size:
        headers["Range"] = f"bytes={sink.size}-"
    async with transfer.session.get(file.url, headers=headers) as response:
        if response.status >= 400 and response.status not in _TRANSIENT:
            raise SourceFailed(f"{file.name}: the server answered {response.status}")
        if sink.size and response.status in {200, 416}:
            # Not the rest but the whole, or a range the server does not know: start again.
            transfer.reporter.advance(-sink.size, item=file.name)
            sink.restart()
        response.raise_for_status()
        with sink.path.open("ab") as stream:
            async for chunk in response.content.iter_chunked(_CHUNK):
                stream.write(chunk)
                sink.count(chunk)
                transfer.reporter.advance(len(chunk), item=file.name)


def to_reason(error: Exception) -> str:
    """Why a request failed, in words for one line."""
    if isinstance(error, aiohttp.SocketTimeoutError):
        return f"the server sent nothing for {_READ_SECONDS:.0f} s"
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_SECONDS:.0f} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"cannot reach {error.host} (its certificate is not trusted)"
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error.strerror or str(error.os_error)
        return f"cannot reach {error.host} ({cause})"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the server answered {error.status}"
    return str(error) or type(error).__name__


class _Sink:
    """A file being filled, with the running checksums of what it holds."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.size = 0
        self._sha256 = hashlib.sha256()
        with path.open("ab+") as stream:
            stream.seek(0)
            while chunk := stream.read(_CHUNK):
                self.count(chunk)

    def count(self, chunk: bytes) -> None:
        self._sha256.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        self.path.write_bytes(b"")
        self.size = 0
        self._sha256 = hashlib.sha256()

    def matches(self, digest: str) -> bool:
        kind, _, expected = digest.partition(":")
        if kind == "git":
            return _git_id(self.path) == expected
        return not digest or self._sha256.hexdigest() == expected


def _git_id(path: Path) -> str:
    # https://git-scm.com/book/en/v2/Git-Internals-Git-Objects: only small files are plain blobs.
    content = path.read_bytes()
    header = b"blob %d\0" % len(content)
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


def _arrived(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class _DaemonResolver(AbstractResolver):
    """Resolves names in a daemon thread.

    `getaddrinfo` cannot be interrupted and, without a network, blocks for much longer than
    anybody waits; in the event loop's own executor it would then hold up the program's exit.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def settle(result: list[ResolveResult] | OSError) -> None:
            if answer.done():
                return
            if isinstance(result, OSError):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        def ask() -> None:
            result = _look_up(host, port, family)
            # The loop may be gone when a slow answer arrives at last: nobody wants it then.
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result)

        threading.Thread(target=ask, daemon=True, name=f"resolve {host}").start()
        return await answer

    async def close(self) -> None:
        """Nothing is held."""


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult] | OSError:
    try:
        found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=int(address[1]),
            family=kind,
            proto=protocol,
            flags=socket.AI_NUMERICHOST,
        )
        for kind, _, protocol, _, address in found
    ]
