"""Machines, scheduling and lost nodes on the real API server."""

from typing import Any

from tests.integration.builtin.cluster import Cluster
from tests.integration.builtin.manifests import pod

from kaito.api import labels
from kaito.api.core import EVENTS, NODES, PODS, Event
from kaito.api.meta import Key, Manifest
from kaito.api.nodeclaim import NODECLAIMS, NodeClaim


def nodeclaim(name: str, memory: str) -> Manifest:
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {
            "name": name,
            "labels": {
                labels.NODEPOOL: "kaito",
                labels.WORKSPACE: f"{name}-workspace",
                labels.WORKSPACE_NAMESPACE: "default",
            },
        },
        "spec": {
            "requirements": [
                {"key": labels.INSTANCE_TYPE, "operator": "In", "values": ["Standard_NC6s_v3"]}
            ],
            "resources": {"requests": {"memory": memory}},
            "taints": [{"key": "sku", "value": "gpu", "effect": "NoSchedule"}],
        },
    }


def workspace(name: str) -> Manifest:
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": "default"},
        "resource": {"labelSelector": {"matchLabels": {"apps": "x"}}},
        "inference": {"preset": {"name": "phi-3-mini-4k-instruct"}},
    }


async def claim(cluster: Cluster, name: str) -> NodeClaim:
    return await cluster.client.get(NODECLAIMS, Key("", name))


async def ready(cluster: Cluster, name: str) -> bool:
    return (await claim(cluster, name)).is_ready


async def events(cluster: Cluster, **about: str) -> list[Event]:
    found = (await cluster.client.list(EVENTS, namespace="default")).items
    return [
        event
        for event in found
        if all(getattr(event.involved_object, field) == value for field, value in about.items())
    ]


def using_memory(name: str, memory: str, **spec: Any) -> Manifest:
    manifest = pod(name, **spec)
    manifest["spec"]["containers"][0]["resources"] = {"requests": {"memory": memory}}
    return manifest


async def test_a_claim_becomes_a_node_that_says_it_is_emulated(cluster: Cluster) -> None:
    await cluster.create(workspace("one-workspace"))
    await cluster.create(nodeclaim("one", "12Gi"))
    await cluster.until(lambda: ready(cluster, "one"), "the claim is ready")

    node = await cluster.client.get(NODES, Key("", "one"))
    assert node.metadata.labels[labels.INSTANCE_TYPE] == "Standard_NC6s_v3"
    assert node.metadata.labels[labels.MACHINE] == "box"
    assert node.metadata.labels[labels.EMULATED] == "true"
    assert node.status.capacity == {
        "cpu": "2",
        "memory": f"{24 * 1024}Mi",
        "pods": "110",
        "nvidia.com/gpu": "1",
    }
    assert node.spec.taints == ()
    found = await claim(cluster, "one")
    assert found.status.node_name == "one"
    assert {c.type: c.status for c in found.status.conditions} == dict.fromkeys(
        ("Launched", "Registered", "Initialized", "Ready"), "True"
    )
    await cluster.settled_revision()
    for kind, name in (("NodeClaim", "one"), ("Workspace", "one-workspace")):
        (event,) = await events(cluster, kind=kind, name=name)
        assert (event.reason, event.count) == ("Emulated", 1)
        assert event.message == (
            "Standard_NC6s_v3 is emulated by this machine: 2 CPUs, 24 GiB, no GPU"
        )


async def test_a_claim_without_room_waits_with_the_arithmetic_until_there_is(
    cluster: Cluster,
) -> None:
    await cluster.create(nodeclaim("one", "12Gi"))
    await cluster.until(lambda: ready(cluster, "one"), "the first claim is ready")
    await cluster.create(nodeclaim("two", "12Gi"))

    async def refused() -> bool:
        launched = (await claim(cluster, "two")).condition("Launched")
        return launched is not None and launched.status == "False"

    await cluster.until(refused, "the second claim is refused")
    launched = (await claim(cluster, "two")).condition("Launched")
    assert launched is not None
    assert launched.reason == "InsufficientCapacity"
    assert launched.message == (
        "12.0 GiB asked, machine box has 23.0 GiB allocatable, 12.0 GiB held "
        "(default/one-workspace 12.0 GiB), 11.0 GiB left: delete one of them to make room"
    )
    assert not await cluster.exists(NODES, Key("", "two"))

    await cluster.kubectl("delete", "nodeclaim", "one", "--timeout=20s")

    assert not await cluster.exists(NODES, Key("", "one"))
    await cluster.until(lambda: ready(cluster, "two"), "the second claim is ready")


async def test_a_claim_that_goes_takes_its_pods_first(cluster: Cluster) -> None:
    await cluster.create(nodeclaim("one", "1Gi"))
    await cluster.until(lambda: ready(cluster, "one"), "the claim is ready")
    await cluster.create(pod("guest", nodeSelector={labels.HOSTNAME: "one"}))

    async def running() -> bool:
        found = await cluster.client.get(PODS, Key("default", "guest"))
        return found.spec.node_name == "one" and found.is_ready

    await cluster.until(running, "the pod runs on the claim's node")

    await cluster.kubectl("delete", "nodeclaim", "one", "--timeout=20s")

    assert await cluster.pods() == ()
    assert not await cluster.exists(NODES, Key("", "one"))


async def test_memory_is_counted_across_the_nodes_of_a_machine(cluster: Cluster) -> None:
    await cluster.create(nodeclaim("one", "1Gi"))
    await cluster.until(lambda: ready(cluster, "one"), "the claim is ready")
    await cluster.create(using_memory("large", "20Gi", nodeSelector={labels.HOSTNAME: "box"}))
    await cluster.create(using_memory("more", "12Gi", nodeSelector={labels.HOSTNAME: "one"}))
    message = (
        "0/2 nodes are available: 1 Insufficient memory, 1 node(s) didn't match Pod's node "
        "affinity/selector. machine box: 23.0 GiB allocatable, 20.0 GiB requested by 1 pod, "
        "12.0 GiB asked."
    )

    async def refused() -> bool:
        found = await cluster.client.get(PODS, Key("default", "more"))
        return message in {c.message for c in found.status.conditions}

    await cluster.until(refused, "the second pod is refused with the arithmetic")
    await cluster.settled_revision()
    found = await events(cluster, kind="Pod", name="more")
    assert [(e.type, e.reason) for e in found] == [("Warning", "FailedScheduling")]

    await cluster.kubectl("delete", "pod", "large", "--timeout=20s")

    async def running() -> bool:
        return (await cluster.client.get(PODS, Key("default", "more"))).is_ready

    await cluster.until(running, "there is room now")


async def test_pods_of_a_lost_node_are_removed(cluster: Cluster) -> None:
    await cluster.create(pod("stray", nodeName="nowhere"))

    async def gone() -> bool:
        return not await cluster.exists(PODS, Key("default", "stray"))

    await cluster.until(gone, "the pod is gone")
