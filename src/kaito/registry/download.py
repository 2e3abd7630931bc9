"""Files by parallel byte ranges: resumed where a crash left them, verified before they are used.

Of each piece the first range goes alone: it shows whether the server knows ranges. The checksum
follows the bytes that have arrived without a gap, so that it ends shortly after the last of them.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final, TypeAlias

import aiohttp

from kaito.base.quantity import MIB, format_gib
from kaito.registry.bulk import receive
from kaito.registry.checksums import Sum, has_digest
from kaito.registry.errors import RegistryError
from kaito.registry.partial import PartialFolder, Piece, disk_errors
from kaito.registry.progress import Progress
from kaito.registry.web import FRUITLESS_TRIES, Transient, Web, to_unreachable

CONNECTIONS: Final = 4
"""At once, for all pieces together."""
RANGE_BYTES: Final = 64 * MIB
_FAST: Final = 100 * MIB
"""A second: from there on processors are the limit, and more connections only divide them."""
_NOTE_BYTES: Final = 4 * MIB
"""How much of a range may arrive before the journal hears of it."""

Open: TypeAlias = Callable[
    [Piece, dict[str, str]], AbstractAsyncContextManager[aiohttp.ClientResponse]
]
"""Asks for a piece's content, with a Range among the headers or none; status below 400, or 416."""


async def fetch_pieces(
    web: Web, open_piece: Open, pieces: Sequence[Piece], folder: Path, progress: Progress
) -> None:
    """Bring every piece into its file in `folder`, keeping what is there already.

    Raises:
        RegistryError: what the first piece that failed failed of. The rest can be gone on with.
    """
    with PartialFolder(folder) as partial:
        await _adopt(partial, pieces)
        missing = [piece for piece in pieces if not partial.is_good(piece)]
        done = sum(piece.size for piece in pieces) - sum(_left(partial, one) for one in missing)
        progress.start(total=sum(piece.size for piece in pieces), done=done)
        _require_room(folder, sum(_left(partial, piece) for piece in missing))
        fetcher = _Fetcher(web, open_piece, partial, progress)
        try:
            async with asyncio.TaskGroup() as group:
                for piece in missing:
                    group.create_task(fetcher.fetch(piece))
        except* RegistryError as failures:
            raise first_error(failures) from failures
        with disk_errors(folder):
            for name in dict.fromkeys(piece.name for piece in pieces):
                partial.publish(name)
            partial.finish()


class _Fetcher:
    """Fetches pieces with a bounded number of connections."""

    def __init__(
        self, web: Web, open_piece: Open, partial: PartialFolder, progress: Progress
    ) -> None:
        self._web = web
        self._open = open_piece
        self._partial = partial
        self._progress = progress
        self._pieces = asyncio.Semaphore(CONNECTIONS)
        self._slots = asyncio.Semaphore(CONNECTIONS)

    async def fetch(self, piece: Piece) -> None:
        """Bring one piece, twice if it arrives damaged."""
        async with self._pieces:
            with disk_errors(self._partial.folder):
                file = os.open(self._partial.path(piece.name), os.O_RDWR | os.O_CREAT, 0o644)
            try:
                for _ in range(2):
                    if await self._fetch_once(piece, file):
                        self._partial.record_good(piece)
                        return
                    self._progress.advance(-piece.size, item=piece.name)
                    self._partial.forget(piece)
            finally:
                os.close(file)
        raise RegistryError(
            f"{piece.name} arrived damaged twice (its checksum is not {piece.digest[:19]}…)",
            kind="damaged",
        )

    async def _fetch_once(self, piece: Piece, file: int) -> bool:
        """Bring what is missing; whether the whole has the right checksum."""
        total = Sum(piece.digest, size=piece.size)
        async with asyncio.TaskGroup() as group:
            arrivals = _Arrivals(piece, file, self._partial, self._progress)
            group.create_task(_follow(total, arrivals))
            spans, connections = arrivals.spans, CONNECTIONS
            if first := spans.gaps(piece.size, longest=RANGE_BYTES)[:1]:
                connections = await self._bring_first(arrivals, *first[0])
            gaps = iter(spans.gaps(piece.size, longest=RANGE_BYTES))
            for _ in range(connections):
                group.create_task(self._bring_each(arrivals, gaps))
        return total.matches()

    async def _bring_first(self, arrivals: "_Arrivals", start: int, end: int) -> int:
        """Bring the range that goes alone; how many connections the rest is worth."""
        began = self._web.clock.monotonic()
        await self._bring(arrivals, start, end, is_first=True)
        seconds = self._web.clock.monotonic() - began
        is_fast = end - start > _FAST * seconds
        return min(CONNECTIONS, os.cpu_count() or 1) if is_fast else CONNECTIONS

    async def _bring_each(self, arrivals: "_Arrivals", gaps: Iterator[tuple[int, int]]) -> None:
        for start, end in gaps:
            await self._bring(arrivals, start, end)

    async def _bring(
        self, arrivals: "_Arrivals", start: int, end: int, *, is_first: bool = False
    ) -> None:
        """Ask for [start, end) until it is there; give up when nothing comes any more."""
        stretch, failures = _Stretch(arrivals, start, end), 0
        while stretch.at < stretch.end:
            before = stretch.at
            try:
                async with self._slots:
                    await self._ask(stretch, is_first=is_first)
            except Transient as error:
                failures = 0 if stretch.at > before else failures + 1
                if failures >= FRUITLESS_TRIES:
                    raise to_unreachable(error, arrivals.piece.name) from error
                await self._web.wait(error, failures)
            finally:
                stretch.note()

    async def _ask(self, stretch: "_Stretch", *, is_first: bool) -> None:
        piece = stretch.arrivals.piece
        is_whole = stretch.at == 0 and stretch.end == piece.size
        headers = {} if is_whole else {"Range": f"bytes={stretch.at}-{stretch.end - 1}"}
        async with self._open(piece, headers) as response:
            if response.status != 206 and not is_whole:
                if not is_first:
                    raise Transient("the server answered with other bytes than those asked for")
                stretch.become_whole()
            elif response.status == 206 and not _begins_at(response, stretch.at):
                raise Transient("the server answered with other bytes than those asked for")
            with disk_errors(self._partial.folder):
                await receive(
                    response,
                    stretch.arrivals.file,
                    offset=piece.offset + stretch.at,
                    size=stretch.end - stretch.at,
                    arrived=stretch.advance,
                )


class _Arrivals:
    """What has arrived of one piece, and who is told."""

    def __init__(self, piece: Piece, file: int, partial: PartialFolder, progress: Progress) -> None:
        self.piece = piece
        self.file = file
        self.spans = partial.spans(piece)
        self.news = asyncio.Event()
        self._partial = partial
        self._progress = progress

    def count(self, size: int) -> None:
        """`size` more bytes are written, or fewer count."""
        self._progress.advance(size, item=self.piece.name)

    def record(self, start: int, end: int) -> None:
        """These bytes need not come again."""
        self._partial.record(self.piece, start, end)
        self.news.set()


class _Stretch:
    """A range on its way: `at` is where the next byte goes."""

    def __init__(self, arrivals: _Arrivals, start: int, end: int) -> None:
        self.arrivals = arrivals
        self.at = start
        self.end = end
        self._noted = start

    def advance(self, size: int) -> None:
        """`size` more bytes are written."""
        self.at += size
        self.arrivals.count(size)
        if self.at - self._noted >= _NOTE_BYTES:
            self.note()

    def note(self) -> None:
        """Let the journal know of what has arrived."""
        if self.at > self._noted:
            self.arrivals.record(self._noted, self.at)
            self._noted = self.at

    def become_whole(self) -> None:
        """The server knows no ranges: everything comes again, from the start."""
        self.note()
        self.arrivals.count(-self.arrivals.spans.size)
        self.at = self._noted = 0
        self.end = self.arrivals.piece.size


async def _follow(total: Sum, arrivals: _Arrivals) -> None:
    """Take into the checksum what has arrived without a gap, until that is everything."""
    piece = arrivals.piece
    while total.done < piece.size:
        arrivals.news.clear()
        reach = arrivals.spans.reach(0)
        if reach == total.done:
            await arrivals.news.wait()
            continue
        before, upto = total.done, min(reach, total.done + RANGE_BYTES)
        await total.add(arrivals.file, offset=piece.offset, upto=upto)
        if total.done == before:
            raise RegistryError(f"{piece.name} was cut while it was being fetched", kind="disk")


async def _adopt(partial: PartialFolder, pieces: Sequence[Piece]) -> None:
    """Count what lies in its place already, if it is what it should be."""
    for name in dict.fromkeys(piece.name for piece in pieces):
        own = [piece for piece in pieces if piece.name == name]
        grown, target = partial.path(name), partial.target(name)
        total = sum(piece.size for piece in own)
        if grown.exists() and grown.stat().st_size > total:
            # Begun when there was more of it: the checksum ends where the pieces do.
            os.truncate(grown, total)
        if grown.exists() or (target.is_file() and all(map(partial.is_good, own))):
            continue
        for piece in own:
            partial.forget(piece)
        if not target.is_file() or target.stat().st_size != total:
            continue
        good = [piece for piece in own if piece.digest and await _holds(target, piece)]
        if len(good) < len(own):
            target.rename(grown)
        for piece in good:
            partial.record_good(piece)


async def _holds(path: Path, piece: Piece) -> bool:
    return await has_digest(path, piece.digest, offset=piece.offset, size=piece.size)


def _left(partial: PartialFolder, piece: Piece) -> int:
    return piece.size - min(partial.spans(piece).size, piece.size)


def _require_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise RegistryError(
            f"{folder} has {format_gib(free)} free, where {format_gib(size)} are needed",
            kind="disk",
            hint="free some space, or choose another folder",
        )


def _begins_at(response: aiohttp.ClientResponse, start: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def first_error(failures: BaseExceptionGroup[RegistryError]) -> RegistryError:
    """The first of the errors that ended a task group."""
    error: BaseException = failures
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, RegistryError)
    return error
