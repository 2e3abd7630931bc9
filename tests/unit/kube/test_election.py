"""Who leads, and that it is never two: candidates in a simulated network, on clocks that disagree.

The network may lose requests, lose answers, delay either, or cut a candidate off. Time is manual.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaito.api.core import Lease
from kaito.api.meta import Key, Manifest, ObjectMeta
from kaito.base.clock import Clock, ManualClock, settle
from kaito.kube import errors
from kaito.kube.election import Election, LeadershipLost
from kaito.kube.lease import LeaseLock, LeaseSettings

KEY = Key("default", "operator")
STEP = 0.25
R = TypeVar("R")


class Store:
    """One Lease with revisions, as an API server keeps it."""

    def __init__(self) -> None:
        self.lease: Lease | None = None
        self.revision = 0

    def read(self) -> Lease:
        if self.lease is None:
            raise errors.NotFound("no such lease")
        return self.lease

    def create(self, manifest: Manifest) -> Lease:
        if self.lease is not None:
            raise errors.AlreadyExists("there is one")
        return self._keep(msgspec.convert(manifest, Lease))

    def patch(self, patch: Manifest) -> Lease:
        lease = self.read()
        if patch["metadata"]["resourceVersion"] != lease.metadata.resource_version:
            raise errors.Conflict("it changed")
        spec = {**msgspec.to_builtins(lease.spec), **patch["spec"]}
        return self._keep(msgspec.convert({"spec": spec}, Lease))

    def _keep(self, lease: Lease) -> Lease:
        self.revision += 1
        meta = ObjectMeta(name=KEY.name, resource_version=str(self.revision))
        self.lease = msgspec.structs.replace(lease, metadata=meta)
        return self.lease


@dataclass
class Link:
    """One candidate's way to the store. Seconds, and what is cut."""

    there: float = 0.0
    back: float = 0.0
    is_cut: bool = False
    loses_answers: bool = False

    def become(self, other: "Link") -> None:
        self.there, self.back = other.there, other.back
        self.is_cut, self.loses_answers = other.is_cut, other.loses_answers


class Network:
    """Leases over a link."""

    def __init__(self, store: Store, link: Link, clock: Clock) -> None:
        self._store, self._link, self._clock = store, link, clock

    async def read(self, key: Key) -> Lease:
        return await self._send(self._store.read)

    async def create(self, manifest: Manifest) -> Lease:
        return await self._send(lambda: self._store.create(manifest))

    async def patch(self, key: Key, patch: Manifest) -> Lease:
        return await self._send(lambda: self._store.patch(patch))

    async def _send(self, request: Callable[[], R]) -> R:
        if self._link.is_cut:
            raise errors.Unavailable("no route")
        # What is on its way arrives, even where the sender no longer waits for the answer.
        answer = asyncio.ensure_future(self._deliver(request))
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self._link.loses_answers:
            await self._clock.sleep(1000)
        return await asyncio.shield(answer)

    async def _deliver(self, request: Callable[[], R]) -> R:
        back = self._link.back
        await self._clock.sleep(self._link.there)
        try:
            return request()
        finally:
            await self._clock.sleep(back)


@dataclass(frozen=True)
class Skewed:
    """A machine whose calendar is wrong; seconds pass at the same rate everywhere."""

    inner: ManualClock
    off_by: timedelta

    def now(self) -> datetime:
        return self.inner.now() + self.off_by

    def monotonic(self) -> float:
        return self.inner.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self.inner.sleep(seconds)


@dataclass
class Candidate:
    """A process that is started anew whenever it ends."""

    name: str
    link: Link
    election: Election | None = None
    task: "asyncio.Task[None] | None" = None
    lost: list[str] = field(default_factory=list)
    wrote_at: list[float] = field(default_factory=list)


class World:
    """Candidates, one store, one time."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self.clock = ManualClock()
        self.store = Store()
        self.random = Random(seed)
        self.candidates = [Candidate(f"c{number}", Link()) for number in range(count)]
        self._starts = 0
        self.writers: list[str] = []

    def start(self, candidate: Candidate) -> None:
        self._starts += 1
        identity = f"{candidate.name}-{self._starts}"
        skewed = Skewed(self.clock, timedelta(seconds=self.random.uniform(-9000, 9000)))
        lock = LeaseLock(
            Network(self.store, candidate.link, skewed),
            LeaseSettings(key=KEY, identity=identity),
            clock=skewed,
        )
        election = Election(lock, clock=skewed, random=self.random.random)
        candidate.election = election

        async def write() -> None:
            while True:
                election.require()
                candidate.wrote_at.append(self.clock.monotonic())
                self.writers.append(identity)
                await self.clock.sleep(0.5)

        async def live() -> None:
            try:
                await election.lead(write)
            except LeadershipLost as error:
                candidate.lost.append(str(error))

        candidate.task = asyncio.create_task(live(), name=identity)

    async def stop(self, candidate: Candidate) -> None:
        if candidate.task:
            candidate.task.cancel()
            await settle()

    def leaders(self) -> list[str]:
        return [c.name for c in self.candidates if c.election and c.election.is_leader]

    async def pass_time(self, seconds: float) -> None:
        """Move on in small steps; at each there is at most one leader. The dead are restarted."""
        for _ in range(int(seconds / STEP)):
            await self.clock.advance(STEP)
            assert len(self.leaders()) <= 1, self.leaders()
            for candidate in self.candidates:
                if candidate.task and candidate.task.done():
                    self.start(candidate)

    async def leads(self, candidate: Candidate, *, within: float) -> None:
        deadline = self.clock.monotonic() + within
        while self.leaders() != [candidate.name]:
            assert self.clock.monotonic() < deadline, self.leaders()
            await self.pass_time(STEP)


@asynccontextmanager
async def world(count: int, seed: int = 0) -> AsyncIterator[World]:
    made = World(count, seed)
    try:
        yield made
    finally:
        for candidate in made.candidates:
            candidate.link.is_cut = True
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_leads_and_the_other_stands_by() -> None:
    async with world(2) as two:
        first, second = two.candidates
        two.start(first)
        await two.leads(first, within=1)
        two.start(second)

        await two.pass_time(120)

        assert two.leaders() == [first.name]
        assert not second.wrote_at
        assert second.election is not None
        assert second.election.leader.startswith(first.name)


async def test_a_killed_leader_is_replaced_within_its_promise_and_one_retry() -> None:
    async with world(2) as two:
        first, second = two.candidates
        two.start(first)
        await two.leads(first, within=1)
        two.start(second)
        await two.pass_time(20)

        first.link.is_cut = True
        assert first.task is not None
        first.task.cancel()
        first.task, first.election = None, None

        await two.leads(second, within=15 + 2.4 + 2.4)


async def test_a_clean_stop_hands_over_without_waiting_for_expiry() -> None:
    async with world(2) as two:
        first, second = two.candidates
        two.start(first)
        await two.leads(first, within=1)
        two.start(second)
        await two.pass_time(5)

        await two.stop(first)
        first.task = None

        await two.leads(second, within=2.5)


async def test_a_leader_that_is_cut_off_stops_before_another_starts() -> None:
    async with world(2) as two:
        first, second = two.candidates
        two.start(first)
        await two.leads(first, within=1)
        two.start(second)
        await two.pass_time(10)
        cut_at = two.clock.monotonic()

        first.link.is_cut = True
        await two.leads(second, within=30)

        assert first.wrote_at[-1] <= cut_at + 10
        assert second.wrote_at[0] >= first.wrote_at[-1] + 5 - 2 * STEP
        assert first.lost == ["lease default/operator was not renewed within 10s"]


async def test_a_leader_whose_answers_are_lost_does_not_count_on_what_it_sent() -> None:
    async with world(2) as two:
        first, second = two.candidates
        two.start(first)
        await two.leads(first, within=1)
        two.start(second)
        await two.pass_time(10)
        since = two.clock.monotonic()

        first.link.loses_answers = True
        await two.pass_time(14)

        assert first.wrote_at[-1] <= since + 10
        assert first.lost


async def test_a_leader_that_finds_another_holder_stops_at_its_next_renewal() -> None:
    async with world(1) as one:
        (only,) = one.candidates
        one.start(only)
        await one.leads(only, within=1)

        revision = one.store.read().metadata.resource_version
        one.store.patch(
            {
                "metadata": {"resourceVersion": revision},
                "spec": {"holderIdentity": "an administrator", "leaseDurationSeconds": 3600},
            }
        )
        await one.pass_time(3)

        assert only.lost == ["lease default/operator is held by 'an administrator'"]
        assert one.leaders() == []


async def test_short_trouble_with_the_api_server_changes_no_leader() -> None:
    async with world(2) as two:
        first, second = two.candidates
        two.start(first)
        await two.leads(first, within=1)
        two.start(second)
        for _ in range(5):
            first.link.is_cut = second.link.is_cut = True
            await two.pass_time(6)
            first.link.is_cut = second.link.is_cut = False
            await two.pass_time(6)

        assert two.leaders() == [first.name]
        assert not first.lost


async def test_what_the_work_raises_comes_out_and_frees_the_lease() -> None:
    clock, store = ManualClock(), Store()
    lock = LeaseLock(
        Network(store, Link(), clock), LeaseSettings(key=KEY, identity="me"), clock=clock
    )

    async def breaks() -> None:
        raise RuntimeError("a mistake of the programmer")

    with pytest.raises(RuntimeError, match="a mistake"):
        await bounded(Election(lock, clock=clock, random=lambda: 0.0).lead(breaks), clock)

    assert store.read().spec.holder_identity == ""


async def test_work_that_ends_by_itself_ends_the_leadership() -> None:
    clock, store = ManualClock(), Store()
    lock = LeaseLock(
        Network(store, Link(), clock), LeaseSettings(key=KEY, identity="me"), clock=clock
    )
    election = Election(lock, clock=clock, random=lambda: 0.0)
    led: list[bool] = []

    async def short() -> None:
        led.append(election.is_leader)

    await bounded(election.lead(short), clock)

    assert led == [True]
    assert not election.is_leader
    with pytest.raises(LeadershipLost):
        election.require()


class Jumping(ManualClock):
    """A clock that goes on while the process stands still, as with SIGSTOP or a paused machine."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


async def test_a_leader_that_was_frozen_may_not_write_before_it_has_looked_around() -> None:
    clock = Jumping()
    lock = LeaseLock(
        Network(Store(), Link(), clock), LeaseSettings(key=KEY, identity="me"), clock=clock
    )
    election = Election(lock, clock=clock, random=lambda: 0.0)

    async def frozen() -> None:
        assert election.is_leader
        clock.ahead = 60.0
        with pytest.raises(LeadershipLost, match="was not renewed within 10s"):
            election.require()

    await bounded(election.lead(frozen), clock)


async def bounded(work: Awaitable[None], clock: ManualClock) -> None:
    """Wait for something that needs manual time, for at most a minute of it."""
    task = asyncio.ensure_future(work)
    for _ in range(60):
        if task.done():
            break
        await clock.advance(1)
    await task


LINKS = st.builds(
    Link,
    there=st.sampled_from([0.0, 0.1, 1.0, 4.0, 30.0]),
    back=st.sampled_from([0.0, 0.1, 1.0, 6.0]),
    is_cut=st.booleans(),
    loses_answers=st.sampled_from([False, False, True]),
)
EVENTS = st.tuples(
    st.integers(0, 2), st.sampled_from(["link", "kill", "stop"]), LINKS, st.integers(1, 8)
)


@settings(max_examples=60)
@given(events=st.lists(EVENTS, max_size=7), seed=st.integers(0, 2**16))
def test_there_are_never_two_leaders_and_in_the_end_there_is_one(
    events: list[tuple[int, str, Link, int]], seed: int
) -> None:
    async def play() -> None:
        async with world(3, seed) as three:
            for candidate in three.candidates:
                three.start(candidate)
            for number, happening, link, seconds in events:
                await _befall(three, three.candidates[number], happening, link)
                await three.pass_time(seconds)
            for candidate in three.candidates:
                candidate.link.become(Link())
            await three.pass_time(45)
            assert len(three.leaders()) == 1
            assert _never_interleaved(three.writers)

    asyncio.run(play())


async def _befall(world: World, candidate: Candidate, happening: str, link: Link) -> None:
    if happening == "link":
        candidate.link.become(link)
    elif happening == "stop":
        await world.stop(candidate)
    elif candidate.task:
        candidate.link.is_cut = True
        candidate.task.cancel()
        await settle()
        candidate.link.is_cut = link.is_cut


def _never_interleaved(writers: list[str]) -> bool:
    """Whoever stopped writing for another never wrote again under the same identity."""
    turns = [name for at, name in enumerate(writers) if at == 0 or writers[at - 1] != name]
    return len(turns) == len(set(turns))
