"""Whatever dies, lags or is refused: one machine a claim, and none left."""

import pytest
from tests.integration.provisioner.worlds import World, world

from kaito.api.core import NODES
from kaito.api.meta import Manifest
from kaito.api.nodeclaim import NODECLAIMS

NAMES = ("ws000000001", "ws000000002", "ws000000003")
_MAKING, _ENDING = 12, 8
"""Moments of a life without faults: before and after each write to the cluster or the cloud."""


async def _settle(it: World) -> None:
    await it.simulation.converge(seconds=7200)
    it.sweep()
    await it.simulation.run(900, step=15)
    await it.simulation.converge(seconds=7200)


async def _run_until_killed(it: World) -> None:
    for _ in range(50):
        await it.simulation.chaos(20)
        if it.simulation.faults.kills:
            return
    raise AssertionError("the moment never came")


async def _check_made(it: World, names: tuple[str, ...]) -> None:
    """Each claim is served by a machine of its own, the only one that was ever made for it."""
    claims = {claim.metadata.name: claim for claim in await it.claims()}
    assert sorted(claims) == sorted(names)
    assert [name for name, claim in claims.items() if not claim.is_ready] == []
    assert sorted(it.cloud.groups) == sorted(names)
    assert len(it.cloud.launches) == len(set(it.cloud.launches)), "two machines for one claim"


async def _check_gone(it: World) -> None:
    assert await it.claims() == ()
    assert it.cloud.groups == {}
    assert not (await it.simulation.user.list(NODES)).items


@pytest.mark.parametrize("moment", range(1, _MAKING + 1))
async def test_a_provisioner_that_dies_at_any_write_makes_one_machine(moment: int) -> None:
    async with world(seed=moment) as it:
        it.simulation.faults.kill_at = moment
        await it.ask(NAMES[0])
        await _run_until_killed(it)
        await _settle(it)
        await _check_made(it, NAMES[:1])


@pytest.mark.parametrize("moment", range(1, _ENDING + 1))
async def test_a_provisioner_that_dies_at_any_write_of_a_deletion_leaves_nothing(
    moment: int,
) -> None:
    async with world(seed=moment) as it:
        await it.ask(NAMES[0])
        await it.simulation.run(150)
        it.simulation.faults.writes = 0
        it.simulation.faults.kill_at = moment
        await it.release(NAMES[0])
        await _run_until_killed(it)
        await _settle(it)
        await _check_gone(it)


@pytest.mark.parametrize("seed", range(60))
async def test_through_any_storm_every_claim_gets_its_one_machine_and_gives_it_back(
    seed: int,
) -> None:
    async with world(seed=1000 + seed) as it:
        faults = it.simulation.faults
        faults.refused, faults.lost, faults.deadly = 0.1, 0.1, 0.15
        for name in NAMES:
            await it.ask(name)
        await it.simulation.chaos(120)
        await it.release(NAMES[2])
        await it.simulation.chaos(120)
        await _settle(it)
        await _check_made(it, NAMES[:2])
        faults.refused, faults.lost, faults.deadly = 0.1, 0.1, 0.15
        for name in NAMES[:2]:
            await it.release(name)
        await it.simulation.chaos(120)
        await _settle(it)
        await _check_gone(it)


@pytest.mark.parametrize("seed", range(10))
async def test_a_claim_torn_from_its_finalizer_leaves_no_machine(seed: int) -> None:
    async with world(seed=seed) as it:
        await it.ask(NAMES[0])
        await it.simulation.chaos(40)
        key = (await it.claim(NAMES[0])).key
        await it.release(NAMES[0])
        if await it.claims():
            none: Manifest = {"metadata": {"finalizers": []}}
            await it.simulation.user.patch(NODECLAIMS, key, none)
        await it.simulation.chaos(40)
        await _settle(it)
        assert (await it.claims(), it.cloud.groups) == ((), {})
