"""The estimate of how long a server takes to answer."""

from kaito.base.quantity import GIB
from kaito.catalog.instance_type import InstanceType
from kaito.catalog.instances import find_instance_type
from kaito.catalog.node_labels import from_node_labels
from kaito.planner.plan import StartUp
from kaito.planner.startup import StartUpFacts, estimate_start_up


def machine(name: str) -> InstanceType:
    found = find_instance_type(name)
    assert found is not None
    return found


def estimate(instance: InstanceType, *, nodes: int = 1, gpus: int = 1, graphs: int = 86) -> StartUp:
    found = StartUpFacts(
        weights_bytes=7 * GIB, runtime="vllm", nodes=nodes, gpus_per_node=gpus, graphs=graphs
    )
    return estimate_start_up(found, instance)


def test_the_stages_add_up() -> None:
    found = estimate(machine("Standard_NC24ads_A100_v4"))
    assert found == StartUp(node=300, image=90, weights=38, load=4, engine=81)
    assert found.total == 513


def test_a_node_that_is_there_is_not_waited_for() -> None:
    labels = {
        "nvidia.com/gpu.product": "NVIDIA-A10",
        "nvidia.com/gpu.count": "1",
        "nvidia.com/gpu.memory": "23028",
    }
    assert estimate(from_node_labels(labels)).node == 0


def test_weights_come_faster_from_nvme_into_more_gpus() -> None:
    slow = estimate(machine("Standard_NV36ads_A10_v5")).load
    one = estimate(machine("Standard_NC24ads_A100_v4")).load
    two = estimate(machine("Standard_NC48ads_A100_v4"), gpus=2).load
    assert slow > one > two


def test_eager_engines_are_up_sooner_and_several_nodes_later() -> None:
    instance = machine("Standard_NC24ads_A100_v4")
    eager, usual, many = (
        estimate(instance, nodes=nodes, graphs=graphs).engine
        for nodes, graphs in ((1, 0), (1, 86), (2, 86))
    )
    assert eager < usual < many
