"""Garbage collection as passes over a world."""

from tests.unit.local.builtin.world import World

from kaito.api.core import CONFIGMAPS, PODS, STATEFULSETS
from kaito.api.meta import Key, Manifest, Object
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.resources import Resource
from kaito.kube.controller.decision import Decision, Delete
from kaito.local.builtin.collector.controller import CollectorController
from kaito.local.builtin.collector.observed import to_key
from kaito.local.builtin.live import Member


class WorldLive:
    """Answers from the world, which is never outdated."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def uid_of(self, resource: Resource[Object], key: Key) -> str:
        found = self._world.reader().get(resource, key)
        return found.metadata.uid if found else ""

    async def contents_of(self, namespace: str) -> tuple[Member, ...]:
        raise NotImplementedError


def collector(world: World) -> CollectorController:
    kinds = (CONFIGMAPS, PODS, STATEFULSETS, NODECLAIMS)
    return CollectorController(kinds, live=WorldLive(world))


def thing(name: str, *owners: Manifest, finalizer: str = "", going: bool = False) -> Manifest:
    meta: Manifest = {"name": name, "namespace": "default", "ownerReferences": list(owners)}
    if finalizer:
        meta["finalizers"] = [finalizer]
    if going:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": meta}


def owned_by(owner: Object, *, blocks: bool = True) -> Manifest:
    return {
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        "blockOwnerDeletion": blocks,
    }


async def collect(world: World, resource: Resource[Object], item: Object) -> Decision:
    return await world.step(collector(world), to_key(resource, item))


def names(world: World, resource: Resource[Object] = CONFIGMAPS) -> list[str]:
    return [item.metadata.name for item in world.all(resource)]


async def test_dependents_go_with_their_last_owner() -> None:
    world = World()
    owner = world.put(STATEFULSETS, thing("owner"))
    world.put(CONFIGMAPS, thing("child", owned_by(owner)))
    world.remove(STATEFULSETS, owner.key)

    await collect(world, STATEFULSETS, owner)

    assert names(world) == []


async def test_an_object_notices_itself_that_its_owner_never_was() -> None:
    world = World()
    ghost = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "ghost", "uid": "none"}
    child = world.put(CONFIGMAPS, thing("child", ghost))

    await collect(world, CONFIGMAPS, child)

    assert names(world) == []


async def test_a_successor_of_the_same_name_is_not_the_owner() -> None:
    world = World()
    owner = world.put(STATEFULSETS, thing("owner"))
    child = world.put(CONFIGMAPS, thing("child", owned_by(owner)))
    world.remove(STATEFULSETS, owner.key)
    world.put(STATEFULSETS, thing("owner"))

    await collect(world, CONFIGMAPS, child)

    assert names(world) == []


async def test_a_cluster_scoped_owner_is_found() -> None:
    world = World()
    claim = world.put(NODECLAIMS, {"metadata": {"name": "claim"}})
    child = world.put(CONFIGMAPS, thing("child", owned_by(claim)))

    assert not (await collect(world, CONFIGMAPS, child)).actions


async def test_an_owner_that_only_the_cache_does_not_know_keeps_its_dependents() -> None:
    world = World()
    child = world.put(CONFIGMAPS, thing("child", {**owned_by_name("late"), "uid": "uid-2"}))
    outdated = world.reader()
    world.put(CONFIGMAPS, thing("late"))

    decision = await world.step(collector(world), to_key(CONFIGMAPS, child), outdated)

    assert not decision.actions


def owned_by_name(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": name}


async def test_an_owner_of_an_unknown_kind_counts_as_present() -> None:
    world = World()
    stranger = {"apiVersion": "x.io/v1", "kind": "X", "name": "x", "uid": "x"}
    child = world.put(CONFIGMAPS, thing("child", stranger))

    assert not (await collect(world, CONFIGMAPS, child)).actions


async def test_dead_owners_are_dropped_from_what_a_living_one_keeps() -> None:
    world = World()
    living, dead = world.put(CONFIGMAPS, thing("living")), world.put(CONFIGMAPS, thing("dead"))
    child = world.put(CONFIGMAPS, thing("child", owned_by(living), owned_by(dead)))
    world.remove(CONFIGMAPS, dead.key)

    await collect(world, CONFIGMAPS, dead)

    left = world.get(CONFIGMAPS, child.key).metadata.owner_references
    assert [owner.name for owner in left] == ["living"]


async def test_a_foreground_owner_waits_for_those_that_block_it() -> None:
    world = World()
    owner = world.put(STATEFULSETS, thing("owner", finalizer="foregroundDeletion", going=True))
    child = world.put(CONFIGMAPS, thing("child", owned_by(owner), finalizer="example.com/slow"))

    await collect(world, STATEFULSETS, owner)
    assert world.get(CONFIGMAPS, child.key).metadata.is_deleting
    assert names(world, STATEFULSETS) == ["owner"]

    world.remove(CONFIGMAPS, child.key)
    await collect(world, STATEFULSETS, owner)
    assert names(world, STATEFULSETS) == []


async def test_a_foreground_owner_does_not_wait_for_who_does_not_block_it() -> None:
    world = World()
    owner = world.put(STATEFULSETS, thing("owner", finalizer="foregroundDeletion", going=True))
    slow = thing("child", owned_by(owner, blocks=False), finalizer="example.com/slow")
    world.put(CONFIGMAPS, slow)

    await collect(world, STATEFULSETS, owner)

    assert names(world, STATEFULSETS) == []


async def test_foreground_deletion_goes_on_below_where_there_is_a_below() -> None:
    world = World()
    owner = world.put(STATEFULSETS, thing("owner", finalizer="foregroundDeletion", going=True))
    middle = world.put(CONFIGMAPS, thing("middle", owned_by(owner)))
    world.put(CONFIGMAPS, thing("leaf", owned_by(owner)))
    world.put(CONFIGMAPS, thing("below", owned_by(middle)))

    decision = await collect(world, STATEFULSETS, owner)

    deletes = [a for a in decision.actions if isinstance(a, Delete)]
    assert {a.key.name: a.propagation for a in deletes} == {
        "leaf": "Background",
        "middle": "Foreground",
    }


async def test_orphans_stay_when_their_owner_asked_for_that() -> None:
    world = World()
    owner = world.put(STATEFULSETS, thing("owner", finalizer="orphan", going=True))
    child = world.put(CONFIGMAPS, thing("child", owned_by(owner)))

    await collect(world, STATEFULSETS, owner)

    assert names(world, STATEFULSETS) == []
    assert world.get(CONFIGMAPS, child.key).metadata.owner_references == ()


async def test_an_owner_held_by_somebody_else_keeps_its_dependents() -> None:
    world = World()
    owner = world.put(STATEFULSETS, thing("owner", finalizer="example.com/busy", going=True))
    world.put(CONFIGMAPS, thing("child", owned_by(owner)))

    assert not (await collect(world, STATEFULSETS, owner)).actions


async def test_what_hangs_together_with_nothing_is_not_looked_at() -> None:
    world = World()
    alone = world.put(CONFIGMAPS, thing("alone"))

    key = to_key(CONFIGMAPS, alone)
    assert await collector(world).observe(world.reader(), key) is None
