"""Racing coroutines: who wins, who is cleaned up."""

import asyncio

import pytest

from kaito.base.clock import ManualClock, settle
from kaito.local.apiserver.streaming.waits import is_done_within, race


async def _number() -> int:
    return 5


async def _for_ever(ends: list[str]) -> int:
    try:
        return int(await asyncio.Event().wait())
    finally:
        ends.append("cancelled")


async def _fail() -> None:
    raise ValueError("no")


async def test_the_main_result_is_returned_and_the_loser_cancelled() -> None:
    ends: list[str] = []
    assert await race(_number(), _for_ever(ends)) == 5
    assert ends == ["cancelled"]


async def test_another_ending_first_cancels_the_main_one() -> None:
    ends: list[str] = []
    assert await race(_for_ever(ends), _number()) is None
    assert ends == ["cancelled"]


async def test_an_error_of_any_is_raised() -> None:
    ends: list[str] = []
    with pytest.raises(ValueError, match="no"):
        await race(_for_ever(ends), _fail())
    assert ends == ["cancelled"]


async def test_cancelling_the_race_cancels_everyone_in_it() -> None:
    ends: list[str] = []
    racing = asyncio.create_task(race(_for_ever(ends), _for_ever(ends)))
    await settle()
    racing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await racing
    assert ends == ["cancelled", "cancelled"]


async def test_work_that_takes_too_long_is_cancelled() -> None:
    clock, ends = ManualClock(), list[str]()
    waiting = asyncio.create_task(is_done_within(clock, 10, _for_ever(ends)))
    await settle()
    await clock.advance(9)
    assert not waiting.done()
    await clock.advance(1)
    assert await waiting is False
    assert ends == ["cancelled"]


async def test_work_that_ends_in_time_is_done() -> None:
    assert await is_done_within(ManualClock(), 10, _number()) is True
