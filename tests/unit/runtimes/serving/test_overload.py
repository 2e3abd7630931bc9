"""When requests are sent away, and when they may come back."""

from kaito.base.clock import ManualClock
from kaito.runtimes.serving.overload import Capacity, Overload


def fill(overload: Overload, count: int) -> None:
    for _ in range(count):
        overload.enter()


async def test_as_many_may_wait_as_the_limit_says() -> None:
    overload = Overload(Capacity(running=4, waiting=2), ManualClock())
    fill(overload, 6)
    assert overload.decide_retry() == 0
    fill(overload, 1)
    assert overload.decide_retry() > 0
    overload.leave()
    assert overload.decide_retry() == 0


async def test_the_engines_own_queue_counts_where_it_is_longer() -> None:
    waiting = 0
    overload = Overload(Capacity(running=4, waiting=2), ManualClock(), lambda: waiting)
    fill(overload, 1)
    waiting = 3  # one request with many prompts
    assert overload.waiting == 3
    assert overload.decide_retry() > 0


async def test_no_limit_is_no_limit() -> None:
    overload = Overload(Capacity(running=1, waiting=-1), ManualClock())
    fill(overload, 1000)
    assert overload.decide_retry() == 0


async def test_the_time_to_come_back_follows_the_measured_rate() -> None:
    clock = ManualClock()
    overload = Overload(Capacity(running=2, waiting=0), clock)
    fill(overload, 12)
    for _ in range(40):  # two a second
        await clock.advance(0.5)
        overload.leave()
        overload.enter()
    # Ten wait: at two a second, five seconds.
    assert overload.decide_retry() in {5, 6}


async def test_clients_are_not_told_to_come_back_all_at_once() -> None:
    clock = ManualClock()
    overload = Overload(Capacity(running=1, waiting=0), clock)
    fill(overload, 2)
    for _ in range(40):
        await clock.advance(1.0)
        overload.leave()
        overload.enter()
    told = [overload.decide_retry() for _ in range(5)]
    assert told == sorted(told)
    assert told[-1] - told[0] in {3, 4, 5}


async def test_an_idle_hour_does_not_make_the_engine_slow() -> None:
    clock = ManualClock()
    overload = Overload(Capacity(running=1, waiting=0), clock)
    fill(overload, 3)
    for _ in range(40):
        await clock.advance(1.0)
        overload.leave()
        overload.enter()
    before = overload.decide_retry()
    for _ in range(3):
        overload.leave()
    await clock.advance(3600.0)
    fill(overload, 3)
    assert overload.decide_retry() <= before


async def test_the_wait_has_a_bound() -> None:
    clock = ManualClock()
    overload = Overload(Capacity(running=1, waiting=0), clock)
    fill(overload, 1000)
    await clock.advance(60.0)
    overload.leave()
    assert overload.decide_retry() == 120
