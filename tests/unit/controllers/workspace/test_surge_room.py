"""Whether a second pod has room: GPUs one by one, memory by machine."""

from typing import Any

import msgspec
import pytest

from kaito.api import labels
from kaito.api.core import Node, Pod
from kaito.api.workspace import Workspace
from kaito.base.quantity import GIB
from kaito.controllers.workspace.surge_room import find_shortage
from kaito.provision.port import Supply, Wanted

GPU = labels.NVIDIA_GPU


def _wanted(*, gpus: int = 0, memory: int = 0) -> Wanted:
    owner = msgspec.convert({"metadata": {"name": "w", "namespace": "d", "uid": "u"}}, Workspace)
    return Wanted(
        owner=owner, count=1, instance_type="", labels=(("apps", "w"),), gpus_per_node=gpus,
        memory_bytes=memory, storage_bytes=0,
    )  # fmt: skip


def _node(name: str, *, machine: str = "", ready: bool = True, **offers: str) -> Node:
    found: dict[str, Any] = {
        "metadata": {"name": name, "labels": {"apps": "w"}},
        "status": {
            "allocatable": {key.replace("gpu", GPU): value for key, value in offers.items()},
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }
    if machine:
        found["metadata"]["labels"][labels.MACHINE] = machine
    return msgspec.convert(found, Node)


def _pod(node: str, *, own: bool = True, phase: str = "Running", **asks: str) -> Pod:
    requests = {key.replace("gpu", GPU): value for key, value in asks.items()}
    named = {labels.WORKSPACE: "w"} if own else {}
    found = {
        "metadata": {"name": f"p-{own}", "namespace": "d", "labels": named},
        "spec": {"nodeName": node, "containers": [{"resources": {"requests": requests}}]},
        "status": {"phase": phase},
    }
    return msgspec.convert(found, Pod)


@pytest.mark.parametrize(
    ("nodes", "pods", "shortage"),
    [
        ([_node("a", gpu="2")], [_pod("a", gpu="1")], ""),
        (
            [_node("a", gpu="1")],
            [_pod("a", gpu="1")],
            "node a has 0 of 1 nvidia.com/gpu free, 1 needed",
        ),
        (
            [_node("a", gpu="2")],
            [_pod("a", gpu="1"), _pod("a", own=False, gpu="1")],
            "node a has 0 of 2 nvidia.com/gpu free, 1 needed",
        ),
        ([_node("a", gpu="1")], [_pod("a", gpu="1", phase="Failed")], ""),
        ([_node("a", gpu="1"), _node("b", gpu="1")], [_pod("a", gpu="1")], ""),
        ([_node("a", gpu="2", ready=False)], [_pod("a", gpu="1")], "node a is not Ready"),
        ([], [], "no node matches resource.labelSelector"),
    ],
)
def test_gpus_are_counted_with_the_workspaces_own_pod(
    nodes: list[Node], pods: list[Pod], shortage: str
) -> None:
    supply = Supply(nodes=tuple(nodes), pods=tuple(pods))
    assert find_shortage(_wanted(gpus=1), supply) == shortage


def test_memory_is_what_a_nodes_pods_leave() -> None:
    supply = Supply(nodes=(_node("a", memory="8Gi"),), pods=(_pod("a", memory="5Gi"),))
    assert find_shortage(_wanted(memory=3 * GIB), supply) == ""
    short = find_shortage(_wanted(memory=4 * GIB), supply)
    assert short == "a has 3.0 GiB of memory free, 4.0 GiB needed"


def test_nodes_that_one_machine_plays_share_its_memory() -> None:
    supply = Supply(nodes=(_node("a", machine="m", memory="8Gi"),), pods=(_pod("a", memory="2Gi"),))
    crowd = (_pod("a", memory="2Gi"), _pod("b", own=False, memory="5Gi"))
    assert find_shortage(_wanted(memory=4 * GIB), supply, supply.pods) == ""
    assert "1.0 GiB of memory free" in find_shortage(_wanted(memory=4 * GIB), supply, crowd)


def test_a_node_that_says_nothing_of_memory_is_taken_at_its_word() -> None:
    assert find_shortage(_wanted(memory=GIB), Supply(nodes=(_node("a"),))) == ""
