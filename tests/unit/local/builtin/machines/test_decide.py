"""Claims becoming virtual nodes, as passes over a world."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.local.builtin.world import World

from kaito.api import labels
from kaito.api.core import NODES, PODS
from kaito.api.meta import Key, Manifest
from kaito.api.nodeclaim import NODECLAIMS, TERMINATION_FINALIZER, NodeClaim
from kaito.api.workspace import WORKSPACES
from kaito.base.quantity import GIB
from kaito.kube.controller.decision import Create
from kaito.local.builtin.machines.controller import MachinesController
from kaito.local.builtin.machines.observed import MachineFacts

KEY = Key("", "machine")
MACHINE = MachineFacts(name="box", cpus=2, memory_bytes=24 * GIB, allocatable_memory_bytes=23 * GIB)


def controller() -> MachinesController:
    return MachinesController(MACHINE, workspaces=WORKSPACES, gpus_of={"big": 4}.__getitem__)


def nodeclaim(name: str, memory: str = "", **labelled: str) -> Manifest:
    requirements = [
        {"key": labels.INSTANCE_TYPE, "operator": "In", "values": ["big"]},
        {"key": "zone", "operator": "In", "values": ["a", "b"]},
    ]
    return {
        "metadata": {"name": name, "labels": labelled},
        "spec": {
            "requirements": requirements,
            "resources": {"requests": {"memory": memory} if memory else {"storage": "9Gi"}},
            "taints": [{"key": "sku", "value": "gpu", "effect": "NoSchedule"}],
        },
    }


def wake(world: World, name: str) -> None:
    """The node's agent reports it ready."""
    ready = [{"type": "Ready", "status": "True"}]
    world.edit(NODES, Key("", name), {"status": {"conditions": ready}})


def conditions(world: World, name: str) -> dict[str, tuple[str, str]]:
    found = world.get(NODECLAIMS, Key("", name))
    return {c.type: (c.status, c.reason) for c in found.status.conditions}


async def settle(world: World, passes: MachinesController | None = None) -> MachinesController:
    passes = passes or controller()
    for _ in range(20):
        decision = await passes_once(world, passes)
        if not decision:
            return passes
    raise AssertionError("not settled")


async def passes_once(world: World, passes: MachinesController) -> bool:
    return bool((await world.step(passes, KEY)).actions)


async def test_a_claim_becomes_a_node_with_what_it_was_asked_to_be() -> None:
    world = World()
    world.put(NODECLAIMS, nodeclaim("one", "12Gi", team="red"))
    await settle(world)

    node = world.get(NODES, Key("", "one"))
    assert node.metadata.labels == {
        "team": "red",
        labels.INSTANCE_TYPE: "big",
        labels.HOSTNAME: "one",
        labels.OS: "linux",
        labels.ARCH: "amd64",
        labels.MACHINE: "box",
        labels.EMULATED: "true",
    }
    assert node.spec.taints == ()
    assert node.status.capacity == {
        "cpu": "2",
        "memory": "24576Mi",
        "pods": "110",
        "nvidia.com/gpu": "4",
    }
    assert node.status.allocatable["memory"] == "23552Mi"


async def test_a_claim_is_ready_when_its_node_is_and_says_so_if_that_takes_long() -> None:
    world = World()
    world.put(NODECLAIMS, nodeclaim("one", "12Gi"))
    passes = await settle(world)
    assert conditions(world, "one") == {}
    assert (await world.step(passes, KEY)).requeue_after == 1.0

    world.wait(2)
    await settle(world, passes)
    assert conditions(world, "one") == {
        "Launched": ("True", "Launched"),
        "Registered": ("True", "Registered"),
        "Initialized": ("Unknown", "NodeNotReady"),
        "Ready": ("Unknown", "NodeNotReady"),
    }

    wake(world, "one")
    await settle(world, passes)

    found = world.get(NODECLAIMS, Key("", "one"))
    assert found.is_ready
    assert found.status.node_name == "one"
    assert found.status.provider_id == "kaito-local://box/one"
    assert found.metadata.finalizers == (TERMINATION_FINALIZER,)


async def test_the_emulation_is_told_to_claim_and_workspace_once() -> None:
    world = World()
    world.put(WORKSPACES, {"metadata": {"name": "w", "namespace": "team"}})
    owner = {labels.WORKSPACE: "w", labels.WORKSPACE_NAMESPACE: "team"}
    world.put(NODECLAIMS, nodeclaim("one", "12Gi", **owner))
    passes = await settle(world)
    wake(world, "one")
    await settle(world, passes)

    told = {(n.about.kind, n.about.metadata.name): n.message for n in world.notes}
    message = "big is emulated by this machine: 2 CPUs, 24 GiB, no GPU"
    assert told == {("NodeClaim", "one"): message, ("Workspace", "w"): message}
    assert len(world.notes) == 2


_NO_ROOM = (
    "12.0 GiB asked, machine box has 23.0 GiB allocatable, 12.0 GiB held (first 12.0 GiB), "
    "11.0 GiB left: delete one of them to make room"
)
_TOO_LARGE = (
    "30.0 GiB asked, machine box has 23.0 GiB allocatable: choose a smaller model or a larger "
    "machine"
)


@pytest.mark.parametrize(
    ("held", "asked", "message"), [("12Gi", "12Gi", _NO_ROOM), ("1Gi", "30Gi", _TOO_LARGE)]
)
async def test_a_claim_that_does_not_fit_is_refused_with_the_arithmetic(
    held: str, asked: str, message: str
) -> None:
    world = World()
    world.put(NODECLAIMS, nodeclaim("first", held))
    passes = await settle(world)
    world.put(NODECLAIMS, nodeclaim("second", asked))
    await settle(world, passes)

    launched = world.get(NODECLAIMS, Key("", "second")).condition("Launched")
    assert launched is not None
    assert (launched.status, launched.reason) == ("False", "InsufficientCapacity")
    assert launched.message == message
    assert conditions(world, "second")["Ready"] == ("False", "InsufficientCapacity")
    assert [n.name for n in (node.metadata for node in world.all(NODES))] == ["first"]
    assert [(n.type, n.reason) for n in world.notes if n.about.metadata.name == "second"] == [
        ("Warning", "InsufficientCapacity")
    ]


async def test_a_refused_claim_gets_its_node_when_another_goes() -> None:
    world = World()
    world.put(NODECLAIMS, nodeclaim("first", "12Gi"))
    passes = await settle(world)
    world.put(NODECLAIMS, nodeclaim("second", "12Gi"))
    await settle(world, passes)

    world.delete(NODECLAIMS, Key("", "first"))
    await settle(world, passes)

    assert [claim.metadata.name for claim in world.all(NODECLAIMS)] == ["second"]
    assert [node.metadata.name for node in world.all(NODES)] == ["second"]


async def test_pods_leave_a_cordoned_node_before_it_goes() -> None:
    world = World()
    world.put(NODECLAIMS, nodeclaim("one"))
    passes = await settle(world)
    pod = {"metadata": {"name": "p", "namespace": "default"}, "spec": {"nodeName": "one"}}
    world.put(PODS, pod)
    world.delete(NODECLAIMS, Key("", "one"))

    await settle(world, passes)
    assert world.get(NODES, Key("", "one")).spec.unschedulable
    assert world.all(PODS)[0].metadata.is_deleting

    world.run_pods()
    await settle(world, passes)
    assert world.all(NODES) == ()
    assert world.all(NODECLAIMS) == ()


async def test_on_an_outdated_reading_no_memory_is_promised_twice() -> None:
    world, passes = World(), controller()
    later = world.put(NODECLAIMS, nodeclaim("z", "20Gi"))
    await world.step(passes, KEY)
    # The cache has another claim, of a name that sorts first, but not what was granted.
    world.remove(NODES, Key("", "z"))
    world.remove(NODECLAIMS, later.key)
    world.put(NODECLAIMS, {**nodeclaim("z", "20Gi"), "metadata": {"name": "z", "uid": "uid-1"}})
    world.put(NODECLAIMS, nodeclaim("a", "20Gi"))

    decision = await world.step(passes, KEY)

    created = [a.manifest["metadata"]["name"] for a in decision.actions if isinstance(a, Create)]
    assert created == ["z"]


async def test_a_node_follows_its_machine_to_another_name_and_size() -> None:
    world = World()
    world.put(NODECLAIMS, nodeclaim("one", "1Gi"))
    await settle(world)
    wake(world, "one")
    larger = MachineFacts(
        name="new", cpus=8, memory_bytes=64 * GIB, allocatable_memory_bytes=63 * GIB
    )

    await settle(
        world, MachinesController(larger, workspaces=WORKSPACES, gpus_of={"big": 4}.__getitem__)
    )

    node = world.get(NODES, Key("", "one"))
    assert node.metadata.labels[labels.MACHINE] == "new"
    assert (node.status.capacity["cpu"], node.status.allocatable["memory"]) == ("8", "64512Mi")
    assert world.get(NODECLAIMS, Key("", "one")).status.capacity == node.status.capacity


async def test_a_claim_that_says_no_memory_always_fits() -> None:
    world = World()
    world.put(NODECLAIMS, nodeclaim("first", "23Gi"))
    world.put(NODECLAIMS, nodeclaim("second"))
    await settle(world)

    assert len(world.all(NODES)) == 2


@settings(deadline=None, max_examples=40)
@given(st.data())
async def test_granted_claims_always_fit_the_machine(data: st.DataObject) -> None:
    world, passes = World(), controller()
    for number in range(data.draw(st.integers(1, 6))):
        size = data.draw(st.integers(1, 24))
        world.put(NODECLAIMS, nodeclaim(f"c{number}", f"{size}Gi"))
        if data.draw(st.booleans()):
            await world.step(passes, KEY)
        is_unlucky = data.draw(st.booleans())
        if (claims := world.all(NODECLAIMS)) and is_unlucky:
            world.delete(NODECLAIMS, data.draw(st.sampled_from(claims)).key)
    await settle(world, passes)

    names = {node.metadata.name for node in world.all(NODES)}
    held = sum(_gib(claim) for claim in world.all(NODECLAIMS) if claim.metadata.name in names)
    waiting = [_gib(c) for c in world.all(NODECLAIMS) if c.metadata.name not in names]
    assert held <= 23
    assert all(held + size > 23 for size in waiting)


def _gib(claim: NodeClaim) -> int:
    return int(str(claim.spec.resources.requests["memory"]).removesuffix("Gi"))
