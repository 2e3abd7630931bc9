"""Tuning in a simulated cluster: Jobs that fail, change, pause, lose their node, and end once."""

from typing import Any

import pytest
from tests.integration.simulation.clusters import cluster, names, ready_condition

from kaito.api import labels
from kaito.api.core import JOBS, NODES, PODS
from kaito.api.meta import Key, Manifest
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import WORKSPACES, WorkspaceStatus
from kaito.testing.simulation import Simulation

KEY = Key("default", "w")
QUICK = 4.0
SEEDS = range(6)


def tuning(url: str = "https://example.com/a.jsonl", **annotations: str) -> Manifest:
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "w", "namespace": "default", "annotations": annotations},
        "resource": {
            "instanceType": "Standard_NC24ads_A100_v4",
            "labelSelector": {"matchLabels": {"apps": "w"}},
        },
        "tuning": {
            "preset": {"name": "phi-4-mini-instruct"},
            "method": "qlora",
            "input": {"urls": [url]},
            "output": {"image": "registry.example.com/adapter:1", "imagePushSecret": "push"},
        },
    }


async def status(sim: Simulation) -> WorkspaceStatus:
    return (await sim.user.get(WORKSPACES, KEY)).status


async def quick_start(sim: Simulation, **annotations: str) -> None:
    """A tuning whose trainer runs."""
    sim.cloud.delay = sim.kubelets.delay = lambda _: QUICK
    await sim.apply(WORKSPACES, tuning(**annotations))
    await sim.run(3 * QUICK)


def runs_twice(pods: list[Any]) -> bool:
    alive = [p for p in pods if p.status.phase in ("Pending", "Running")]
    return len(alive) > 1


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_tuning_ends_once_whatever_befalls_the_operator(seed: int) -> None:
    async with cluster(seed) as sim:
        sim.faults.refused = sim.faults.lost = sim.faults.deadly = 0.1
        await sim.apply(WORKSPACES, tuning())
        await sim.chaos(300)
        await sim.converge(seconds=7200)
        assert (await status(sim)).state == "Succeeded"
        assert await names(sim, NODECLAIMS) == []
        (job,) = (await sim.user.list(JOBS)).items
        assert job.status.succeeded == 1
        await sim.delete(WORKSPACES, KEY)
        await sim.converge()
        for kind in (JOBS, PODS, NODECLAIMS, NODES, WORKSPACES):
            assert await names(sim, kind) == []


async def test_a_trainer_that_crashes_is_running_until_it_has_mended() -> None:
    async with cluster(1) as sim:
        sim.kubelets.ailment = lambda _: "crash"
        await quick_start(sim)
        assert (await status(sim)).state == "Running"
        assert (await ready_condition(sim)).reason == "TrainerFailed"
        sim.kubelets.ailment = lambda _: ""
        await sim.converge()
        assert (await status(sim)).state == "Succeeded"


async def test_a_trainer_that_was_given_up_is_failed_and_says_why_when_its_pod_is_gone() -> None:
    async with cluster(4) as sim:
        sim.kubelets.ailment = lambda _: "memory"
        sim.kubelets.restarts = 7
        await quick_start(sim)
        # Its pod ends in its own time: until then the Job is given up, and not yet Failed.
        sim.kubelets.lingers = True
        await sim.run(30.0)
        assert (await status(sim)).state == "Failed"
        sim.kubelets.lingers = False
        await sim.converge()
        assert await names(sim, PODS) == []
        found = await ready_condition(sim)
        assert found.reason == "ContainerOOMKilled"
        assert "training_config.yaml" in found.message
        await sim.delete(WORKSPACES, KEY)
        await sim.converge()
        for kind in (JOBS, PODS, NODECLAIMS, NODES, WORKSPACES):
            assert await names(sim, kind) == []


@pytest.mark.parametrize("seed", SEEDS)
async def test_other_data_trains_anew_and_never_beside_the_old(seed: int) -> None:
    async with cluster(seed) as sim:
        await quick_start(sim)
        (before,) = (await sim.user.list(JOBS)).items
        await sim.apply(WORKSPACES, tuning("https://example.com/b.jsonl"))
        for _ in range(60):
            await sim.run(1.0)
            assert not runs_twice(list((await sim.user.list(PODS)).items))
        await sim.converge()
        (after,) = (await sim.user.list(JOBS)).items
        assert after.metadata.uid != before.metadata.uid
        assert (await status(sim)).state == "Succeeded"


async def test_a_pause_stops_the_pod_and_a_resume_lets_it_end() -> None:
    async with cluster(2) as sim:
        await quick_start(sim)
        await sim.apply(WORKSPACES, tuning(**{labels.PAUSED: "true"}))
        await sim.converge()
        assert await names(sim, PODS) == []
        assert (await ready_condition(sim)).reason == "TuningPaused"
        found = (await status(sim)).tuning
        assert found is not None
        assert found.phase == "Paused"
        await sim.apply(WORKSPACES, tuning())
        await sim.converge()
        assert (await status(sim)).state == "Succeeded"


async def test_a_machine_that_is_lost_is_replaced_and_the_work_done_on_the_next() -> None:
    async with cluster(3) as sim:
        await quick_start(sim)
        (name,) = await names(sim, NODECLAIMS)
        await sim.delete(NODECLAIMS, Key("", name))
        await sim.converge()
        assert (await status(sim)).state == "Succeeded"
        assert await names(sim, NODECLAIMS) == []
