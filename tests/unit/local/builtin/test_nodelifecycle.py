"""Pods of nodes that are gone."""

from tests.unit.local.builtin.world import World

from kaito.api.core import NODES, PODS
from kaito.api.meta import Key, Manifest, Object
from kaito.api.resources import Resource
from kaito.local.builtin.live import Member
from kaito.local.builtin.nodelifecycle import NodeLifecycleController

NODE = Key("", "n")


class FixedLive:
    """Says of every name that it has this uid."""

    def __init__(self, uid: str) -> None:
        self._uid = uid

    async def uid_of(self, resource: Resource[Object], key: Key) -> str:
        return self._uid

    async def contents_of(self, namespace: str) -> tuple[Member, ...]:
        raise NotImplementedError


def pod(node: str) -> Manifest:
    return {"metadata": {"name": f"on-{node}", "namespace": "default"}, "spec": {"nodeName": node}}


async def test_pods_of_a_node_that_is_gone_are_removed_at_once() -> None:
    world = World()
    world.put(PODS, pod("n"))
    world.put(PODS, pod("other"))

    await world.step(NodeLifecycleController(live=FixedLive("")), NODE)

    assert [p.metadata.name for p in world.all(PODS)] == ["on-other"]


async def test_pods_of_a_node_that_exists_stay() -> None:
    world = World()
    world.put(NODES, {"metadata": {"name": "n"}})
    world.put(PODS, pod("n"))

    await world.step(NodeLifecycleController(live=FixedLive("")), NODE)

    assert len(world.all(PODS)) == 1


async def test_a_node_that_only_the_cache_does_not_know_keeps_its_pods() -> None:
    world = World()
    world.put(PODS, pod("n"))

    await world.step(NodeLifecycleController(live=FixedLive("uid-1")), NODE)

    assert len(world.all(PODS)) == 1
