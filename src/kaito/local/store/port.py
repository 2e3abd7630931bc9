"""The contract of a store: revisioned bytes under keys, and watches that resume.

Every write gets a revision greater than all before it and is durable when the call returns; readers
and watchers never see one that is not. A write names the revision it replaces, so two writers never
overwrite each other unknowingly. Nothing here looks inside a value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]

Encode = Callable[[int], bytes]
"""Makes the value from the revision it will be stored under: objects carry their own."""


class StoreKey(NamedTuple):
    """What names one stored object; `namespace` is empty for cluster-scoped ones."""

    resource: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`resource namespace/name`, for messages."""
        scope = f"{self.namespace}/" if self.namespace else ""
        return f"{self.resource} {scope}{self.name}"


class Scope(NamedTuple):
    """Which keys a list or a watch covers: one resource, in one namespace or (empty) in all."""

    resource: str
    namespace: str = ""

    def covers(self, key: StoreKey) -> bool:
        """Whether `key` lies in this scope."""
        return key.resource == self.resource and self.namespace in {"", key.namespace}


@dataclass(frozen=True, slots=True)
class Entry:
    """One object at one revision."""

    key: StoreKey
    revision: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """One write as a watcher sees it. A deletion's `entry` is the tombstone with its last value."""

    type: ChangeType
    entry: Entry
    previous: Entry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Part of a list, in key order: `revision` is what the whole list is true at.

    `remaining` counts the entries after this page; where it is not 0, ask again with
    `at=revision` and `after` the last key.
    """

    entries: tuple[Entry, ...]
    revision: int
    remaining: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which part of a list: at most `limit` entries (0: all) beyond key `after`, true `at` then."""

    limit: int = 0
    after: StoreKey | None = None
    at: int | None = None


EVERYTHING = PageRequest()


class Watch(Protocol):
    """The changes in one scope, in revision order, each exactly once."""

    @property
    def revision(self) -> int:
        """Every change up to here has been returned by `changes`."""
        ...

    async def changes(self) -> tuple[Change, ...]:
        """Wait for changes and return them; an empty tuple after `wake`.

        Raises `WatcherTooSlow` when too many wait unread, and `StoreClosed` at the end.
        """
        ...

    def wake(self) -> None:
        """Make a waiting `changes` return, for who has something else to look at."""
        ...

    def close(self) -> None:
        """Stop receiving; closing twice is harmless."""
        ...


class Store(Protocol):
    """Revisioned bytes under keys. Safe for any number of tasks of one event loop."""

    @property
    def revision(self) -> int:
        """The revision of the newest write that readers can see; 0 before the first."""
        ...

    @property
    def floor(self) -> int:
        """History at and before this revision may be gone."""
        ...

    async def create(self, key: StoreKey, encode: Encode) -> Entry:
        """Store a new object. Raises `AlreadyExists`."""
        ...

    async def update(self, key: StoreKey, encode: Encode, *, expected: int) -> Entry:
        """Replace the object last written at `expected`. Raises `NotFound` or `Conflict`."""
        ...

    async def delete(self, key: StoreKey, encode: Encode, *, expected: int) -> Entry:
        """Remove the object last written at `expected`, leaving a tombstone with a last value.

        Raises `NotFound` or `Conflict`.
        """
        ...

    async def get(self, key: StoreKey) -> Entry | None:
        """The object as it is now."""
        ...

    async def list(self, scope: Scope, page: PageRequest = EVERYTHING) -> Page:
        """The objects of a scope. Raises `Compacted` where `page.at` is below the floor."""
        ...

    async def watch(self, scope: Scope, *, after: int) -> Watch:
        """Every change with a revision greater than `after`.

        Raises `Compacted` when some of those changes are gone, and when `after` lies in the
        future: a client that remembers another store must start over.
        """
        ...

    async def compact(self, floor: int) -> None:
        """Forget history up to `floor`; the newest value of every key stays."""
        ...

    async def close(self) -> None:
        """Finish pending writes, end every watch and release what is held."""
        ...
