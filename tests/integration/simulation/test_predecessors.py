"""Workspaces that KAITO's first releases ran as Deployments, and Deployments that only look so.

A watcher replays every write: from the first look at the Workspace to its end something is wanted,
the Deployment or the StatefulSet, and between the two lies one request of the operator's.
"""

from typing import Any

import msgspec
from tests.integration.simulation.clusters import MADE, cluster, names, ready_condition, workspace

from kaito.api import labels
from kaito.api.core import DEPLOYMENTS, EVENTS, PODS, STATEFULSETS
from kaito.api.meta import Key, Manifest
from kaito.api.workspace import WORKSPACES
from kaito.local.store.port import Scope
from kaito.testing.simulation import Simulation

KEY = Key("default", "w")
QUICK = 2.0


def deployment_manifest(name: str, *, owner: str) -> Manifest:
    """As the first releases wrote it: no labels of its own, those of the pods as its selector."""
    meta: Manifest = {"name": name, "namespace": "default"}
    if owner:
        reference = {"apiVersion": "kaito.sh/v1alpha1", "kind": "Workspace", "name": name}
        meta["ownerReferences"] = [
            {**reference, "uid": owner, "controller": True, "blockOwnerDeletion": True}
        ]
    container = {
        "name": name,
        "image": "example.com/preset:1",
        "resources": {"limits": {labels.NVIDIA_GPU: "1"}, "requests": {labels.NVIDIA_GPU: "1"}},
    }
    found = {labels.WORKSPACE: name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": found},
            "template": {
                "metadata": {"labels": found},
                "spec": {
                    "containers": [container],
                    "tolerations": [{"operator": "Exists"}],
                    "terminationGracePeriodSeconds": 0,
                },
            },
        },
    }


class Wants:
    """Which of the two is wanted, at every revision of the store."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._watches: list[Any] = []

    async def open(self) -> None:
        store = self._sim.server.store
        for resource in (DEPLOYMENTS, STATEFULSETS):
            watch = await store.watch(Scope(str(resource)), after=0)
            self._watches.append((resource.kind, watch))

    async def history(self) -> list[set[str]]:
        """What was wanted after each change of it, one after the other."""
        found = []
        for kind, watch in self._watches:
            watch.wake()
            found += [(c.entry.revision, kind, c) for c in await watch.changes()]
        wanted: set[str] = set()
        told: list[set[str]] = []
        for _, kind, change in sorted(found, key=lambda each: each[0]):
            manifest = msgspec.json.decode(change.entry.value)
            is_gone = change.type == "DELETED" or manifest["metadata"].get("deletionTimestamp")
            wanted = wanted - {kind} if is_gone else wanted | {kind}
            if not told or told[-1] != wanted:
                told.append(wanted)
        return told


async def _begin(sim: Simulation, *, owned: bool = True) -> Wants:
    """A Workspace with its Deployment, before the operator has looked at it."""
    sim.cloud.gpus = 1
    sim.cloud.delay = sim.kubelets.delay = lambda _: QUICK
    await sim.apply(WORKSPACES, workspace())
    found = await sim.user.get(WORKSPACES, KEY)
    owner = found.metadata.uid if owned else ""
    await sim.apply(DEPLOYMENTS, deployment_manifest("w", owner=owner))
    wants = Wants(sim)
    await wants.open()
    return wants


async def test_its_own_deployment_gives_way_and_something_is_wanted_at_every_moment() -> None:
    async with cluster(1) as sim:
        wants = await _begin(sim)
        await sim.converge()
        assert await wants.history() == [
            {"Deployment"},
            {"Deployment", "StatefulSet"},
            {"StatefulSet"},
        ]
        writes = [w for w in sim.server.requests if not w[1].endswith("/events")]
        made = next(i for i, (_, path) in enumerate(writes) if path.endswith("statefulsets/w"))
        assert writes[made + 1] == ("DELETE", "/apis/apps/v1/namespaces/default/deployments/w")
        assert (await ready_condition(sim)).is_true
        assert await names(sim, PODS) == ["w-0"]
        assert await names(sim, DEPLOYMENTS) == []
        assert sim.cloud.launched == 1, "the node is the one that the Deployment ran on"
        events = {e["reason"] for e in await sim.server.manifests(EVENTS)}
        assert "WorkloadMigration" in events


async def test_the_operator_may_die_at_every_write_of_the_change() -> None:
    writes = await _change_with_death_at(-1)
    assert writes > 10
    for moment in range(1, writes + 1):
        await _change_with_death_at(moment)


async def _change_with_death_at(moment: int) -> int:
    async with cluster(2) as sim:
        wants = await _begin(sim)
        sim.faults.kill_at = moment
        await sim.converge(in_peace=False)
        assert set() not in await wants.history()
        assert await names(sim, DEPLOYMENTS) == []
        assert (await ready_condition(sim)).is_true
        assert await names(sim, PODS) == ["w-0"]
        assert sim.faults.kills == (moment > 0)
        return sim.faults.writes


async def test_somebody_elses_deployment_is_told_of_and_never_touched() -> None:
    async with cluster(3) as sim:
        await _begin(sim, owned=False)
        (before,) = await sim.server.manifests(DEPLOYMENTS)
        await sim.converge()
        assert not any("/deployments" in path for _, path in sim.server.requests)
        (after,) = await sim.server.manifests(DEPLOYMENTS)
        assert (after["metadata"]["uid"], after["spec"]) == (
            before["metadata"]["uid"],
            before["spec"],
        )
        told = [e["message"] for e in await sim.server.manifests(EVENTS)]
        assert any("does not belong to this workspace" in message for message in told)
        # Its pod has our label; whoever waited for that one would never let go.
        await sim.delete(WORKSPACES, KEY)
        await sim.converge()
        assert await names(sim, WORKSPACES) == []
        assert await names(sim, STATEFULSETS) == []
        assert await names(sim, DEPLOYMENTS) == ["w"]


async def test_a_workspace_that_is_deleted_takes_its_deployment_along() -> None:
    async with cluster(4) as sim:
        sim.cloud.trouble = lambda _: "capacity"
        await _begin(sim)
        await sim.run(10.0)
        assert await names(sim, DEPLOYMENTS) == ["w"], "it serves until it can be replaced"
        await sim.delete(WORKSPACES, KEY)
        await sim.converge()
        assert await names(sim, DEPLOYMENTS) == []
        assert [await names(sim, kind) for kind in (WORKSPACES, *MADE)] == [[] for _ in range(6)]
