"""A store in memory: the executable specification of `port.Store`.

It keeps the whole history as one list and answers every question by reading that list, so that what
it does is plain to see. Slow on purpose, and gone with the process: tests use it, the plane does
not.
"""

from dataclasses import dataclass

from kaito.local.store.broadcast import QUEUE_LIMIT, Broadcaster
from kaito.local.store.errors import AlreadyExists, Compacted, Conflict, NotFound
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


@dataclass(frozen=True, slots=True)
class _Revision:
    entry: Entry
    previous: Entry | None
    deleted: bool


class MemoryStore:
    """See `port.Store`."""

    def __init__(self, *, queue_limit: int = QUEUE_LIMIT) -> None:
        self._history: list[_Revision] = []
        self._floor = 0
        self._broadcaster = Broadcaster(limit=queue_limit)

    @property
    def revision(self) -> int:
        """The revision of the newest write."""
        return self._broadcaster.revision

    @property
    def floor(self) -> int:
        """History at and before this revision may be gone."""
        return self._floor

    async def create(self, key: StoreKey, encode: Encode) -> Entry:
        """Store a new object."""
        if self._current(key):
            raise AlreadyExists(key)
        return self._append(key, encode, deleted=False)

    async def update(self, key: StoreKey, encode: Encode, *, expected: int) -> Entry:
        """Replace the object last written at `expected`."""
        self._check(key, expected)
        return self._append(key, encode, deleted=False)

    async def delete(self, key: StoreKey, encode: Encode, *, expected: int) -> Entry:
        """Remove the object last written at `expected`."""
        self._check(key, expected)
        return self._append(key, encode, deleted=True)

    async def get(self, key: StoreKey) -> Entry | None:
        """The object as it is now."""
        return self._current(key)

    async def list(self, scope: Scope, page: PageRequest = EVERYTHING) -> Page:
        """The objects of a scope."""
        at = self.revision if page.at is None else page.at
        if not self._floor <= at <= self.revision:
            raise Compacted(asked=at, floor=self._floor)
        newest = {r.entry.key: r for r in self._history if r.entry.revision <= at}
        keys = sorted(key for key, r in newest.items() if scope.covers(key) and not r.deleted)
        beyond = [key for key in keys if page.after is None or key > page.after]
        chosen = beyond[: page.limit] if page.limit else beyond
        return Page(
            entries=tuple(newest[key].entry for key in chosen),
            revision=at,
            remaining=len(beyond) - len(chosen),
        )

    async def watch(self, scope: Scope, *, after: int) -> Watch:
        """Every change with a revision greater than `after`."""
        if not self._floor <= after <= self.revision:
            raise Compacted(asked=after, floor=self._floor)
        subscription = self._broadcaster.subscribe(scope)
        subscription.prepend(
            _to_change(revision)
            for revision in self._history
            if revision.entry.revision > after and scope.covers(revision.entry.key)
        )
        return subscription

    async def compact(self, floor: int) -> None:
        """Forget history up to `floor`."""
        floor = min(floor, self.revision)
        if floor <= self._floor:
            return
        old = {r.entry.key: r for r in self._history if r.entry.revision <= floor}
        kept = [r for r in old.values() if not r.deleted]
        kept.sort(key=lambda revision: revision.entry.revision)
        self._history = kept + [r for r in self._history if r.entry.revision > floor]
        self._floor = floor

    async def close(self) -> None:
        """End every watch."""
        self._broadcaster.close()

    def _current(self, key: StoreKey) -> Entry | None:
        for revision in reversed(self._history):
            if revision.entry.key == key:
                return None if revision.deleted else revision.entry
        return None

    def _check(self, key: StoreKey, expected: int) -> None:
        current = self._current(key)
        if current is None:
            raise NotFound(key)
        if current.revision != expected:
            raise Conflict(key, expected=expected, actual=current.revision)

    def _append(self, key: StoreKey, encode: Encode, *, deleted: bool) -> Entry:
        number = self.revision + 1
        entry = Entry(key, number, encode(number))
        revision = _Revision(entry, self._current(key), deleted)
        self._history.append(revision)
        self._broadcaster.publish(_to_change(revision))
        return entry


def _to_change(revision: _Revision) -> Change:
    if revision.deleted:
        return Change("DELETED", revision.entry, revision.previous)
    return Change("MODIFIED" if revision.previous else "ADDED", revision.entry, revision.previous)
