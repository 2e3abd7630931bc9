"""The operator dies, its writes are lost, its caches lag: in the end all is as if nothing had been.

Each seed is one run and can be repeated alone: -k 'seed-17-'. What is asserted at every step is
money: no Workspace ever has more machines than its plan; and at the end that nothing is left over.
"""

import pytest
from tests.integration.simulation.clusters import MADE, cluster, names, ready_condition, workspace

from kaito.api.meta import Key
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import WORKSPACES
from kaito.testing.simulation import Simulation

RUNS = 50
SEEDS_A_RUN = 10
NODES_OF = {"one": 1, "two": 2}
"""Workspaces of a run, and the machines that each needs."""
TWO_NODES = "llama-3.3-70b-instruct"


def _manifest(name: str) -> dict[str, object]:
    model = TWO_NODES if name == "two" else "phi-4-mini-instruct"
    return workspace(name, model=model)


def _no_machine_too_many(sim: Simulation) -> None:
    for name, most in NODES_OF.items():
        running = sim.cloud.running("default", name)
        assert running <= most, f"seed {sim.seed}: {name} has {running} machines"


async def _storm(seed: int) -> None:
    async with cluster(seed) as sim:
        sim.faults.refused = sim.random.uniform(0, 0.2)
        sim.faults.lost = sim.random.uniform(0, 0.2)
        sim.faults.deadly = sim.random.uniform(0, 0.2)
        for name in NODES_OF:
            await sim.apply(WORKSPACES, _manifest(name))
            await sim.chaos(sim.random.randint(0, 60), lambda: _no_machine_too_many(sim))
        gone = sim.random.choice([*NODES_OF, ""])
        if gone:
            await sim.delete(WORKSPACES, Key("default", gone))
        await sim.chaos(60, lambda: _no_machine_too_many(sim))
        await sim.converge()
        await _check_end(sim, gone)


async def _check_end(sim: Simulation, gone: str) -> None:
    kept = {name: count for name, count in NODES_OF.items() if name != gone}
    assert sorted(await names(sim, WORKSPACES)) == sorted(kept)
    for name in NODES_OF:
        assert sim.cloud.running("default", name) == kept.get(name, 0), f"seed {sim.seed}"
        if name in kept:
            found = await ready_condition(sim, name)
            assert found.is_true, f"seed {sim.seed}: {found}"
    left = {str(kind): await names(sim, kind) for kind in MADE}
    machines = sum(kept.values())
    assert {kind: len(found) for kind, found in left.items()} == {
        "nodeclaims.karpenter.sh": machines,
        "nodes": machines,
        "statefulsets.apps": len(kept),
        "services": 2 * len(kept),
        "pods": machines,
    }, f"seed {sim.seed}: {left}"


@pytest.mark.parametrize("run", range(RUNS), ids=lambda run: f"seed-{run * SEEDS_A_RUN}-")
async def test_whatever_happens_on_the_way_the_end_is_the_same(run: int) -> None:
    for seed in range(run * SEEDS_A_RUN, (run + 1) * SEEDS_A_RUN):
        await _storm(seed)


@pytest.mark.parametrize("comes_back", [False, True], ids=["gone", "another of its name"])
async def test_what_vanished_before_its_finalizer_gets_no_machine(comes_back: bool) -> None:
    async with cluster(11) as sim:
        await sim.apply(WORKSPACES, _manifest("one"))
        await sim.operator.caches.catch_up()
        await sim.delete(WORKSPACES, Key("default", "one"))
        if comes_back:
            await sim.apply(WORKSPACES, _manifest("one"))
        await sim.operator.step(sim.operator.loops[0])
        assert await names(sim, NODECLAIMS) == []
        await sim.converge()
        assert len(await names(sim, NODECLAIMS)) == sim.cloud.launched == comes_back


async def test_the_operator_may_die_at_every_single_write() -> None:
    writes = await _life_with_death_at(-1)
    assert writes > 10
    for moment in range(1, writes + 1):
        await _life_with_death_at(moment)


async def _life_with_death_at(moment: int) -> int:
    """One Workspace from its creation to its deletion; how many half writes that took."""
    async with cluster(7) as sim:
        sim.faults.kill_at = moment
        await sim.apply(WORKSPACES, _manifest("two"))
        await sim.converge(in_peace=False)
        assert (await ready_condition(sim, "two")).is_true
        await sim.delete(WORKSPACES, Key("default", "two"))
        await sim.converge(in_peace=False)
        assert sim.faults.kills == (moment > 0)
        assert sim.cloud.launched == NODES_OF["two"]
        assert [await names(sim, kind) for kind in (WORKSPACES, *MADE)] == [[] for _ in range(6)]
        assert sim.cloud.running("default", "two") == 0
        return sim.faults.writes
