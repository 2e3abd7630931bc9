"""What Workspaces cost the API server, as counts that a machine's noise does not move."""

from pathlib import Path

import pytest
import yaml
from tests.integration.simulation.clusters import cluster, ready_condition, workspace

from kaito.api.meta import Key
from kaito.api.workspace import WORKSPACES
from kaito.testing.simulation import Simulation

LIMITS: dict[str, int] = yaml.safe_load(Path(__file__).with_name("limits.yaml").read_text())
MANY = 30


async def _all_ready(sim: Simulation, count: int) -> None:
    sim.cloud.delay = sim.kubelets.delay = lambda _: 1.0
    for index in range(count):
        await sim.apply(WORKSPACES, workspace(f"w{index}"))
    await sim.converge()
    for index in range(count):
        assert (await ready_condition(sim, f"w{index}")).is_true


@pytest.mark.parametrize("count", [1, MANY])
async def test_a_workspace_is_ready_within_its_share_of_requests(count: int) -> None:
    async with cluster(1) as sim:
        await _all_ready(sim, count)
        told: dict[tuple[str, str], int] = {}
        for verb, path in sim.server.requests:
            kind = path.rstrip("/").split("/")
            told[verb, kind[-1]] = told.get((verb, kind[-1]), 0) + 1
        share = len(sim.server.requests) / count
        assert share <= LIMITS["requests_to_ready"], told


async def test_nothing_is_written_while_all_is_well() -> None:
    async with cluster(2) as sim:
        await _all_ready(sim, MANY)
        before = len(sim.server.requests)
        await sim.run(600.0, step=30.0)
        assert len(sim.server.requests) - before <= LIMITS["writes_when_ready"]


async def test_a_restart_asks_for_nothing_that_is_there_already() -> None:
    async with cluster(3) as sim:
        await _all_ready(sim, MANY)
        before, launched = len(sim.server.requests), sim.cloud.launched
        await sim.kill()
        await sim.converge()
        assert len(sim.server.requests) == before
        assert sim.cloud.launched == launched


async def test_nothing_is_asked_from_a_reading_that_our_own_write_has_outdated() -> None:
    async with cluster(4) as sim:
        await sim.apply(WORKSPACES, workspace())
        loop = sim.operator.loops[0]
        await sim.operator.caches.catch_up()
        await sim.operator.step(loop)
        writes = [path.rstrip("/").split("/")[-1] for _, path in sim.server.requests]
        assert writes[:3] == ["w", "nodeclaims", "status"], "finalizer, claim, status in one pass"
        before = len(sim.server.requests)
        loop.queue.add(Key("default", "w"))
        await sim.operator.step(loop)
        assert len(sim.server.requests) == before, "it would be refused as a conflict"
        await sim.converge()
        assert (await ready_condition(sim)).is_true
