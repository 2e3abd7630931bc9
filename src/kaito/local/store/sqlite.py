"""The store the plane runs on: SQLite for what is durable, an index in memory for reads.

Concurrent writers share transactions (group commit): while one batch is being forced to disk, the
next gathers. A write is visible, published and acknowledged only after its batch is on disk, in
revision order. SQLite runs in one worker thread; the event loop never waits for the disk.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from kaito.local.store.broadcast import QUEUE_LIMIT, Broadcaster
from kaito.local.store.database import Database, Row
from kaito.local.store.errors import (
    AlreadyExists,
    Compacted,
    Conflict,
    NotFound,
    StoreClosed,
    StoreError,
    StoreUnavailable,
)
from kaito.local.store.port import (
    EVERYTHING,
    Change,
    Encode,
    Entry,
    Page,
    PageRequest,
    Scope,
    StoreKey,
    Watch,
)

_BATCH_LIMIT = 256

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Write:
    row: Row
    previous: Entry | None
    done: asyncio.Future[None]


class SqliteStore:
    """See `port.Store`. Made by `open`."""

    def __init__(self, database: Database, thread: ThreadPoolExecutor, *, queue_limit: int) -> None:
        self._database = database
        self._thread = thread
        self._index: dict[str, dict[StoreKey, Entry]] = {}
        for entry in database.current():
            self._index.setdefault(entry.key.resource, {})[entry.key] = entry
        revision, self._floor = database.revision_and_floor()
        self._allocated = revision
        self._broadcaster = Broadcaster(revision=revision, limit=queue_limit)
        self._pending: list[_Write] = []
        self._in_flight: dict[StoreKey, asyncio.Future[None]] = {}
        self._flusher: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, queue_limit: int = QUEUE_LIMIT) -> "SqliteStore":
        """Open or create the database. Raises `StoreUnusable` where it must not be used."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="store")

        def load() -> SqliteStore:
            return cls(Database.open(path), thread, queue_limit=queue_limit)

        try:
            return await asyncio.get_running_loop().run_in_executor(thread, load)
        except BaseException:
            thread.shutdown(wait=False)
            raise

    @property
    def revision(self) -> int:
        """The revision of the newest write that readers can see."""
        return self._broadcaster.revision

    @property
    def floor(self) -> int:
        """History at and before this revision may be gone."""
        return self._floor

    async def create(self, key: StoreKey, encode: Encode) -> Entry:
        """Store a new object."""
        await self._settled(key)
        if self._current(key):
            raise AlreadyExists(key)
        return await self._write(key, encode, None, deleted=False)

    async def update(self, key: StoreKey, encode: Encode, *, expected: int) -> Entry:
        """Replace the object last written at `expected`."""
        previous = await self._expect(key, expected)
        return await self._write(key, encode, previous, deleted=False)

    async def delete(self, key: StoreKey, encode: Encode, *, expected: int) -> Entry:
        """Remove the object last written at `expected`."""
        previous = await self._expect(key, expected)
        return await self._write(key, encode, previous, deleted=True)

    async def get(self, key: StoreKey) -> Entry | None:
        """The object as it is now."""
        return self._current(key)

    async def list(self, scope: Scope, page: PageRequest = EVERYTHING) -> Page:
        """The objects of a scope."""
        at = self.revision if page.at is None else page.at
        if not self._floor <= at <= self.revision:
            raise Compacted(asked=at, floor=self._floor)
        if at == self.revision:
            index = self._index.get(scope.resource, {})
            entries = [index[key] for key in sorted(index) if scope.covers(key)]
        else:
            entries = await self._run(self._database.at, scope, at)
        if page.after is not None:
            after = page.after
            entries = [entry for entry in entries if entry.key > after]
        chosen = entries[: page.limit] if page.limit else entries
        return Page(entries=tuple(chosen), revision=at, remaining=len(entries) - len(chosen))

    async def watch(self, scope: Scope, *, after: int) -> Watch:
        """Every change with a revision greater than `after`."""
        self._check_open()
        until = self.revision
        if not self._floor <= after <= until:
            raise Compacted(asked=after, floor=self._floor)
        # Subscribed before the read, so nothing that is published meanwhile falls between.
        subscription = self._broadcaster.subscribe(scope)
        if after < until:
            try:
                backlog = await self._run(self._database.changes, scope, after=after, until=until)
            except BaseException:
                subscription.close()
                raise
            subscription.prepend(backlog)
        return subscription

    async def compact(self, floor: int) -> None:
        """Forget history up to `floor`."""
        floor = min(floor, self.revision)
        if floor <= self._floor:
            return
        # Raised first: a read that starts now must not count on rows that are about to go.
        self._floor = floor
        await self._run(self._database.compact, floor)

    async def close(self) -> None:
        """Finish pending writes, end every watch and close the file."""
        if self._closed:
            return
        self._closed = True
        if self._flusher:
            await self._flusher
        self._broadcaster.close()
        await self._run(self._database.close)
        self._thread.shutdown(wait=False)

    def _current(self, key: StoreKey) -> Entry | None:
        return self._index.get(key.resource, {}).get(key)

    async def _expect(self, key: StoreKey, expected: int) -> Entry:
        await self._settled(key)
        current = self._current(key)
        if current is None:
            raise NotFound(key)
        if current.revision != expected:
            raise Conflict(key, expected=expected, actual=current.revision)
        return current

    async def _settled(self, key: StoreKey) -> None:
        # One write of a key at a time: whether the next may go ahead depends on how this one ends.
        while (in_flight := self._in_flight.get(key)) is not None:
            await asyncio.wait({in_flight})
        self._check_open()

    async def _write(
        self, key: StoreKey, encode: Encode, previous: Entry | None, *, deleted: bool
    ) -> Entry:
        entry = Entry(key, self._allocated + 1, encode(self._allocated + 1))
        self._allocated += 1
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._in_flight[key] = done
        row = Row(entry, previous.revision if previous else 0, deleted)
        self._pending.append(_Write(row, previous, done))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush(), name="store group commit")
        # Shielded: whoever waits may be cancelled, but the write is under way.
        await asyncio.shield(done)
        return entry

    async def _flush(self) -> None:
        while self._pending:
            batch, self._pending = self._pending[:_BATCH_LIMIT], self._pending[_BATCH_LIMIT:]
            failure: StoreError | None = None
            try:
                await self._run(self._database.append, [write.row for write in batch])
            except sqlite3.Error as error:
                failure = StoreUnavailable(
                    f"the store could not write: {error}",
                    hint="free disk space in the state folder, then try again",
                )
            for write in batch:
                self._conclude(write, failure)
        self._flusher = None

    def _conclude(self, write: _Write, failure: StoreError | None) -> None:
        entry = write.row.entry
        del self._in_flight[entry.key]
        if failure:
            write.done.set_exception(failure)
            # Whoever wrote may have gone; nobody else retrieves it.
            write.done.exception()
            return
        self._publish(write)
        write.done.set_result(None)

    def _publish(self, write: _Write) -> None:
        entry = write.row.entry
        index = self._index.setdefault(entry.key.resource, {})
        if write.row.deleted:
            del index[entry.key]
            change = Change("DELETED", entry, write.previous)
        else:
            index[entry.key] = entry
            change = Change("MODIFIED" if write.previous else "ADDED", entry, write.previous)
        self._broadcaster.publish(change)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed("the store is closed")

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: call(*args, **kwargs))
