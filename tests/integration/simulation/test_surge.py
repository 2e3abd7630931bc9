"""Updates while people use the model: whatever happens to the operator, some pod answers.

A watcher replays every write in the order the API server made them. From the moment the Workspace
answers, the pod that its Service selects must exist, be ready and stay; and a pod that the Service
has left must be let alone until every node can know of it.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.integration.simulation.clusters import A100, cluster, names, ready_condition, workspace

from kaito.api import conditions, labels
from kaito.api.adapters import ADAPTERS_KEY, parse_adapter_wishes
from kaito.api.core import CONFIGMAPS, EVENTS, PODS, SERVICES, STATEFULSETS
from kaito.api.meta import Condition, Key, Manifest
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import INFERENCE_READY, WORKSPACES
from kaito.controllers.workspace.surge import SETTLE_SECONDS
from kaito.local.store.port import Change, Scope
from kaito.testing.kubelet import Ailment
from kaito.testing.simulation import Simulation

RUNS = 10
SEEDS_A_RUN = 10
MODES = ("throughput", "interactivity", "balanced")
KEY = Key("default", "w")


class Watcher:
    """Replays Services and pods, and checks after each write that somebody answers."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._watches: list[Any] = []
        self._pods: dict[str, Manifest] = {}
        self._selected = ""
        self._left: dict[str, datetime] = {}
        self.has_answered = False
        self.answered: list[str] = []
        """The pods that answered, one after the other."""

    async def open(self) -> None:
        store = self._sim.server.store
        for resource in (PODS, SERVICES):
            watch = await store.watch(Scope(str(resource)), after=store.revision)
            self._watches.append((resource, watch))

    async def check(self) -> None:
        found: list[tuple[int, Any, Change]] = []
        for resource, watch in self._watches:
            watch.wake()
            changes = await watch.changes()
            found += [(change.entry.revision, resource, change) for change in changes]
        for _, resource, change in sorted(found, key=lambda each: each[0]):
            manifest = msgspec.json.decode(change.entry.value)
            if resource is PODS:
                self._see_pod(manifest, is_gone=change.type == "DELETED")
            elif manifest["metadata"]["name"] == "w":
                self._see_service(manifest)
            self._judge()

    def _see_pod(self, pod: Manifest, *, is_gone: bool) -> None:
        name = pod["metadata"]["name"]
        if is_gone:
            self._pods.pop(name, None)
            return
        before = self._pods.get(name)
        self._pods[name] = pod
        ends = pod["metadata"].get("deletionTimestamp")
        if ends and before and not before["metadata"].get("deletionTimestamp"):
            left = self._left.get(name)
            grace = timedelta(seconds=pod["metadata"].get("deletionGracePeriodSeconds", 0))
            asked = datetime.fromisoformat(ends) - grace
            # Moments are written down as whole seconds.
            assert left is None or (asked - left).total_seconds() >= SETTLE_SECONDS - 1, (
                f"seed {self._sim.seed}: {name} ends {asked - left} after requests left it"
            )

    def _see_service(self, service: Manifest) -> None:
        selected = service["spec"]["selector"][labels.POD_NAME]
        if self._selected and selected != self._selected:
            at = service["metadata"]["annotations"][labels.SWITCHED_AT]
            self._left[self._selected] = datetime.fromisoformat(at)
        self._selected = selected

    def _judge(self) -> None:
        pod = self._pods.get(self._selected)
        is_well = pod is not None and _is_ready(pod) and not _is_ending(pod)
        if is_well:
            self.has_answered = True
            if self.answered[-1:] != [self._selected]:
                self.answered.append(self._selected)
        assert is_well or not self.has_answered, (
            f"seed {self._sim.seed}: nobody answers at {self._selected or 'no pod'}"
        )


def _is_ready(pod: Manifest) -> bool:
    found = pod.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in found)


def _is_ending(pod: Manifest) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _manifest(mode: str = "", *, rollout: str = "auto", **inference: object) -> Manifest:
    found = workspace(model="phi-4-mini-instruct", instance_type=A100)
    annotations = {labels.ROLLOUT: rollout}
    if mode:
        annotations[labels.PERFORMANCE_MODE] = mode
    found["metadata"]["annotations"] = annotations
    found["inference"] |= inference
    return found


async def _is_up_to_date(sim: Simulation, mode: str) -> None:
    """One pod, made from what is wanted, behind the Service; no trace of the update."""
    (pod,) = await sim.server.manifests(PODS)
    (workload,) = await sim.server.manifests(STATEFULSETS)
    assert pod["metadata"]["name"] == "w-0", f"seed {sim.seed}"
    told = pod["spec"]["containers"][0]["args"]
    assert (f"--performance-mode={mode}" in told) == bool(mode), f"seed {sim.seed}"
    assert workload["spec"]["replicas"] == 1
    assert labels.ROLLOUT not in workload["metadata"]["annotations"]
    services = {s["metadata"]["name"]: s for s in await sim.server.manifests(SERVICES)}
    assert services["w"]["spec"]["selector"][labels.POD_NAME] == "w-0"
    assert (await ready_condition(sim)).is_true, f"seed {sim.seed}"


async def _inference(sim: Simulation) -> Condition:
    found = await sim.user.get(WORKSPACES, KEY)
    condition = conditions.find(found.status.conditions, INFERENCE_READY)
    assert condition is not None
    return condition


async def test_an_update_takes_over_from_a_pod_beside_and_returns() -> None:
    async with cluster(1) as sim:
        watcher = Watcher(sim)
        await watcher.open()
        await sim.apply(WORKSPACES, _manifest())
        await sim.converge()
        await sim.apply(WORKSPACES, _manifest("throughput"))
        told = set()
        for _ in range(200):
            await sim.run(1.0)
            await watcher.check()
            condition = await _inference(sim)
            assert condition.is_true
            told.add(condition.reason)
        await _is_up_to_date(sim, "throughput")
        assert watcher.answered == ["w-0", "w-1", "w-0"]
        assert told == {"RolloutProgressing", "WorkspaceInferenceStatusSuccess"}
        events = [e["reason"] for e in await sim.server.manifests(EVENTS)]
        assert {"RolloutStarted", "RolloutSwitched", "RolloutFinished"} <= set(events)


async def _storm(seed: int) -> None:
    """Updates at random moments, each before the one before it needs to have ended."""
    async with cluster(seed) as sim:
        watcher = Watcher(sim)
        await watcher.open()
        await sim.apply(WORKSPACES, _manifest())
        await sim.converge()
        sim.faults.refused = sim.random.uniform(0, 0.2)
        sim.faults.lost = sim.random.uniform(0, 0.2)
        sim.faults.deadly = sim.random.uniform(0, 0.2)
        mode, adapters = "", ""
        for _ in range(sim.random.randint(1, 4)):
            mode = sim.random.choice(["", *MODES])
            adapters = sim.random.choice(["", "", "a", "ab", "b"])
            listed = [_adapter(name) for name in adapters]
            await sim.apply(WORKSPACES, _manifest(mode, adapters=listed))
            for _ in range(sim.random.randint(0, 80)):
                await sim.chaos(1)
                await watcher.check()
        await sim.converge()
        await watcher.check()
        await _is_up_to_date(sim, mode)
        await _has_adapters(sim, adapters)


async def _has_adapters(sim: Simulation, adapters: str) -> None:
    """The list says these, and the pod reads it; without a pod that does there is no list."""
    (pod,) = await sim.server.manifests(PODS)
    reads = any(a.startswith("--adapters") for a in pod["spec"]["containers"][0]["args"])
    found = {c["metadata"]["name"]: c["data"] for c in await sim.server.manifests(CONFIGMAPS)}
    assert set(found) == ({"w-adapters"} if reads else set()), f"seed {sim.seed}"
    if adapters or reads:
        listed = parse_adapter_wishes(found["w-adapters"][ADAPTERS_KEY]).adapters
        assert "".join(wish.name for wish in listed) == adapters, f"seed {sim.seed}"


@pytest.mark.parametrize("run", range(RUNS), ids=lambda run: f"seed-{run * SEEDS_A_RUN}-")
async def test_somebody_answers_in_every_storm_of_updates(run: int) -> None:
    for seed in range(run * SEEDS_A_RUN, (run + 1) * SEEDS_A_RUN):
        await _storm(seed)


async def test_the_operator_may_die_at_every_write_of_a_surge() -> None:
    writes = await _surge_with_death_at(-1)
    assert writes > 8
    for moment in range(1, writes + 1):
        await _surge_with_death_at(moment)


async def _surge_with_death_at(moment: int) -> int:
    async with cluster(11) as sim:
        watcher = Watcher(sim)
        await watcher.open()
        await sim.apply(WORKSPACES, _manifest())
        await sim.converge()
        before = sim.faults.writes
        sim.faults.kill_at = before + moment if moment > 0 else -1
        await sim.apply(WORKSPACES, _manifest("throughput"))
        await sim.converge(in_peace=False)
        await watcher.check()
        await _is_up_to_date(sim, "throughput")
        assert sim.faults.kills == (moment > 0)
        return sim.faults.writes - before


@pytest.mark.parametrize(
    ("ailment", "reason"),
    [("crash", "RolloutFailing"), ("image", "RolloutFailing"), ("silent", "RolloutProgressing")],
)
async def test_an_update_that_fails_leaves_the_old_pod_answering(
    ailment: Ailment, reason: str
) -> None:
    async with cluster(3) as sim:
        watcher = Watcher(sim)
        await watcher.open()
        await sim.apply(WORKSPACES, _manifest())
        await sim.converge()
        sim.kubelets.ailment = lambda name: ailment if name == "w-1" else ""
        await sim.apply(WORKSPACES, _manifest("throughput"))
        await sim.run(300.0)
        await watcher.check()
        found = await _inference(sim)
        assert (found.status, found.reason) == ("True", reason)
        assert found.message.startswith("pod w-0 answers")
        await sim.apply(WORKSPACES, _manifest())
        await sim.converge()
        await watcher.check()
        await _is_up_to_date(sim, "")
        assert watcher.answered == ["w-0"], "going back needs no second start"


async def test_correcting_an_update_that_fails_goes_on_with_the_corrected_one() -> None:
    async with cluster(4) as sim:
        watcher = Watcher(sim)
        await watcher.open()
        await sim.apply(WORKSPACES, _manifest())
        await sim.converge()
        sim.kubelets.ailment = lambda name: "crash" if name == "w-1" else ""
        await sim.apply(WORKSPACES, _manifest("throughput"))
        await sim.run(300.0)
        sim.kubelets.ailment = lambda _: ""
        await sim.apply(WORKSPACES, _manifest("balanced"))
        await sim.converge()
        await watcher.check()
        await _is_up_to_date(sim, "balanced")
        assert watcher.answered == ["w-0", "w-1", "w-0"]


@pytest.mark.parametrize(("rollout", "surges"), [("auto", False), ("surge", True)])
async def test_without_room_auto_replaces_and_surge_waits_and_says_so(
    rollout: str, *, surges: bool
) -> None:
    async with cluster(5) as sim:
        sim.cloud.gpus = 1
        await sim.apply(WORKSPACES, _manifest(rollout=rollout))
        await sim.converge()
        (claim,) = await names(sim, NODECLAIMS)
        sim.cloud.trouble = lambda name: "" if name == claim else "capacity"
        await sim.apply(WORKSPACES, _manifest("throughput", rollout=rollout))
        await sim.converge()
        if not surges:
            await _is_up_to_date(sim, "throughput")
            return
        found = await _inference(sim)
        assert (found.status, found.reason) == ("True", "RolloutWaitingForRoom")
        assert "0 of 1 nvidia.com/gpu free, 1 needed" in found.message
        assert "kaito.sh/rollout=replace" in found.message
        await sim.apply(WORKSPACES, _manifest("throughput", rollout="replace"))
        await sim.converge()
        await _is_up_to_date(sim, "throughput")


async def test_adapters_come_and_go_without_another_pod() -> None:
    async with cluster(6) as sim:
        watcher = Watcher(sim)
        await watcher.open()
        await sim.apply(WORKSPACES, _manifest(adapters=[_adapter("one")]))
        await sim.converge()
        before = await _pod_uids(sim)
        await sim.apply(WORKSPACES, _manifest(adapters=[_adapter("one"), _adapter("two")]))
        await sim.converge()
        planned = (await sim.user.get(WORKSPACES, KEY)).status.plan
        # More than the engine made room for at once: it takes them in turns, and so does the plan.
        await sim.apply(WORKSPACES, _manifest(adapters=[_adapter(name) for name in "abcd"]))
        await sim.converge()
        assert (await sim.user.get(WORKSPACES, KEY)).status.plan == planned
        await sim.apply(WORKSPACES, _manifest(adapters=[]))
        await sim.converge()
        await watcher.check()
        assert await _pod_uids(sim) == before
        await sim.apply(WORKSPACES, _manifest("throughput", adapters=[]))
        await sim.converge()
        await watcher.check()
        (pod,) = await sim.server.manifests(PODS)
        assert not any(a.startswith("--adapters") for a in pod["spec"]["containers"][0]["args"])
        assert watcher.answered == ["w-0", "w-1", "w-0"], "one update, plan and pod together"
        bare = (await sim.user.get(WORKSPACES, KEY)).status.plan
        assert bare is not None
        assert bare.memory_per_gpu is not None
        assert bare.memory_per_gpu.adapters == 0


@pytest.mark.parametrize("rollout", ["auto", "surge", "replace"])
async def test_an_adapter_whose_volume_never_comes_is_taken_back_with_its_pod(
    rollout: str,
) -> None:
    lacking: Manifest = {
        "source": {"name": "vol", "volumeSource": {"persistentVolumeClaim": {"claimName": "no"}}}
    }
    async with cluster(7) as sim:
        sim.cloud.gpus = 4
        await sim.apply(WORKSPACES, _manifest(rollout=rollout))
        await sim.converge()
        (before,) = await _pod_uids(sim)
        sim.kubelets.ailment = lambda _: "image"
        await sim.apply(WORKSPACES, _manifest(rollout=rollout, adapters=[lacking]))
        await sim.run(120.0)
        assert len(await _pod_uids(sim)) == (1 if rollout == "replace" else 2)
        await sim.apply(WORKSPACES, _manifest(rollout=rollout))
        await sim.run(10.0)
        sim.kubelets.ailment = lambda _: ""
        await sim.converge()
        await _is_up_to_date(sim, "")
        (pod,) = await sim.server.manifests(PODS)
        assert not any("persistentVolumeClaim" in v for v in pod["spec"]["volumes"])
        assert (pod["metadata"]["uid"] == before) == (rollout != "replace")


def _adapter(name: str) -> Manifest:
    return {"source": {"name": name, "image": f"example.com/{name}:1"}}


async def _pod_uids(sim: Simulation) -> list[str]:
    return [pod["metadata"]["uid"] for pod in await sim.server.manifests(PODS)]
