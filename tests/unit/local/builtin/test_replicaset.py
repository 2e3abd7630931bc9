"""ReplicaSet decisions, alone and as passes over a world."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.local.builtin.world import World

from kaito.api.core import PODS
from kaito.api.meta import Key, Manifest
from kaito.kube.controller.decision import Create, Delete
from kaito.local.builtin.kinds import REPLICASETS
from kaito.local.builtin.replicaset import ReplicaSetController

WEB = Key("default", "web")
CONTROLLER = ReplicaSetController()


def replicaset(replicas: int, **spec: object) -> Manifest:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": "x"}]},
    }
    return {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template,
            **spec,
        },
    }


async def settled(replicas: int, **spec: object) -> World:
    world = World()
    world.put(REPLICASETS, replicaset(replicas, **spec))
    await world.settle(CONTROLLER, WEB)
    return world


async def test_it_makes_as_many_pods_as_asked_for_and_reports_them() -> None:
    world = await settled(3)

    assert len(world.all(PODS)) == 3
    status = world.get(REPLICASETS, WEB).status
    assert (status.replicas, status.ready_replicas, status.available_replicas) == (3, 3, 3)
    assert [n.reason for n in world.notes] == ["SuccessfulCreate"] * 3


async def test_a_settled_one_decides_nothing() -> None:
    world = await settled(2)

    decision = await world.step(CONTROLLER, WEB)

    assert not decision.actions
    assert decision.status is None


async def test_deciding_again_on_an_outdated_reading_makes_no_further_pods() -> None:
    world = World()
    world.put(REPLICASETS, replicaset(3))
    outdated = world.reader()

    await world.step(CONTROLLER, WEB, outdated)
    await world.step(CONTROLLER, WEB, outdated)

    assert len(world.all(PODS)) == 3


async def test_it_gives_up_pods_that_are_not_ready_first() -> None:
    world = await settled(3)
    tired = world.all(PODS)[1]
    world.report(tired, "Running", ready=False)

    world.edit(REPLICASETS, WEB, {"spec": {"replicas": 2}})
    decision = await world.step(CONTROLLER, WEB)

    assert [a.key for a in decision.actions if isinstance(a, Delete)] == [tired.key]


async def test_a_pod_that_is_going_is_replaced_under_another_name() -> None:
    world = await settled(1)
    (first,) = world.all(PODS)
    world.edit(PODS, first.key, {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})

    decision = await world.step(CONTROLLER, WEB)

    (create,) = [a for a in decision.actions if isinstance(a, Create)]
    assert create.manifest["metadata"]["name"] != first.metadata.name


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
async def test_a_pod_that_has_ended_is_replaced(phase: str) -> None:
    world = await settled(1)
    (ended,) = world.all(PODS)
    world.report(ended, phase, ready=False)

    await world.settle(CONTROLLER, WEB)

    (pod,) = world.all(PODS)
    assert pod.metadata.uid != ended.metadata.uid
    assert pod.is_ready


async def test_it_adopts_matching_pods_before_it_makes_any() -> None:
    world = World()
    template = replicaset(1)["spec"]["template"]
    stray = {
        **template,
        "metadata": {"name": "s", "namespace": "default", "labels": {"app": "web"}},
    }
    world.put(PODS, stray)
    owner = world.put(REPLICASETS, replicaset(1))

    await world.settle(CONTROLLER, WEB)

    (pod,) = world.all(PODS)
    assert pod.metadata.controller is not None
    assert pod.metadata.controller.uid == owner.metadata.uid


async def test_a_ready_pod_becomes_available_after_the_asked_for_time() -> None:
    world = await settled(1, minReadySeconds=10)
    decision = await world.step(CONTROLLER, WEB)
    assert decision.requeue_after == 10
    assert world.get(REPLICASETS, WEB).status.available_replicas == 0

    world.wait(10)
    await world.step(CONTROLLER, WEB)

    assert world.get(REPLICASETS, WEB).status.available_replicas == 1


async def test_nothing_happens_to_one_that_is_going_away() -> None:
    world = World()
    manifest = replicaset(2)
    manifest["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world.put(REPLICASETS, manifest)

    assert not (await world.step(CONTROLLER, WEB)).actions


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(min_value=0, max_value=5), min_size=1, max_size=4), st.data())
async def test_any_history_of_sizes_and_losses_ends_with_the_last_size(
    sizes: list[int], data: st.DataObject
) -> None:
    world = World()
    world.put(REPLICASETS, replicaset(sizes[0]))
    for size in sizes:
        outdated = world.reader()
        world.edit(REPLICASETS, WEB, {"spec": {"replicas": size}})
        await world.step(CONTROLLER, WEB, outdated)
        is_unlucky = data.draw(st.booleans())
        if (pods := world.all(PODS)) and is_unlucky:
            world.report(data.draw(st.sampled_from(pods)), "Failed", ready=False)

    await world.settle(CONTROLLER, WEB)

    assert len(world.all(PODS)) == sizes[-1]
    decision = await world.step(CONTROLLER, WEB)
    assert not decision.actions
    assert decision.status is None
