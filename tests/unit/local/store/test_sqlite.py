"""What only the SQLite store can do: outlive the process, share transactions, refuse bad files."""

import asyncio
import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kaito.local.store.database import SCHEMA_VERSION, Database, Row
from kaito.local.store.errors import Compacted, StoreUnavailable, StoreUnusable
from kaito.local.store.port import Scope, StoreKey
from kaito.local.store.sqlite import SqliteStore

PODS = Scope("pods")


def key(name: str) -> StoreKey:
    return StoreKey("pods", "default", name)


def value(revision: int) -> bytes:
    return f"value {revision}".encode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.db"


async def test_objects_history_and_floor_outlive_the_process(file: Path) -> None:
    store = await SqliteStore.open(file)
    first = await store.create(key("a"), value)
    await store.compact(first.revision)
    second = await store.update(key("a"), value, expected=first.revision)
    await store.close()

    store = await SqliteStore.open(file)
    assert await store.get(key("a")) == second
    assert store.revision == second.revision
    assert store.floor == first.revision
    watch = await store.watch(PODS, after=first.revision)
    assert [change.entry for change in await watch.changes()] == [second]
    await store.close()


async def test_a_revision_is_not_given_out_twice_across_a_restart(file: Path) -> None:
    store = await SqliteStore.open(file)
    first = await store.create(key("a"), value)
    gone = await store.delete(key("a"), value, expected=first.revision)
    await store.compact(gone.revision)
    await store.close()
    store = await SqliteStore.open(file)
    assert (await store.create(key("a"), value)).revision > gone.revision
    await store.close()


async def test_an_acknowledged_write_survives_a_kill(file: Path) -> None:
    program = """
import asyncio, os, signal, sys
from pathlib import Path
from kaito.local.store.port import StoreKey
from kaito.local.store.sqlite import SqliteStore

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    await asyncio.gather(*(
        store.create(StoreKey("pods", "default", f"p{n}"), lambda r: b"v") for n in range(50)
    ))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(file))
    assert await done.wait() == -9
    store = await SqliteStore.open(file)
    assert len((await store.list(PODS)).entries) == 50
    await store.close()


class CountingDatabase(Database):
    """Knows how many rows each transaction had."""

    batches: tuple[int, ...] = ()

    def append(self, rows: Sequence[Row]) -> None:
        self.batches = (*self.batches, len(rows))
        super().append(rows)


async def test_concurrent_writers_share_transactions(file: Path) -> None:
    database = CountingDatabase.open(file)
    store = SqliteStore(database, ThreadPoolExecutor(1), queue_limit=10)
    await asyncio.gather(*(store.create(key(f"p{n}"), value) for n in range(100)))
    assert sum(database.batches) == 100
    assert len(database.batches) <= 3
    await store.close()


async def test_a_writer_that_is_cancelled_does_not_undo_its_write(file: Path) -> None:
    store = await SqliteStore.open(file)
    writer = asyncio.create_task(store.create(key("a"), value))
    await asyncio.sleep(0)
    writer.cancel()
    other = await store.create(key("b"), value)
    assert await store.get(key("a")) is not None
    assert other.revision == 2
    await store.close()


class LimitedDatabase(Database):
    """A disk that can be made full."""

    def limit(self, pages: int) -> None:
        self._connection.execute(f"PRAGMA max_page_count = {pages}")


async def test_when_the_disk_is_full_nothing_of_the_batch_is_visible(file: Path) -> None:
    database = LimitedDatabase.open(file)
    store = SqliteStore(database, ThreadPoolExecutor(1), queue_limit=10)
    await store.create(key("before"), value)
    database.limit(1)
    with pytest.raises(StoreUnavailable, match="full") as raised:
        await store.create(key("big"), lambda _: b"x" * 1_000_000)
    assert "free disk space" in raised.value.hint
    assert await store.get(key("big")) is None
    database.limit(1_000_000)
    after = await store.create(key("after"), value)
    assert store.revision == after.revision
    await store.close()


async def test_a_file_of_a_newer_version_is_refused_and_left_alone(file: Path) -> None:
    store = await SqliteStore.open(file)
    await store.close()
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = digest(file.parent)
    with pytest.raises(StoreUnusable, match="written by a newer kaito"):
        await SqliteStore.open(file)
    assert digest(file.parent) == before


@pytest.mark.parametrize("damage", ["header", "page", "tail"])
async def test_a_damaged_file_is_refused_with_the_way_out_and_left_alone(
    file: Path, damage: str
) -> None:
    store = await SqliteStore.open(file)
    for number in range(200):
        await store.create(key(f"p{number}"), lambda _: b"x" * 500)
    await store.close()
    inflict(file, damage)
    before = digest(file.parent)
    with pytest.raises(StoreUnusable, match="is corrupted") as raised:
        await SqliteStore.open(file)
    assert "\n" not in str(raised.value)
    assert "move state.db" in raised.value.hint
    assert digest(file.parent) == before


async def test_a_file_in_use_is_refused(file: Path) -> None:
    store = await SqliteStore.open(file)
    await store.create(key("a"), value)
    program = (
        "import asyncio, sys; from pathlib import Path\n"
        "from kaito.local.store.sqlite import SqliteStore\n"
        "try: asyncio.run(SqliteStore.open(Path(sys.argv[1])))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    second = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(file), stdout=subprocess.PIPE
    )
    out, _ = await second.communicate()
    assert out.decode().startswith("StoreUnusable")
    assert "in use by another process" in out.decode()
    await store.close()


@pytest.fixture
def blocked(tmp_path: Path) -> Path:
    blocker = tmp_path / "file"
    blocker.write_text("")
    return blocker / "state.db"


async def test_a_folder_that_cannot_be_written_is_named(blocked: Path) -> None:
    with pytest.raises(StoreUnusable, match="cannot be opened"):
        await SqliteStore.open(blocked)


async def test_the_file_is_private(file: Path) -> None:
    store = await SqliteStore.open(file)
    await store.create(key("a"), value)
    assert {mode(each) for each in every_file(file.parent)} == {0o600}
    await store.close()


async def test_a_list_from_before_the_floor_is_refused_even_while_compacting(file: Path) -> None:
    store = await SqliteStore.open(file)
    first = await store.create(key("a"), value)
    await store.update(key("a"), value, expected=first.revision)
    compaction = asyncio.create_task(store.compact(store.revision))
    await asyncio.sleep(0)
    with pytest.raises(Compacted):
        await store.watch(PODS, after=first.revision)
    await compaction
    await store.close()


def inflict(file: Path, damage: str) -> None:
    data = bytearray(file.read_bytes())
    if damage == "header":
        data[:16] = b"not a database!!"
    elif damage == "page":
        data[3 * 4096 : 4 * 4096] = b"\xff" * 4096
    else:
        del data[len(data) // 2 :]
    file.write_bytes(data)


def every_file(folder: Path) -> list[Path]:
    found = list(folder.iterdir())
    assert len(found) > 1
    return found


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def digest(folder: Path) -> dict[str, str]:
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if not file.name.endswith("-shm")
    }
