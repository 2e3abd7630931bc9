"""Bindings and refusals as passes over a world."""

from tests.unit.local.builtin.world import World

from kaito.api.core import NODES, PODS
from kaito.api.meta import Key, Manifest
from kaito.kube.controller.decision import Create, Patch
from kaito.local.builtin.scheduler.controller import SchedulerController

KEY = Key("", "pods")
P = Key("default", "p")


def pod(name: str = "p", memory: str = "1Gi") -> Manifest:
    container = {"name": "main", "resources": {"requests": {"memory": memory}}}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"containers": [container]}}


def node(memory: str = "4Gi") -> Manifest:
    return {
        "metadata": {"name": "n"},
        "status": {
            "allocatable": {"cpu": "2", "memory": memory, "pods": "9"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


async def test_a_pod_that_fits_is_bound_and_the_event_says_where() -> None:
    world = World()
    world.put(NODES, node())
    world.put(PODS, pod())

    await world.step(SchedulerController(), KEY)

    assert world.get(PODS, P).spec.node_name == "n"
    assert [n.message for n in world.notes] == ["Successfully assigned default/p to n"]


async def test_a_refusal_is_told_once_until_it_changes() -> None:
    world, controller = World(), SchedulerController()
    world.put(PODS, pod(memory="5Gi"))

    await world.step(controller, KEY)
    assert not (await world.step(controller, KEY)).actions
    world.put(NODES, node())
    await world.step(controller, KEY)

    assert [(n.type, n.reason) for n in world.notes] == [("Warning", "FailedScheduling")] * 2
    (condition,) = world.get(PODS, P).status.conditions
    assert (condition.type, condition.status, condition.reason) == (
        "PodScheduled",
        "False",
        "Unschedulable",
    )
    assert "1 Insufficient memory" in condition.message


async def test_on_an_outdated_reading_no_room_is_given_twice() -> None:
    world, controller = World(), SchedulerController()
    world.put(NODES, node())
    world.put(PODS, pod("p", "3Gi"))
    await world.step(controller, KEY)

    world.put(PODS, pod("a", "3Gi"))
    # As the cache shows it that has the new pod already, but not the first one's binding.
    bound = world.manifest(PODS, P)["spec"].pop("nodeName")
    decision = await world.step(controller, KEY)

    assert bound == "n"
    refused, repeated = decision.actions
    assert isinstance(refused, Patch)
    assert refused.key.name == "a"
    assert isinstance(repeated, Create)
    assert repeated.manifest["metadata"]["name"] == "p"


async def test_without_waiting_pods_there_is_nothing_to_decide() -> None:
    world = World()
    world.put(NODES, node())
    manifest = pod()
    manifest["spec"]["nodeName"] = "n"
    world.put(PODS, manifest)

    assert await SchedulerController().observe(world.reader(), KEY) is None
