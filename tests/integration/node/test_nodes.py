"""The nodes that the machine stands for."""

from tests.integration.node.plane import MACHINE, Plane, node_agent, settings

from kaito.api import labels
from kaito.api.meta import Key
from kaito.local.node.node_objects import LEASE_NAMESPACE, NODES, Node


def ready(plane: Plane, name: str) -> Node | None:
    node = plane.nodes.get(Key("", name))
    if node is None:
        return None
    is_ready = any(c.type == "Ready" and c.is_true for c in node.status.conditions)
    return node if is_ready else None


async def virtual_node(plane: Plane, name: str) -> None:
    meta = {"name": name, "labels": {labels.MACHINE: MACHINE.name}}
    status = {"capacity": {"cpu": "2"}, "allocatable": {"cpu": "2", "memory": "4Gi", "pods": "5"}}
    manifest = {"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": status}
    await plane.create(NODES, manifest)
    await plane.client.patch(NODES, Key("", name), {"status": status}, subresource="status")


async def test_the_machine_is_a_ready_node_with_what_it_offers(plane: Plane) -> None:
    async with node_agent(plane, settings(plane.state, gpus=2)):
        node = await plane.until(lambda: ready(plane, MACHINE.name), "the node ready")
        assert node.status.capacity == {
            "cpu": "2",
            "memory": "8192Mi",
            "pods": "110",
            "nvidia.com/gpu": "2",
        }
        assert node.status.allocatable["memory"] == "7168Mi"
        assert node.metadata.labels[labels.MACHINE] == MACHINE.name


async def test_a_virtual_node_of_the_machine_gets_ready_and_keeps_its_capacity(
    plane: Plane,
) -> None:
    async with node_agent(plane, settings(plane.state)):
        await virtual_node(plane, "claimed")
        node = await plane.until(lambda: ready(plane, "claimed"), "the node ready")
        assert node.status.allocatable["memory"] == "4Gi"
        pod = await plane.run_pod("web", "sleep", "4321", nodeName="claimed")
        await plane.until_ready(pod)


async def test_a_pod_bound_before_its_node_is_known_runs_when_it_is(plane: Plane) -> None:
    async with node_agent(plane, settings(plane.state)):
        pod = await plane.run_pod("web", "sleep", "4321", nodeName="later")
        await virtual_node(plane, "later")
        await plane.until_ready(pod)


async def test_a_node_has_a_lease_as_its_heartbeat(plane: Plane) -> None:
    async with node_agent(plane, settings(plane.state)):
        key = Key(LEASE_NAMESPACE, MACHINE.name)
        lease = await plane.until(lambda: plane.leases.get(key), "the lease")
        assert lease.spec.holder_identity == MACHINE.name
        assert lease.spec.renew_time is not None


async def test_a_second_start_writes_nothing_about_a_node_that_is_as_it_was(plane: Plane) -> None:
    async with node_agent(plane, settings(plane.state)):
        before = await plane.until(lambda: ready(plane, MACHINE.name), "the node ready")
    async with node_agent(plane, settings(plane.state)):
        pod = await plane.run_pod("web", "sleep", "4321")
        await plane.until_ready(pod)
        now = plane.nodes.get(Key("", MACHINE.name))
        assert now is not None
        assert now.metadata.resource_version == before.metadata.resource_version
