"""Simulated clusters with the Workspace operator in them, for every test of this folder."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from kaito.api import conditions
from kaito.api.core import NODES, PODS, SERVICES, STATEFULSETS
from kaito.api.crd import nodeclaim_crd, workspace_crd
from kaito.api.meta import Condition, Key, Manifest
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.resources import Resource
from kaito.api.workspace import WORKSPACE_READY, WORKSPACES
from kaito.app.admission import KaitoAdmission
from kaito.controllers.orphans.controller import OrphanController
from kaito.controllers.workspace.controller import WorkspaceController
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.kube.client import Client
from kaito.kube.controller.runner import Controller
from kaito.kube.live import LiveUids
from kaito.planner.gpu import plan_on_gpus
from kaito.provision.claims import NodeClaims
from kaito.provision.port import NodeClass
from kaito.render.settings import RenderSettings
from kaito.testing.simulation import Simulation

A100 = "Standard_NC24ads_A100_v4"
MADE = (NODECLAIMS, NODES, STATEFULSETS, SERVICES, PODS)
"""Kinds of which nothing may be left behind."""


@cache
def _definitions() -> tuple[Manifest, ...]:
    return (workspace_crd(), nodeclaim_crd())


def operator(client: Client) -> Iterable[Controller[Any]]:
    """What the operator runs with NodeClaims made directly."""
    source = NodeClaims(node_class=NodeClass(group="kaito.sh", kind="KaitoNodeClass"))
    settings = WorkspaceSettings(
        render=RenderSettings(serving_image="example.com/serving:1"),
        provisioner=source,
        planner=plan_on_gpus,
        facts_at_hand=lambda _: None,
    )
    return (WorkspaceController(settings), OrphanController(NODECLAIMS, LiveUids(client)))


@asynccontextmanager
async def cluster(seed: int) -> AsyncIterator[Simulation]:
    """A cluster that runs until the block ends."""
    found = Simulation(
        seed=seed, controllers=operator, definitions=_definitions(), admission=KaitoAdmission()
    )
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


def workspace(
    name: str = "w", *, model: str = "phi-4-mini-instruct", instance_type: str = A100
) -> Manifest:
    """A Workspace for a preset; llama-3.3-70b on A100s takes several nodes."""
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": "default"},
        "resource": {
            "instanceType": instance_type,
            "labelSelector": {"matchLabels": {"apps": name}},
        },
        "inference": {"preset": {"name": model, "presetOptions": {"modelAccessSecret": "token"}}},
    }


async def ready_condition(sim: Simulation, name: str = "w") -> Condition:
    """What the Workspace says of itself."""
    found = await sim.user.get(WORKSPACES, Key("default", name))
    condition = conditions.find(found.status.conditions, WORKSPACE_READY)
    assert condition is not None, "no controller has looked at it yet"
    return condition


async def names(sim: Simulation, resource: Resource[Any]) -> list[str]:
    """Names of all objects of a kind."""
    return [manifest["metadata"]["name"] for manifest in await sim.server.manifests(resource)]
