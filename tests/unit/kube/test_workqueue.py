"""The queue's promises: once, one at a time, again if needed, not before its time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from kaito.base.backoff import Backoff
from kaito.base.clock import ManualClock, settle
from kaito.kube.workqueue import Closed, WorkQueue


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def queue(clock: ManualClock) -> AsyncIterator[WorkQueue[str]]:
    queue: WorkQueue[str] = WorkQueue(clock=clock, backoff=Backoff(base=1.0, cap=8.0))
    timers = asyncio.create_task(queue.run_timers())
    await settle()
    yield queue
    timers.cancel()
    await asyncio.gather(timers, return_exceptions=True)


async def test_a_key_waits_in_the_queue_only_once(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add("a")
    queue.add("b")

    assert [await queue.get(), await queue.get()] == ["a", "b"]
    assert len(queue) == 0


async def test_urgent_keys_come_before_all_others_and_in_their_order(
    queue: WorkQueue[str],
) -> None:
    queue.add("a")
    queue.add("b", is_urgent=True)
    queue.add("c", is_urgent=True)
    queue.add("c")
    assert len(queue) == 3

    assert [await queue.get() for _ in range(3)] == ["b", "c", "a"]


async def test_a_key_never_has_two_workers(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await queue.get()
    queue.add("a")
    assert len(queue) == 0

    queue.done("a")

    assert await queue.get() == "a"


async def test_what_was_not_added_again_is_over_when_it_is_done(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.done(await queue.get())

    assert len(queue) == 0


async def test_many_additions_while_at_work_are_one_more_turn(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await queue.get()
    for _ in range(3):
        queue.add("a")
    queue.done("a")
    queue.done(await queue.get())

    assert len(queue) == 0


async def test_every_waiting_worker_gets_a_key_of_its_own(queue: WorkQueue[str]) -> None:
    workers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await settle()

    for key in "abc":
        queue.add(key)

    assert sorted(await asyncio.gather(*workers)) == ["a", "b", "c"]


async def test_a_delayed_key_comes_when_its_time_has(
    queue: WorkQueue[str], clock: ManualClock
) -> None:
    queue.add_after("a", 5.0)
    await clock.advance(4.9)
    assert len(queue) == 0

    await clock.advance(0.1)

    assert len(queue) == 1


async def test_the_earliest_of_several_delays_counts(
    queue: WorkQueue[str], clock: ManualClock
) -> None:
    for delay in (5.0, 2.0, 9.0):
        queue.add_after("a", delay)
    await clock.advance(2.0)
    queue.done(await queue.get())

    await clock.advance(60.0)

    assert len(queue) == 0


async def test_a_key_that_is_added_now_forgets_its_delay(
    queue: WorkQueue[str], clock: ManualClock
) -> None:
    queue.add_after("a", 5.0)
    queue.add("a")
    queue.done(await queue.get())

    await clock.advance(60.0)

    assert len(queue) == 0


async def test_a_later_delay_does_not_hide_an_earlier_one_of_another_key(
    queue: WorkQueue[str], clock: ManualClock
) -> None:
    queue.add_after("late", 10.0)
    await clock.advance(1.0)
    queue.add_after("soon", 1.0)
    await clock.advance(1.0)

    assert await queue.get() == "soon"


async def test_failures_wait_longer_each_time_up_to_the_cap(queue: WorkQueue[str]) -> None:
    delays = [queue.add_failed("a") for _ in range(6)]

    for delay, whole in zip(delays, (1, 2, 4, 8, 8, 8), strict=True):
        assert whole / 2 <= delay <= whole


async def test_success_starts_the_backoff_afresh(queue: WorkQueue[str]) -> None:
    for _ in range(5):
        queue.add_failed("a")
    queue.forget("a")

    assert queue.add_failed("a") <= 1.0


async def test_a_server_that_names_a_pause_gets_it(queue: WorkQueue[str]) -> None:
    assert queue.add_failed("a", at_least=30.0) == 30.0


async def test_a_delayed_key_that_is_at_work_runs_once_more_afterwards(
    queue: WorkQueue[str], clock: ManualClock
) -> None:
    queue.add("a")
    await queue.get()
    queue.add_after("a", 1.0)
    await clock.advance(1.0)
    assert len(queue) == 0

    queue.done("a")

    assert len(queue) == 1


async def test_a_closed_queue_lets_workers_go_and_gives_out_nothing_more(
    queue: WorkQueue[str],
) -> None:
    waiting = asyncio.create_task(queue.get())
    await settle()

    queue.add("a")
    assert await waiting == "a"
    queue.add("b")
    queue.close()

    with pytest.raises(Closed):
        await queue.get()
    queue.done("a")


async def test_what_is_put_in_line_and_what_comes_back_is_counted(
    queue: WorkQueue[str], clock: ManualClock
) -> None:
    queue.add("a")
    queue.add("a")
    assert await queue.get() == "a"
    queue.add_failed("a")
    queue.done("a")
    assert (queue.added, queue.retried) == (1, 1)
