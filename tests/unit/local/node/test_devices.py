"""What a machine admits, and whose its GPUs are."""

from pathlib import Path

import msgspec
import pytest

from kaito.local.node.devices import (
    amounts_of,
    observe_gpus,
    plan_admission,
    plan_device_environment,
    plan_gpus,
)
from kaito.local.node.errors import NodeError
from kaito.local.node.pod import WatchedPod

OFFERED = {"cpu": 2000, "memory": 100, "pods": 10, "nvidia.com/gpu": 1}


def test_what_fits_is_admitted() -> None:
    used = [{"memory": 40}]
    assert plan_admission({"memory": 60}, OFFERED, on_machine=used, on_node=used) is None


def test_memory_belongs_to_the_machine_whatever_node_a_pod_is_on() -> None:
    block = plan_admission({"memory": 61}, OFFERED, on_machine=[{"memory": 40}], on_node=[])
    assert block is not None
    assert block.reason == "OutOfmemory"
    assert "memory, requested: 61, used: 40, capacity: 100" in block.message


def test_gpus_belong_to_the_node() -> None:
    one = {"nvidia.com/gpu": 1}
    assert plan_admission(one, OFFERED, on_machine=[one], on_node=[]) is None
    block = plan_admission(one, OFFERED, on_machine=[one], on_node=[one])
    assert block is not None
    assert block.reason == "OutOfnvidia.com/gpu"


def test_gpus_are_given_by_index_and_never_twice() -> None:
    two = {"nvidia.com/gpu": 2}
    assert plan_gpus(two, 4, taken=[0]) == (1, 2)
    assert plan_gpus({}, 4, taken=[]) == ()


def test_an_emulated_gpu_is_nothing_to_give() -> None:
    assert plan_gpus({"nvidia.com/gpu": 1}, 0, taken=[]) == ()
    assert plan_device_environment((), 0) == {}


def test_a_pod_sees_only_its_own_gpus() -> None:
    assert plan_device_environment((1, 2), 4)["CUDA_VISIBLE_DEVICES"] == "1,2"
    assert plan_device_environment((), 4) == {
        "CUDA_VISIBLE_DEVICES": "",
        "NVIDIA_VISIBLE_DEVICES": "void",
    }


@pytest.mark.parametrize("asked", [{"memory": "much"}, {"memory": None}])
def test_an_amount_that_cannot_be_read_is_named(asked: dict[str, object]) -> None:
    spec = {"containers": [{"name": "main", "resources": {"requests": asked}}]}
    pod = msgspec.convert(
        {"metadata": {"name": "web", "namespace": "shop"}, "spec": spec}, WatchedPod
    )
    with pytest.raises(NodeError, match="pod shop/web cannot be run"):
        amounts_of(pod)


def test_gpus_are_counted_where_the_driver_lists_them(tmp_path: Path) -> None:
    (tmp_path / "0000:01:00.0").mkdir()
    (tmp_path / "0000:02:00.0").mkdir()
    assert observe_gpus(tmp_path) == 2
    assert observe_gpus(tmp_path / "none") == 0
