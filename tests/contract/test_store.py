"""What every store must do, run on the executable specification and on SQLite."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kaito.local.store.errors import (
    AlreadyExists,
    Compacted,
    Conflict,
    NotFound,
    StoreClosed,
    WatcherTooSlow,
)
from kaito.local.store.memory import MemoryStore
from kaito.local.store.port import (
    Change,
    Encode,
    Entry,
    PageRequest,
    Scope,
    Store,
    StoreKey,
    Watch,
)
from kaito.local.store.sqlite import SqliteStore

PODS = Scope("pods")
QUEUE_LIMIT = 16


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store
    if request.param == "memory":
        made = MemoryStore(queue_limit=QUEUE_LIMIT)
    else:
        made = await SqliteStore.open(tmp_path / "state.db", queue_limit=QUEUE_LIMIT)
    yield made
    await made.close()


def key(name: str, namespace: str = "default", resource: str = "pods") -> StoreKey:
    return StoreKey(resource, namespace, name)


def value(text: str = "v") -> Encode:
    return lambda revision: f"{text}@{revision}".encode()


async def seen(watch: Watch, count: int) -> list[Change]:
    """The next `count` changes of a watch."""
    found: list[Change] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            found += await watch.changes()
    return found


async def test_a_value_is_made_from_the_revision_it_is_stored_under(store: Store) -> None:
    entry = await store.create(key("a"), value("x"))
    assert entry == Entry(key("a"), entry.revision, f"x@{entry.revision}".encode())
    assert await store.get(key("a")) == entry
    assert store.revision == entry.revision


async def test_every_write_gets_a_greater_revision(store: Store) -> None:
    one = await store.create(key("a"), value())
    two = await store.create(key("b"), value())
    three = await store.update(key("a"), value(), expected=one.revision)
    four = await store.delete(key("b"), value(), expected=two.revision)
    revisions = [e.revision for e in (one, two, three, four)]
    assert revisions == sorted(set(revisions))
    assert store.revision == four.revision


async def test_a_name_is_taken_only_once(store: Store) -> None:
    await store.create(key("a"), value())
    with pytest.raises(AlreadyExists, match="pods default/a already exists"):
        await store.create(key("a"), value())
    await store.create(key("a", "other"), value())
    await store.create(key("a", resource="services"), value())


async def test_a_write_that_expects_another_revision_changes_nothing(store: Store) -> None:
    first = await store.create(key("a"), value())
    second = await store.update(key("a"), value("new"), expected=first.revision)
    with pytest.raises(Conflict) as raised:
        await store.update(key("a"), value("late"), expected=first.revision)
    assert raised.value.actual == second.revision
    with pytest.raises(Conflict):
        await store.delete(key("a"), value(), expected=first.revision)
    assert await store.get(key("a")) == second


async def test_what_does_not_exist_cannot_be_changed(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.update(key("a"), value(), expected=1)
    with pytest.raises(NotFound):
        await store.delete(key("a"), value(), expected=1)
    assert await store.get(key("a")) is None


async def test_a_deleted_name_can_be_taken_again(store: Store) -> None:
    first = await store.create(key("a"), value())
    gone = await store.delete(key("a"), value("last"), expected=first.revision)
    assert await store.get(key("a")) is None
    again = await store.create(key("a"), value("new"))
    assert again.revision > gone.revision


async def test_of_concurrent_updates_from_one_revision_exactly_one_wins(store: Store) -> None:
    first = await store.create(key("a"), value())
    writes = [
        store.update(key("a"), value(str(number)), expected=first.revision) for number in range(20)
    ]
    results = await asyncio.gather(*writes, return_exceptions=True)
    won = [result for result in results if isinstance(result, Entry)]
    assert len(won) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 19
    assert await store.get(key("a")) == won[0]


async def test_of_concurrent_creates_of_one_name_exactly_one_wins(store: Store) -> None:
    results = await asyncio.gather(
        *(store.create(key("a"), value()) for _ in range(20)), return_exceptions=True
    )
    assert sum(isinstance(result, Entry) for result in results) == 1
    assert sum(isinstance(result, AlreadyExists) for result in results) == 19


async def test_a_list_is_sorted_and_kept_to_its_scope(store: Store) -> None:
    for name, namespace in (("b", "one"), ("a", "two"), ("a", "one")):
        await store.create(key(name, namespace), value())
    await store.create(key("z", "one", "services"), value())
    everywhere = await store.list(PODS)
    assert [(e.key.namespace, e.key.name) for e in everywhere.entries] == [
        ("one", "a"),
        ("one", "b"),
        ("two", "a"),
    ]
    assert everywhere.revision == store.revision
    inside = await store.list(Scope("pods", "two"))
    assert [e.key.name for e in inside.entries] == ["a"]


async def test_pages_stay_as_of_the_first_one_whatever_is_written_meanwhile(store: Store) -> None:
    for name in "abcde":
        await store.create(key(name), value())
    first = await store.list(PODS, PageRequest(limit=2))
    assert [e.key.name for e in first.entries] == ["a", "b"]
    assert first.remaining == 3
    changed = await store.get(key("c"))
    assert changed is not None
    await store.delete(key("c"), value(), expected=changed.revision)
    await store.create(key("bb"), value())
    rest = await store.list(PODS, PageRequest(after=first.entries[-1].key, at=first.revision))
    assert [e.key.name for e in rest.entries] == ["c", "d", "e"]
    assert rest.revision == first.revision
    assert rest.remaining == 0


async def test_a_list_at_a_revision_shows_the_values_of_then(store: Store) -> None:
    first = await store.create(key("a"), value("old"))
    await store.update(key("a"), value("new"), expected=first.revision)
    then = await store.list(PODS, PageRequest(at=first.revision))
    assert then.entries == (first,)


async def test_a_watch_tells_what_happens_after_its_revision(store: Store) -> None:
    first = await store.create(key("a"), value())
    watch = await store.watch(PODS, after=store.revision)
    second = await store.update(key("a"), value("new"), expected=first.revision)
    gone = await store.delete(key("a"), value("last"), expected=second.revision)
    again = await store.create(key("a"), value("again"))
    assert await seen(watch, 3) == [
        Change("MODIFIED", second, first),
        Change("DELETED", gone, second),
        Change("ADDED", again),
    ]
    assert watch.revision == again.revision


async def test_a_watch_resumes_from_any_revision(store: Store) -> None:
    start = store.revision
    first = await store.create(key("a"), value())
    second = await store.update(key("a"), value(), expected=first.revision)
    third = await store.create(key("b"), value())
    gone = await store.delete(key("a"), value(), expected=second.revision)
    everything = [
        Change("ADDED", first),
        Change("MODIFIED", second, first),
        Change("ADDED", third),
        Change("DELETED", gone, second),
    ]
    for position, after in enumerate([start, *(c.entry.revision for c in everything[:3])]):
        watch = await store.watch(PODS, after=after)
        assert await seen(watch, 4 - position) == everything[position:]
        watch.close()


async def test_a_watch_is_kept_to_its_scope(store: Store) -> None:
    watch = await store.watch(Scope("pods", "one"), after=store.revision)
    await store.create(key("a", "two"), value())
    await store.create(key("a", "one", "services"), value())
    mine = await store.create(key("a", "one"), value())
    assert await seen(watch, 1) == [Change("ADDED", mine)]


async def test_nothing_is_lost_between_the_past_and_the_present_of_a_watch(store: Store) -> None:
    start = store.revision
    await store.create(key("before"), value())
    writes = [store.create(key(f"during{n}"), value()) for n in range(5)]
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(store.watch(PODS, after=start))
        for write in writes:
            group.create_task(write)
    watch = opening.result()
    names = [change.entry.key.name for change in await seen(watch, 6)]
    assert names == ["before", *(f"during{n}" for n in range(5))]


async def test_waking_a_watch_returns_nothing(store: Store) -> None:
    watch = await store.watch(PODS, after=store.revision)
    watch.wake()
    assert await watch.changes() == ()


async def test_a_quiet_watch_knows_how_far_it_is(store: Store) -> None:
    watch = await store.watch(PODS, after=store.revision)
    other = await store.create(key("a", resource="services"), value())
    watch.wake()
    await watch.changes()
    assert watch.revision == other.revision


async def test_a_watcher_that_does_not_read_is_cut_off_and_holds_up_nobody(store: Store) -> None:
    slow = await store.watch(PODS, after=store.revision)
    quick = await store.watch(PODS, after=store.revision)
    for number in range(QUEUE_LIMIT + 1):
        await store.create(key(f"p{number}"), value())
        await quick.changes()
    with pytest.raises(WatcherTooSlow):
        await slow.changes()


async def test_compaction_keeps_the_present_and_forgets_the_past(store: Store) -> None:
    first = await store.create(key("a"), value())
    second = await store.update(key("a"), value("new"), expected=first.revision)
    doomed = await store.create(key("b"), value())
    await store.delete(key("b"), value(), expected=doomed.revision)
    await store.compact(store.revision)
    assert store.floor == store.revision
    assert (await store.list(PODS)).entries == (second,)
    with pytest.raises(Compacted):
        await store.watch(PODS, after=first.revision)
    with pytest.raises(Compacted):
        await store.list(PODS, PageRequest(at=first.revision))


async def test_after_compaction_changes_above_the_floor_still_know_their_past(store: Store) -> None:
    first = await store.create(key("a"), value("old"))
    floor = store.revision
    second = await store.update(key("a"), value("new"), expected=first.revision)
    await store.compact(floor)
    watch = await store.watch(PODS, after=floor)
    assert await seen(watch, 1) == [Change("MODIFIED", second, first)]


async def test_a_revision_of_another_store_is_refused(store: Store) -> None:
    await store.create(key("a"), value())
    with pytest.raises(Compacted):
        await store.watch(PODS, after=store.revision + 1000)


async def test_revisions_go_on_after_the_newest_one_was_compacted_away(store: Store) -> None:
    first = await store.create(key("a"), value())
    gone = await store.delete(key("a"), value(), expected=first.revision)
    await store.compact(gone.revision)
    assert (await store.create(key("a"), value())).revision > gone.revision


async def test_closing_ends_every_watch(store: Store) -> None:
    watch = await store.watch(PODS, after=store.revision)
    await store.close()
    with pytest.raises(StoreClosed):
        await watch.changes()


async def test_a_closed_watch_gets_nothing_more(store: Store) -> None:
    watch = await store.watch(PODS, after=store.revision)
    watch.close()
    watch.close()
    await store.create(key("a"), value())
    with pytest.raises(StoreClosed):
        await watch.changes()
