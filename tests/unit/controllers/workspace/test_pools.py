"""Nodes by a Karpenter pool: made, resized, and gone with the workspace."""

from tests.unit.controllers.workspace.world import KEY, NOW, ON_POOLS, World, new_world, settled

from kaito.api.core import CONFIGMAPS
from kaito.api.meta import Manifest
from kaito.api.nodepool import NODEPOOLS
from kaito.api.workspace import WORKSPACES


def _world() -> World:
    inference = {"preset": {"name": "phi-4-mini-instruct"}, "config": "settings"}
    world = new_world(ON_POOLS, inference=inference)
    resource = world.objects[(str(WORKSPACES), KEY)]["resource"]
    resource["instanceType"] = "Standard_NC24ads_A100_v4"
    _configure(world, "vllm: {}")
    return settled(world)


def _configure(world: World, text: str) -> None:
    meta = {"name": "settings", "namespace": "default"}
    world.put(CONFIGMAPS, {"metadata": meta, "data": {"inference_config.yaml": text}})


def _pools(world: World) -> list[Manifest]:
    return [m for (name, _), m in world.objects.items() if name == str(NODEPOOLS)]


def test_a_pool_is_made_once_and_grows_with_the_plan() -> None:
    world = _world()
    assert [pool["spec"]["replicas"] for pool in _pools(world)] == [1]
    _configure(world, "vllm: {pipeline-parallel-size: 2}")
    settled(world)
    assert [pool["spec"]["replicas"] for pool in _pools(world)] == [2]
    told = [event for event in world.events if event.startswith("NodePoolApplied: ")]
    assert [event.partition(" nodes")[0].rpartition("for ")[2] for event in told] == [
        "1 Standard_NC24ads_A100_v4",
        "2 Standard_NC24ads_A100_v4",
    ]


def test_the_pool_goes_before_the_workspace_is_let_go() -> None:
    world = _world()
    (pool,) = _pools(world)
    pool["metadata"]["uid"] = "p1"
    world.objects[(str(WORKSPACES), KEY)]["metadata"]["deletionTimestamp"] = NOW
    world.carry_out(world.decide())
    assert _pools(world) == []
    assert (str(WORKSPACES), KEY) in world.objects
    world.carry_out(world.decide())
    assert (str(WORKSPACES), KEY) not in world.objects
