"""The rules of the lock, and its writes against a real API server."""

from dataclasses import dataclass

import pytest

from kaito.api.core import LEASES, Lease, LeaseSpec
from kaito.api.meta import Key
from kaito.base.clock import ManualClock
from kaito.kube import errors
from kaito.kube.client import Client
from kaito.kube.lease import ApiLeases, LeaseLock, LeaseSettings, Move, Sighting, decide_move

KEY = Key("default", "operator")


def settings(identity: str) -> LeaseSettings:
    return LeaseSettings(key=KEY, identity=identity)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def lock(client: Client, identity: str, clock: ManualClock) -> LeaseLock:
    return LeaseLock(ApiLeases(client), settings(identity), clock=clock)


@dataclass(frozen=True)
class Case:
    holder: str
    promised: int
    waited: float
    expected: Move


@pytest.mark.parametrize(
    "case",
    [
        Case("", 1, 0.0, "take"),
        Case("me", 15, 100.0, "renew"),
        Case("other", 15, 0.0, "wait"),
        Case("other", 15, 14.9, "wait"),
        Case("other", 15, 15.0, "take"),
        Case("other", 60, 15.0, "wait"),
    ],
)
def test_a_lease_is_taken_only_when_nobody_can_still_count_on_it(case: Case) -> None:
    spec = LeaseSpec(holder_identity=case.holder, lease_duration_seconds=case.promised)
    assert decide_move(Sighting(Lease(spec=spec), 0.0), "me", case.waited) == case.expected


@pytest.mark.parametrize("times", [(10, 10, 2), (15, 2, 2), (15, 10, 0)])
def test_times_that_would_let_two_lead_are_refused(times: tuple[float, float, float]) -> None:
    duration, deadline, retry = times
    with pytest.raises(ValueError, match="duration > renew_deadline > retry"):
        LeaseSettings(
            key=KEY, identity="me", duration=duration, renew_deadline=deadline, retry=retry
        )


async def test_the_first_of_two_gets_it_and_the_second_waits(
    client: Client, clock: ManualClock
) -> None:
    first, second = lock(client, "first", clock), lock(client, "second", clock)

    assert await first.attempt()
    assert not await second.attempt()
    await clock.advance(14)
    assert await first.attempt()
    await clock.advance(14)
    assert not await second.attempt()

    assert second.holder == "first"
    found = await client.get(LEASES, KEY)
    assert found.spec.lease_duration_seconds == 15
    assert found.spec.lease_transitions == 0


async def test_a_silent_holder_is_replaced_once_it_was_seen_silent_long_enough(
    client: Client, clock: ManualClock
) -> None:
    first, second = lock(client, "first", clock), lock(client, "second", clock)
    assert await first.attempt()
    await clock.advance(100)
    # However old the Lease says it is: the second sees it for the first time.
    assert not await second.attempt()

    await clock.advance(15)

    assert await second.attempt()
    assert not await first.attempt()
    assert (await client.get(LEASES, KEY)).spec.lease_transitions == 1


async def test_of_two_that_take_an_expired_lease_at_once_one_is_refused(
    client: Client, clock: ManualClock
) -> None:
    assert await lock(client, "gone", clock).attempt()
    first, second = lock(client, "first", clock), lock(client, "second", clock)
    assert not await first.attempt()
    assert not await second.attempt()
    await clock.advance(15)
    stale = await client.get(LEASES, KEY)

    assert await first.attempt()
    with pytest.raises(errors.Conflict):
        await client.patch(
            LEASES,
            KEY,
            {
                "metadata": {"resourceVersion": stale.metadata.resource_version},
                "spec": {"holderIdentity": "second"},
            },
        )
    assert not await second.attempt()


async def test_a_released_lease_is_free_at_once(client: Client, clock: ManualClock) -> None:
    first, second = lock(client, "first", clock), lock(client, "second", clock)
    assert await first.attempt()

    await first.release()

    assert await second.attempt()


async def test_releasing_what_another_holds_changes_nothing(
    client: Client, clock: ManualClock
) -> None:
    first, second = lock(client, "first", clock), lock(client, "second", clock)
    assert await first.attempt()
    assert not await second.attempt()
    await clock.advance(15)
    assert await second.attempt()

    await first.release()

    assert (await client.get(LEASES, KEY)).spec.holder_identity == "second"


async def test_a_lease_deleted_by_hand_comes_back_to_its_holder(
    client: Client, clock: ManualClock
) -> None:
    first, second = lock(client, "first", clock), lock(client, "second", clock)
    assert await first.attempt()
    assert not await second.attempt()

    await client.delete(LEASES, KEY)

    assert not await second.attempt()
    assert await first.attempt()


async def test_a_lease_that_was_annotated_meanwhile_is_renewed_all_the_same(
    client: Client, clock: ManualClock
) -> None:
    first = lock(client, "first", clock)
    assert await first.attempt()

    await client.patch(LEASES, KEY, {"metadata": {"annotations": {"seen": "yes"}}})

    assert await first.attempt()
