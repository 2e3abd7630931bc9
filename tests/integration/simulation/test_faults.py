"""Every fault that a cloud or a node can have: one reason, the provider's words, a next step."""

import pytest
from tests.integration.simulation.clusters import A100, cluster, names, ready_condition, workspace

from kaito.api.explain import explain_workspace
from kaito.api.meta import Key
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import WORKSPACES
from kaito.testing.cloud import Trouble
from kaito.testing.kubelet import Ailment

WITHIN = 10.0
"""Simulated seconds from a fault to its telling."""
NODES = 2
"""Of llama-3.3-70b on A100s."""
QUICK = 4.0
"""Simulated seconds that a machine and a pod take when nothing is wrong."""

CLOUD: list[tuple[Trouble, str, str, str]] = [
    ("quota", "QuotaExceeded", "quota of this machine family is 0", "quota"),
    ("capacity", "InsufficientCapacity", "no such machine is free in this region now", "instance"),
    ("unauthorized", "Unauthorized", "may not write agent pools", "identity"),
    ("never", "NodeClaimNotReady", "is not Launched yet", ""),
    ("never-ready", "NodeClaimNotReady", "is not Initialized yet", ""),
    ("late-plugin", "NodePluginsNotReady", "waiting for the device plugin", "device plugin"),
]
PODS: list[tuple[Ailment, str, str, str]] = [
    ("image", "ImagePullError", "Back-off pulling image", "image"),
    ("crash", "ContainerCrashLoopBackOff", "ended with exit code 1", "log"),
    ("memory", "ContainerOOMKilled", "OOMKilled", "memory"),
    ("silent", "StartingEngine", "the engine is loading the model", ""),
]


@pytest.mark.parametrize(("trouble", "reason", "words", "step"), CLOUD, ids=[c[0] for c in CLOUD])
async def test_a_cloud_that_fails_is_told_in_its_own_words(
    trouble: Trouble, reason: str, words: str, step: str
) -> None:
    async with cluster(1) as sim:
        sim.cloud.delay = lambda _: QUICK
        sim.cloud.trouble = lambda _: trouble
        await sim.apply(WORKSPACES, workspace())
        await sim.run(WITHIN)
        found = await ready_condition(sim)
        assert (found.status, found.reason) == ("False", reason)
        assert words in found.message
        told = explain_workspace(await sim.user.get(WORKSPACES, Key("default", "w")))
        assert step in told.then


@pytest.mark.parametrize(("ailment", "reason", "words", "step"), PODS, ids=[p[0] for p in PODS])
async def test_a_pod_that_fails_is_told_with_its_container_and_its_log(
    ailment: Ailment, reason: str, words: str, step: str
) -> None:
    async with cluster(2) as sim:
        sim.cloud.delay = sim.kubelets.delay = lambda _: QUICK / 2
        sim.kubelets.ailment = lambda _: ailment
        await sim.apply(WORKSPACES, workspace())
        await sim.run(WITHIN)
        found = await ready_condition(sim)
        assert (found.status, found.reason) == ("False", reason)
        assert words in found.message
        told = explain_workspace(await sim.user.get(WORKSPACES, Key("default", "w")))
        assert step in told.then


async def test_a_fault_that_ends_is_forgotten() -> None:
    async with cluster(3) as sim:
        sim.cloud.delay = sim.kubelets.delay = lambda _: QUICK
        sim.cloud.trouble = lambda _: "quota"
        await sim.apply(WORKSPACES, workspace())
        await sim.run(WITHIN)
        assert (await ready_condition(sim)).reason == "QuotaExceeded"
        sim.cloud.trouble = lambda _: ""
        await sim.run(2 * WITHIN)
        assert (await ready_condition(sim)).is_true


async def test_a_node_that_flaps_is_told_and_the_machine_is_kept() -> None:
    async with cluster(4) as sim:
        sim.cloud.delay = sim.kubelets.delay = lambda _: 1.0
        sim.cloud.trouble = lambda _: "flapping"
        await sim.apply(WORKSPACES, workspace())
        told = set()
        for _ in range(40):
            await sim.run(1.0)
            told.add((await ready_condition(sim)).reason)
        assert "NodeNotReady" in told
        assert (await ready_condition(sim)).is_true
        assert sim.cloud.launched == 1


async def test_a_node_deleted_under_a_running_model_comes_back() -> None:
    async with cluster(5) as sim:
        sim.cloud.delay = sim.kubelets.delay = lambda _: QUICK
        await sim.apply(WORKSPACES, workspace())
        await sim.converge()
        assert (await ready_condition(sim)).is_true
        claim = (await sim.server.manifests(NODECLAIMS))[0]["metadata"]["name"]
        await sim.delete(NODECLAIMS, Key("", claim))
        await sim.run(3.0)
        assert not (await ready_condition(sim)).is_true
        await sim.converge()
        assert (await ready_condition(sim)).is_true
        assert (sim.cloud.launched, sim.cloud.running("default", "w")) == (2, 1)


async def test_nodes_without_the_others_are_given_back_and_asked_for_again_later() -> None:
    async with cluster(6) as sim:
        sim.cloud.delay = sim.kubelets.delay = lambda _: QUICK
        refused = set[str]()
        sim.cloud.trouble = lambda name: "quota" if name in refused else ""
        await sim.apply(WORKSPACES, workspace(model="llama-3.3-70b-instruct"))
        await sim.run(0.5)
        claims = await names(sim, NODECLAIMS)
        assert len(claims) == NODES
        refused.add(claims[0])
        await sim.run(WITHIN)
        assert (await ready_condition(sim)).reason == "QuotaExceeded"
        assert sim.cloud.running("default", "w") == NODES - 1

        await sim.run(1700.0, step=20.0)
        assert sim.cloud.running("default", "w") == NODES - 1, "half an hour is not over"
        await sim.run(120.0)
        assert await names(sim, NODECLAIMS) == []
        assert sim.cloud.running("default", "w") == 0
        found = await ready_condition(sim)
        assert (found.status, found.reason) == ("False", "NodesIncomplete")
        assert f"the {NODES} {A100} nodes did not all come" in found.message
        assert "try 2" in found.message
        assert "quota of this machine family is 0" in found.message
        told = explain_workspace(await sim.user.get(WORKSPACES, Key("default", "w")))
        assert "quota" in told.then

        await sim.run(300.0, step=5.0)
        assert await names(sim, NODECLAIMS) == claims, "asked for again under the same names"
        await sim.run(1900.0, step=20.0)
        assert await names(sim, NODECLAIMS) == []
        await sim.run(400.0, step=20.0)
        assert await names(sim, NODECLAIMS) == [], "the second pause is longer"
        refused.clear()
        await sim.converge()
        assert (await ready_condition(sim)).is_true
        status = (await sim.user.get(WORKSPACES, Key("default", "w"))).status
        assert status.given_back is None
        assert sim.cloud.running("default", "w") == NODES


async def test_the_operator_may_die_at_every_write_of_giving_back() -> None:
    async def life(moment: int) -> int:
        async with cluster(7) as sim:
            sim.cloud.delay = sim.kubelets.delay = lambda _: QUICK
            sim.cloud.trouble = lambda name: "quota" if name in refused else ""
            refused = set[str]()
            await sim.apply(WORKSPACES, workspace(model="llama-3.3-70b-instruct"))
            await sim.run(0.5)
            refused.add((await names(sim, NODECLAIMS))[0])
            await sim.run(1700.0, step=100.0)
            before = sim.faults.writes
            sim.faults.kill_at = before + moment if moment > 0 else -1
            await sim.run(200.0, step=2.0)
            assert await names(sim, NODECLAIMS) == []
            status = (await sim.user.get(WORKSPACES, Key("default", "w"))).status
            assert status.given_back is not None
            assert status.given_back.times == 1
            assert sim.faults.kills == (moment > 0)
            return sim.faults.writes - before

    writes = await life(-1)
    assert writes >= 2 * (NODES + 1)
    for moment in range(1, writes + 1):
        await life(moment)


async def test_a_model_that_runs_keeps_its_nodes_when_one_of_them_is_lost() -> None:
    async with cluster(8) as sim:
        sim.cloud.delay = sim.kubelets.delay = lambda _: QUICK
        await sim.apply(WORKSPACES, workspace(model="llama-3.3-70b-instruct"))
        await sim.converge()
        assert (await ready_condition(sim)).is_true
        claims = await names(sim, NODECLAIMS)
        sim.cloud.trouble = lambda name: "quota" if name == claims[0] else ""
        await sim.delete(NODECLAIMS, Key("", claims[0]))
        await sim.run(3600.0, step=20.0)
        assert sim.cloud.running("default", "w") == NODES - 1
        assert (await ready_condition(sim)).reason == "QuotaExceeded"
