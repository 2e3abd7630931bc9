"""Requests take turns by adapter: together with their like, after everybody who came before."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaito.base.clock import settle
from kaito.runtimes.serving.adapters.turns import Turns


class Crowd:
    """Tasks that each hold a turn until they are told to end."""

    def __init__(self) -> None:
        self.in_effect = ""
        self.inside: list[str] = []
        self.ends: dict[int, asyncio.Event] = {}
        self.order: list[int] = []
        self.turns = Turns(self.switch)

    def switch(self, name: str) -> None:
        assert not self.inside, "nothing may change under a request that runs"
        self.in_effect = name

    async def run(self, number: int, name: str) -> None:
        end = self.ends.setdefault(number, asyncio.Event())
        async with self.turns.take(name):
            self.order.append(number)
            self.inside.append(name)
            try:
                assert self.in_effect == name
                await end.wait()
                assert self.in_effect == name
            finally:
                self.inside.remove(name)


async def test_equals_run_together_and_nobody_overtakes_who_waits() -> None:
    crowd = Crowd()
    async with asyncio.TaskGroup() as group:
        for number, name in enumerate(["", "", "poet", "", "poet"]):
            group.create_task(crowd.run(number, name))
            await settle()
        assert crowd.inside == ["", ""]
        assert crowd.turns.is_used("poet")
        crowd.ends[0].set()
        await settle()
        assert crowd.inside == [""]
        crowd.ends[1].set()
        await settle()
        assert crowd.order == [0, 1, 2, 4]
        for number in (2, 4, 3):
            crowd.ends.setdefault(number, asyncio.Event()).set()
    assert crowd.order == [0, 1, 2, 4, 3]
    assert not crowd.turns.is_used("poet")


@pytest.mark.parametrize("is_admitted_first", [False, True])
async def test_one_that_leaves_while_it_waits_holds_nobody_up(is_admitted_first: bool) -> None:
    crowd = Crowd()
    first = asyncio.create_task(crowd.run(0, ""))
    await settle()
    second = asyncio.create_task(crowd.run(1, "poet"))
    await settle()
    if is_admitted_first:
        crowd.ends[0].set()
        first.cancel()
        await asyncio.sleep(0)
    second.cancel()
    crowd.ends[0].set()
    await asyncio.gather(first, second, return_exceptions=True)
    third = asyncio.create_task(crowd.run(2, "clerk"))
    await settle()
    assert crowd.inside == ["clerk"]
    crowd.ends[2].set()
    await third


@given(
    st.lists(
        st.tuples(st.sampled_from(["start", "end", "cancel"]), st.sampled_from(["", "a", "b"])),
        max_size=24,
    )
)
@settings(max_examples=60)
async def test_everybody_gets_a_turn_whatever_happens(
    script: list[tuple[str, str]],
) -> None:
    crowd = Crowd()
    tasks: list[asyncio.Task[None]] = []
    for step, (what, name) in enumerate(script):
        if what == "start":
            tasks.append(asyncio.create_task(crowd.run(len(tasks), name)))
        elif tasks:
            index = step % len(tasks)
            crowd.ends.setdefault(index, asyncio.Event()).set()
            if what == "cancel":
                tasks[index].cancel()
        if step % 2:
            await settle(2)
    for number in range(len(tasks)):
        crowd.ends.setdefault(number, asyncio.Event()).set()
    async with asyncio.timeout(5):
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results)
    assert crowd.inside == []
