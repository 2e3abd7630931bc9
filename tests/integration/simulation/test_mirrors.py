"""ModelMirrors under faults: one volume, one download, and a Workspace that waits for both."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from tests.integration.simulation.clusters import operator, ready_condition, workspace

from kaito.api import labels
from kaito.api.core import EVENTS, JOBS, PODS, STATEFULSETS
from kaito.api.crd import nodeclaim_crd
from kaito.api.kinds import KINDS
from kaito.api.meta import Key, Manifest
from kaito.api.modelmirror import MODELMIRRORS, ModelMirror
from kaito.api.workspace import WORKSPACES
from kaito.app.admission import KaitoAdmission
from kaito.base.clock import to_rfc3339
from kaito.catalog.lookup import find_preset
from kaito.controllers.modelmirror.controller import MirrorController
from kaito.controllers.modelmirror.decide import MirrorSettings
from kaito.controllers.modelmirror.volumes import CLAIMS
from kaito.controllers.workspace.controller import WorkspaceController
from kaito.kube.client import Client
from kaito.kube.controller.runner import Controller
from kaito.render.settings import RenderSettings
from kaito.testing.simulation import Simulation

PRESET = "phi-4-mini-instruct"


def mirror_operator(client: Client) -> Iterable[Controller[Any]]:
    render = RenderSettings(serving_image="example.com/serving:1")
    yield MirrorController(MirrorSettings(render=render, needs_class=False))
    for one in operator(client):
        if isinstance(one, WorkspaceController):
            yield WorkspaceController(replace(one.settings, has_mirrors=True))
        else:
            yield one


def mirror_manifest() -> Manifest:
    preset = find_preset(PRESET)
    assert preset is not None
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "ModelMirror",
        "metadata": {"name": "phi"},
        "spec": {
            "source": {"registry": "huggingface", "modelID": preset.hub_id},
            "storage": {"size": "20Gi", "storageClassName": "files"},
            "jobNamespace": "default",
        },
    }


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_fails_there_is_one_volume_one_download_and_then_a_model(seed: int) -> None:
    definitions = (*(kind.definition.to_manifest() for kind in KINDS), nodeclaim_crd())
    sim = Simulation(
        seed=seed, controllers=mirror_operator, definitions=definitions, admission=KaitoAdmission()
    )
    await sim.start()
    try:
        await sim.apply(MODELMIRRORS, mirror_manifest())
        wanted = workspace("w", model=PRESET)
        wanted["metadata"]["annotations"] = {labels.MODEL_MIRROR: "phi"}
        await sim.apply(WORKSPACES, wanted)
        sim.faults.refused, sim.faults.lost, sim.faults.deadly = 0.2, 0.2, 0.1
        await sim.chaos(150)
        await sim.converge()
        assert len(await sim.server.manifests(CLAIMS)) == 1
        assert len(await sim.server.manifests(JOBS)) == 1
        assert (await ready_condition(sim)).reason == "ModelMirrorNotReady"
        assert not await sim.server.manifests(STATEFULSETS)
        await finish_mirror(sim)
        await sim.converge()
        assert (await ready_condition(sim)).is_true
        mirror: ModelMirror = await sim.user.get(MODELMIRRORS, Key("", "phi"))
        assert mirror.status.phase == "Ready"
        assert len(await sim.server.manifests(JOBS)) == 1
    finally:
        await sim.stop()


async def finish_mirror(sim: Simulation) -> None:
    """What a cluster does with the mirror's volume and its Job."""
    done = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-12-31T00:00:00Z"}
    for resource, status in ((CLAIMS, {"phase": "Bound"}), (JOBS, {"conditions": [done]})):
        for made in await sim.server.manifests(resource):
            key = Key(made["metadata"]["namespace"], made["metadata"]["name"])
            if key.name.startswith("phi"):
                await sim.user.patch(resource, key, {"status": status}, subresource="status")


async def test_a_workspace_whose_mirror_fails_fetches_by_itself_and_keeps_what_it_has() -> None:
    definitions = (*(kind.definition.to_manifest() for kind in KINDS), nodeclaim_crd())
    sim = Simulation(
        seed=7, controllers=mirror_operator, definitions=definitions, admission=KaitoAdmission()
    )
    await sim.start()
    try:
        await sim.apply(MODELMIRRORS, mirror_manifest())
        wanted = workspace("w", model=PRESET)
        wanted["metadata"]["annotations"] = {labels.MODEL_MIRROR: "phi"}
        await sim.apply(WORKSPACES, wanted)
        await sim.converge()
        waiting = await ready_condition(sim)
        assert waiting.reason == "ModelMirrorNotReady"
        assert "is being downloaded" in waiting.message, "how far the mirror is, in its own words"
        (job,) = await sim.server.manifests(JOBS)
        await _end(sim, job, "Failed", "the hub says 503")
        sim.faults.refused = sim.faults.deadly = 0.2
        await sim.chaos(100)
        await sim.converge(seconds=7200)
        assert (await ready_condition(sim)).is_true
        (pod,) = (p for p in await sim.server.manifests(PODS) if p["metadata"]["name"] == "w-0")
        assert pod["spec"]["initContainers"], "it fetches by itself"
        events = await sim.server.manifests(EVENTS)
        told = [e for e in events if e["reason"] == "ModelMirrorPassedOver"]
        assert told
        assert {e["type"] for e in told} == {"Warning"}
        assert told[0]["message"].startswith("ModelMirror phi failed: ")
        assert told[0]["message"].endswith("; the weights are fetched without it")
        assert len(await sim.server.manifests(CLAIMS)) == 1
        await finish_mirror(sim)
        await sim.converge()
        mirror: ModelMirror = await sim.user.get(MODELMIRRORS, Key("", "phi"))
        assert mirror.status.phase == "Ready"
        (after,) = (p for p in await sim.server.manifests(PODS) if p["metadata"]["name"] == "w-0")
        assert after["metadata"]["uid"] == pod["metadata"]["uid"], "nothing restarts for it"
        assert (await ready_condition(sim)).is_true
    finally:
        await sim.stop()


async def _end(sim: Simulation, job: Manifest, type_: str, message: str) -> None:
    key = Key(job["metadata"]["namespace"], job["metadata"]["name"])
    ended = {"type": type_, "status": "True", "message": message}
    ended["lastTransitionTime"] = to_rfc3339(sim.clock.now())
    patch = {"status": {"conditions": [ended]}}
    await sim.user.patch(JOBS, key, patch, subresource="status")
