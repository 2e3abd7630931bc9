"""ModelMirrors under faults: one volume, one download, and a Workspace that waits for both."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from tests.integration.simulation.clusters import operator, ready_condition, workspace

from kaito.api import labels
from kaito.api.core import JOBS, STATEFULSETS
from kaito.api.crd import nodeclaim_crd
from kaito.api.kinds import KINDS
from kaito.api.meta import Key, Manifest
from kaito.api.modelmirror import MODELMIRRORS, ModelMirror
from kaito.api.workspace import WORKSPACES
from kaito.app.admission import KaitoAdmission
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


def _operator(client: Client) -> Iterable[Controller[Any]]:
    render = RenderSettings(serving_image="example.com/serving:1")
    yield MirrorController(MirrorSettings(render=render, needs_class=False))
    for one in operator(client):
        if isinstance(one, WorkspaceController):
            yield WorkspaceController(replace(one.settings, has_mirrors=True))
        else:
            yield one


def _mirror() -> Manifest:
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
        seed=seed, controllers=_operator, definitions=definitions, admission=KaitoAdmission()
    )
    await sim.start()
    try:
        await sim.apply(MODELMIRRORS, _mirror())
        wanted = workspace("w", model=PRESET)
        wanted["metadata"]["annotations"] = {labels.MODEL_MIRROR: "phi"}
        await sim.apply(WORKSPACES, wanted)
        sim.faults.refused, sim.faults.lost, sim.faults.deadly = 0.2, 0.2, 0.1
        await sim.chaos(150)
        await sim.converge()
        (claim,), (job,) = (await sim.server.manifests(CLAIMS), await sim.server.manifests(JOBS))
        assert (await ready_condition(sim)).reason == "ModelMirrorNotReady"
        assert not await sim.server.manifests(STATEFULSETS)
        await _finish(sim, claim, job)
        await sim.converge()
        assert (await ready_condition(sim)).is_true
        mirror: ModelMirror = await sim.user.get(MODELMIRRORS, Key("", "phi"))
        assert mirror.status.phase == "Ready"
        assert len(await sim.server.manifests(JOBS)) == 1
    finally:
        await sim.stop()


async def _finish(sim: Simulation, claim: Manifest, job: Manifest) -> None:
    """What a cluster does with a volume and a Job."""
    done = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-12-31T00:00:00Z"}
    for resource, made, status in (
        (CLAIMS, claim, {"phase": "Bound"}),
        (JOBS, job, {"conditions": [done]}),
    ):
        key = Key(made["metadata"]["namespace"], made["metadata"]["name"])
        await sim.user.patch(resource, key, {"status": status}, subresource="status")
