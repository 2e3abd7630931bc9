"""Updates that get a machine of their own: one more is asked for, used, and given back.

Every machine here has one GPU, so that nothing has room for a second pod; the watcher of the storms
of updates checks after each write that somebody answers.
"""

import pytest
from tests.integration.simulation.clusters import A100, MADE, cluster, ready_condition, workspace
from tests.integration.simulation.test_surge import (
    KEY,
    MODES,
    Watcher,
    _inference,
    _is_up_to_date,
    _manifest,
    _pod_uids,
)

from kaito.api import labels
from kaito.api.core import EVENTS, NODES, PODS
from kaito.api.meta import Key
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import WORKSPACES
from kaito.testing.cloud import Trouble
from kaito.testing.simulation import Simulation

RUNS = 4
SEEDS_A_RUN = 5


async def _with_one_gpu(sim: Simulation) -> Watcher:
    """A Workspace that answers on a machine that is full."""
    sim.cloud.gpus = 1
    watcher = Watcher(sim)
    await watcher.open()
    await sim.apply(WORKSPACES, _manifest(rollout="surge"))
    await sim.converge()
    return watcher


async def _has_one_machine(sim: Simulation) -> None:
    """One claim, one node, one machine that is paid for."""
    (claim,) = await sim.server.manifests(NODECLAIMS)
    (node,) = await sim.server.manifests(NODES)
    assert node["metadata"]["name"] == claim["metadata"]["name"], f"seed {sim.seed}"
    assert sim.cloud.running("default", "w") == 1, f"seed {sim.seed}"


async def test_an_update_without_room_gets_a_machine_for_as_long_as_it_lasts() -> None:
    async with cluster(1) as sim:
        watcher = await _with_one_gpu(sim)
        (first,) = await sim.server.manifests(NODECLAIMS)
        await sim.apply(WORKSPACES, _manifest("throughput", rollout="surge"))
        told = []
        for _ in range(400):
            await sim.run(1.0)
            await watcher.check()
            condition = await _inference(sim)
            assert condition.is_true
            if condition.message not in told:
                told.append(condition.message)
        await _is_up_to_date(sim, "throughput")
        assert watcher.answered == ["w-0", "w-1", "w-0"]
        assert sim.cloud.launched == 2
        await _has_one_machine(sim)
        (last,) = await sim.server.manifests(NODECLAIMS)
        assert last["metadata"]["uid"] == first["metadata"]["uid"], "where the weights are"
        assert any("a machine for the update: NodeClaim ws" in message for message in told), told
        asked = [e for e in await sim.server.manifests(EVENTS) if e["reason"] == "NodeClaimCreated"]
        assert len(asked) == 2


async def test_a_request_every_50_milliseconds_is_answered_throughout() -> None:
    async with cluster(2) as sim:
        watcher = await _with_one_gpu(sim)
        sim.cloud.delay = sim.kubelets.delay = lambda _: 3.0
        await sim.apply(WORKSPACES, _manifest("throughput", rollout="surge"))
        requests = 0
        while len(watcher.answered) < 3 and requests < 2000:
            await sim.run(0.05, step=0.05)
            # Fails where the pod that the Service selects is not ready, or is ending.
            await watcher.check()
            requests += 1
        assert watcher.answered == ["w-0", "w-1", "w-0"]
        await sim.converge()
        await _has_one_machine(sim)


async def _storm(seed: int) -> None:
    async with cluster(seed) as sim:
        watcher = await _with_one_gpu(sim)
        sim.faults.refused = sim.random.uniform(0, 0.2)
        sim.faults.lost = sim.random.uniform(0, 0.2)
        sim.faults.deadly = sim.random.uniform(0, 0.2)
        mode = ""
        for _ in range(sim.random.randint(1, 4)):
            mode = sim.random.choice(["", *MODES])
            await sim.apply(WORKSPACES, _manifest(mode, rollout="surge"))
            for _ in range(sim.random.randint(0, 200)):
                await sim.chaos(1, lambda: _never_three(sim))
                await watcher.check()
        await sim.converge()
        await watcher.check()
        await _is_up_to_date(sim, mode)
        await _has_one_machine(sim)


def _never_three(sim: Simulation) -> None:
    assert sim.cloud.running("default", "w") <= 2, f"seed {sim.seed}"


@pytest.mark.parametrize("run", range(RUNS), ids=lambda run: f"seed-{run * SEEDS_A_RUN}-")
async def test_storms_of_updates_leave_one_machine_and_no_gap(run: int) -> None:
    for seed in range(run * SEEDS_A_RUN, (run + 1) * SEEDS_A_RUN):
        await _storm(seed)


@pytest.mark.parametrize("half", [1, 2], ids=["before", "after"])
async def test_the_operator_may_die_at_every_write_of_an_update_with_a_machine(half: int) -> None:
    writes = await _update_with_death_at(-1)
    assert writes > 12
    for moment in range(half, writes + 1, 2):
        await _update_with_death_at(moment)


async def _update_with_death_at(moment: int) -> int:
    async with cluster(11) as sim:
        watcher = await _with_one_gpu(sim)
        before = sim.faults.writes
        sim.faults.kill_at = before + moment if moment > 0 else -1
        await sim.apply(WORKSPACES, _manifest("throughput", rollout="surge"))
        await sim.converge(in_peace=False)
        await watcher.check()
        await _is_up_to_date(sim, "throughput")
        await _has_one_machine(sim)
        assert sim.cloud.launched == 2, f"killed at write {moment}"
        assert sim.faults.kills == (moment > 0)
        return sim.faults.writes - before


@pytest.mark.parametrize("after", [5, 20, 40, 60, 80, 100, 120, 150])
async def test_a_workspace_deleted_in_the_middle_leaves_nothing(after: int) -> None:
    async with cluster(12) as sim:
        await _with_one_gpu(sim)
        await sim.apply(WORKSPACES, _manifest("throughput", rollout="surge"))
        await sim.run(float(after))
        sim.faults.deadly = 0.3
        await sim.delete(WORKSPACES, KEY)
        await sim.chaos(40)
        await sim.converge()
        for resource in MADE:
            assert not await sim.server.manifests(resource), f"{resource} after {after} s"
        assert sim.cloud.running("default", "w") == 0


async def _moved(sim: Simulation) -> str:
    """A Workspace whose pod has come to live on the added machine; the name of its claim."""
    await _with_one_gpu(sim)
    (first,) = await sim.server.manifests(NODECLAIMS)
    home = Key("", first["status"]["nodeName"])
    await sim.apply(WORKSPACES, _manifest("throughput", rollout="surge"))
    while not any(name == "w-1" and on for name, on in await _places(sim)):
        await sim.run(1.0)
    await sim.user.patch(NODES, home, {"spec": {"unschedulable": True}})
    await sim.apply(WORKSPACES, _manifest("throughput", rollout="replace"))
    await sim.converge()
    await _is_up_to_date(sim, "throughput")
    await _has_one_machine(sim)
    (last,) = await sim.server.manifests(NODECLAIMS)
    assert last["metadata"]["name"] != first["metadata"]["name"]
    assert sim.cloud.launched == 2
    return str(last["metadata"]["name"])


async def _places(sim: Simulation) -> list[tuple[str, str]]:
    pods = await sim.server.manifests(PODS)
    return [(pod["metadata"]["name"], pod["spec"].get("nodeName", "")) for pod in pods]


@pytest.mark.parametrize("way", ["deleted", "held", "evicted"])
async def test_whoever_moved_keeps_its_machine_while_its_pod_is_replaced(way: str) -> None:
    async with cluster(17) as sim:
        held = await _moved(sim)
        before = await _pod_uids(sim)
        sim.kubelets.delay = sim.cloud.delay = lambda _: 3.0
        pod = Key("default", "w-0")
        if way == "evicted":
            status = {"phase": "Failed", "reason": "Evicted"}
            await sim.user.patch(PODS, pod, {"status": status}, subresource="status")
        else:
            holders = ["example.com/drain"] if way == "held" else None
            await sim.user.patch(PODS, pod, {"metadata": {"finalizers": holders}})
            await sim.delete(PODS, pod)
        for second in range(40):
            if way == "held" and second == 20:
                await sim.user.patch(PODS, pod, {"metadata": {"finalizers": None}})
            await sim.run(1.0)
            (claim,) = await sim.server.manifests(NODECLAIMS)
            assert claim["metadata"]["name"] == held
            assert "deletionTimestamp" not in claim["metadata"]
        await sim.converge()
        assert await _pod_uids(sim) != before
        await _is_up_to_date(sim, "throughput")
        assert sim.cloud.launched == 2


@pytest.mark.parametrize("trouble", ["quota", "capacity", "unauthorized"])
async def test_a_machine_that_cannot_be_had_is_told_and_the_old_pod_answers(
    trouble: Trouble,
) -> None:
    async with cluster(13) as sim:
        watcher = await _with_one_gpu(sim)
        before = await _pod_uids(sim)
        (first,) = await sim.server.manifests(NODECLAIMS)
        held = first["metadata"]["name"]
        sim.cloud.trouble = lambda name: "" if name == held else trouble
        await sim.apply(WORKSPACES, _manifest("throughput", rollout="surge"))
        await sim.converge()
        await watcher.check()
        found = await _inference(sim)
        assert (found.status, found.reason) == ("True", "RolloutWaitingForRoom")
        words: dict[str, str] = {
            "quota": "QuotaExceeded: quota of this machine family is 0",
            "capacity": "InsufficientCapacity: no such machine is free",
            "unauthorized": "Unauthorized: the identity may not write",
        }
        assert words[trouble] in found.message
        assert "kaito.sh/rollout=replace" in found.message
        assert await _pod_uids(sim) == before
        sim.cloud.trouble = lambda _: ""
        await sim.converge()
        await watcher.check()
        await _is_up_to_date(sim, "throughput")
        await _has_one_machine(sim)


@pytest.mark.parametrize("way", ["taken back", "replace"])
async def test_a_machine_that_nobody_waits_for_any_more_is_given_back(way: str) -> None:
    async with cluster(14) as sim:
        await _with_one_gpu(sim)
        before = await _pod_uids(sim)
        (first,) = await sim.server.manifests(NODECLAIMS)
        held = first["metadata"]["name"]
        sim.cloud.trouble = lambda name: "" if name == held else "never"
        await sim.apply(WORKSPACES, _manifest("throughput", rollout="surge"))
        await sim.converge()
        assert len(await sim.server.manifests(NODECLAIMS)) == 2
        if way == "replace":
            await sim.apply(WORKSPACES, _manifest("throughput", rollout="replace"))
        else:
            await sim.apply(WORKSPACES, _manifest(rollout="surge"))
        await sim.converge()
        await _is_up_to_date(sim, "throughput" if way == "replace" else "")
        await _has_one_machine(sim)
        assert (await _pod_uids(sim) == before) == (way == "taken back")


async def test_only_who_says_surge_pays_for_a_machine() -> None:
    async with cluster(15) as sim:
        sim.cloud.gpus = 1
        await sim.apply(WORKSPACES, _manifest(rollout="auto"))
        await sim.converge()
        await sim.apply(WORKSPACES, _manifest("throughput", rollout="auto"))
        await sim.converge()
        await _is_up_to_date(sim, "throughput")
        assert sim.cloud.launched == 1


@pytest.mark.parametrize("rollout", ["auto", "surge"])
async def test_a_model_on_several_pods_says_that_nobody_answers_meanwhile(rollout: str) -> None:
    async with cluster(16) as sim:
        manifest = workspace(model="llama-3.3-70b-instruct", instance_type=A100)
        manifest["metadata"]["annotations"] = {labels.ROLLOUT: rollout}
        await sim.apply(WORKSPACES, manifest)
        await sim.converge()
        launched = sim.cloud.launched
        manifest["metadata"]["annotations"][labels.PERFORMANCE_MODE] = "throughput"
        await sim.apply(WORKSPACES, manifest)
        told = set()
        for _ in range(60):
            await sim.run(1.0)
            told.add((await _inference(sim)).message)
        count = len(await sim.server.manifests(PODS))
        meanwhile = "no request is answered until all of them are ready"
        assert f"the {count} pods of the model are being replaced; {meanwhile}" in told
        events = await sim.server.manifests(EVENTS)
        (updated,) = (e["message"] for e in events if e["reason"] == "WorkloadUpdated")
        assert updated.endswith(meanwhile)
        assert ("kaito.sh/rollout=surge is for one pod" in updated) == (rollout == "surge")
        await sim.converge()
        assert sim.cloud.launched == launched
        assert (await ready_condition(sim)).is_true
