"""The SQLite file: opening it safely, and the few statements that are ever run on it.

Synchronous; `sqlite` runs every call in one worker thread. A file that is newer, corrupted or in
use is refused before anything is written to it. All SQL of the project is in this module and in
`schema.sql`.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Self

from kaito.local.store.errors import StoreUnusable
from kaito.local.store.port import Change, Entry, Scope, StoreKey

SCHEMA_VERSION = 1
_MAGIC = b"SQLite format 3\x00"
_ROWS_PER_STATEMENT = 64


@dataclass(frozen=True, slots=True)
class Row:
    """One write on its way to the file."""

    entry: Entry
    previous: int
    deleted: bool


class Database:
    """An open file, owned by this process alone."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Check the file, then open or create it. Raises `StoreUnusable`, touching nothing."""
        try:
            if path.exists() and path.stat().st_size:
                _check(path)
            return cls(_connect(path), path)
        except (sqlite3.Error, OSError) as error:
            raise _unusable(path, error) from error

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows in one transaction, on disk when this returns; all of them or none."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for start in range(0, len(rows), _ROWS_PER_STATEMENT):
                self._insert(rows[start : start + _ROWS_PER_STATEMENT])
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _insert(self, rows: Sequence[Row]) -> None:
        # One statement for many rows: the interpreter lock is given up and fought for once a
        # statement, and the event loop's thread is on the other side.
        marks = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(rows))
        values: list[object] = []
        for row in rows:
            entry = row.entry
            values += (entry.revision, *entry.key, row.previous, row.deleted, entry.value)
        self._connection.execute(f"INSERT INTO revisions VALUES {marks}", values)  # noqa: S608

    def current(self) -> list[Entry]:
        """The newest value of every key that has one."""
        rows = self._connection.execute(
            "SELECT id, resource, namespace, name, value FROM revisions AS r "
            "WHERE deleted = 0 AND NOT EXISTS (SELECT 1 FROM revisions AS n "
            "WHERE n.resource = r.resource AND n.namespace = r.namespace "
            "AND n.name = r.name AND n.id > r.id) ORDER BY id"
        )
        return [_to_entry(row) for row in rows]

    def revision_and_floor(self) -> tuple[int, int]:
        """The newest revision ever given out, and the compaction floor."""
        (newest,) = self._connection.execute("SELECT max(id) FROM revisions").fetchone()
        (floor,) = self._connection.execute(
            "SELECT value FROM facts WHERE name = 'floor'"
        ).fetchone()
        # The newest row may be a tombstone that compaction removed.
        return max(newest or 0, floor), floor

    def changes(self, scope: Scope, *, after: int, until: int) -> list[Change]:
        """The writes in a scope with `after` < revision <= `until`, oldest first."""
        rows = self._connection.execute(
            "SELECT r.id, r.resource, r.namespace, r.name, r.value, r.deleted, r.previous, p.value "
            "FROM revisions AS r LEFT JOIN revisions AS p ON p.id = r.previous "
            "WHERE r.id > ? AND r.id <= ? AND r.resource = ? AND (? = '' OR r.namespace = ?) "
            "ORDER BY r.id",
            (after, until, scope.resource, scope.namespace, scope.namespace),
        )
        return [_to_change(row) for row in rows]

    def at(self, scope: Scope, revision: int) -> list[Entry]:
        """The objects of a scope as they were at a revision, in key order."""
        rows = self._connection.execute(
            "SELECT id, resource, namespace, name, value FROM revisions "
            "WHERE deleted = 0 AND id IN (SELECT max(id) FROM revisions "
            "WHERE id <= ? AND resource = ? AND (? = '' OR namespace = ?) "
            "GROUP BY resource, namespace, name) ORDER BY resource, namespace, name",
            (revision, scope.resource, scope.namespace, scope.namespace),
        )
        return [_to_entry(row) for row in rows]

    def compact(self, floor: int) -> None:
        """Remove what no read after `floor` needs: replaced values, and tombstones."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(
                "DELETE FROM revisions WHERE id IN "
                "(SELECT previous FROM revisions WHERE id <= ? AND previous > 0)",
                (floor,),
            )
            self._connection.execute(
                "DELETE FROM revisions WHERE id <= ? AND deleted = 1", (floor,)
            )
            self._connection.execute("UPDATE facts SET value = ? WHERE name = 'floor'", (floor,))

    def close(self) -> None:
        """Fold the write-ahead log into the file and let go of it."""
        self._connection.close()


def _check(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise sqlite3.DatabaseError("it is not a SQLite database")
    # Read-only, because closing the last writing connection would fold the write-ahead log into a
    # file that we are about to call damaged.
    uri = f"{path.absolute().as_uri()}?mode=ro"
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or not log.stat().st_size:
        # Then the file alone is the whole truth, and SQLite need not put files beside it.
        uri += "&immutable=1"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StoreUnusable(
                f"{path} was written by a newer kaito (format {version}; this one reads "
                f"{SCHEMA_VERSION})",
                hint="install that version again, or use another --state-dir",
            )
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(str(verdict).replace("\n", " "))


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Private from the start: SQLite gives the files beside it the mode that this one has.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
    try:
        # Exclusive: one plane a file, and no shared-memory file beside it.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute("COMMIT")
        if version == 0:
            schema = files("kaito.local.store").joinpath("schema.sql").read_text()
            connection.executescript(
                f"BEGIN; {schema} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _unusable(path: Path, error: Exception) -> StoreUnusable:
    text = str(error)
    if "locked" in text:
        return StoreUnusable(
            f"{path} is in use by another process", hint="stop the other plane: kaito down"
        )
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return StoreUnusable(
            f"{path} is corrupted ({text}); nothing was changed",
            hint=f"move {path.name}, {path.name}-wal and {path.name}-shm away and start again "
            "(an empty plane), or put a backup in their place",
        )
    return StoreUnusable(
        f"{path} cannot be opened: {text}", hint="check the folder's permissions and free space"
    )


def _to_entry(row: Sequence[object]) -> Entry:
    revision, resource, namespace, name, value = row
    assert isinstance(revision, int)
    assert isinstance(value, bytes)
    return Entry(StoreKey(str(resource), str(namespace), str(name)), revision, value)


def _to_change(row: Sequence[object]) -> Change:
    *columns, deleted, previous, value = row
    entry = _to_entry(columns)
    before = None
    if isinstance(previous, int) and isinstance(value, bytes):
        before = Entry(entry.key, previous, value)
    if deleted:
        return Change("DELETED", entry, before)
    return Change("MODIFIED" if previous else "ADDED", entry, before)
