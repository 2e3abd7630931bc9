"""What can go wrong with a store.

StoreError
+-- AlreadyExists, NotFound, Conflict     the write's expectation does not hold
+-- Compacted                             the history asked for is gone: list again
+-- WatcherTooSlow                        a watch was cut off: list again
+-- StoreClosed                           the store is shutting down
+-- StoreUnavailable                      the disk refused a write (full, read-only, failing)
+-- StoreUnusable                         the file cannot be opened as it is; nothing was touched
"""

from kaito.base.errors import KaitoError
from kaito.local.store.port import StoreKey


class StoreError(KaitoError):
    """Any failure of a store."""


class AlreadyExists(StoreError):
    """A create met an object of that key."""

    def __init__(self, key: StoreKey) -> None:
        super().__init__(f"{key} already exists")


class NotFound(StoreError):
    """An update or delete met no object of that key."""

    def __init__(self, key: StoreKey) -> None:
        super().__init__(f"{key} does not exist")


class Conflict(StoreError):
    """The object was written by someone else since; `actual` is its revision now."""

    def __init__(self, key: StoreKey, *, expected: int, actual: int) -> None:
        super().__init__(f"{key} is at revision {actual}, not {expected}")
        self.actual = actual


class Compacted(StoreError):
    """Revision `asked` cannot be read from any more (or not yet)."""

    def __init__(self, *, asked: int, floor: int) -> None:
        super().__init__(f"revision {asked} is not available (the oldest is {floor})")
        self.asked = asked
        self.floor = floor


class WatcherTooSlow(StoreError):
    """More changes waited for a watcher than are kept for it."""


class StoreClosed(StoreError):
    """The store is closed or closing."""


class StoreUnavailable(StoreError):
    """The disk did not accept a write; readers still work, and nothing half-written is visible."""


class StoreUnusable(StoreError):
    """The database file is newer, corrupted, locked or unreadable; it was left as it is."""
