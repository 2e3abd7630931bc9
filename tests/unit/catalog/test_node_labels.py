"""What the labels of a node of one's own say it has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.base.quantity import MIB
from kaito.catalog.accelerator import MigProfile
from kaito.catalog.instance_type import MigSlices
from kaito.catalog.node_labels import from_node_labels, is_mig_ready

A100 = {
    "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
    "nvidia.com/gpu.count": "8",
    "nvidia.com/gpu.memory": "81920",
}
KEYS = (
    *A100,
    "nvidia.com/cuda.compute.major",
    "nvidia.com/cuda.compute.minor",
    "nvidia.com/mig-1g.10gb.count",
    "nvidia.com/mig-1g.10gb.memory",
    "node.kubernetes.io/instance-type",
)


def test_a_known_gpu_is_taken_with_the_memory_on_the_label() -> None:
    machine = from_node_labels({**A100, "nvidia.com/gpu.memory": "81000"})
    assert (machine.name, machine.cloud, machine.gpus) == (
        "NVIDIA-A100-SXM4-80GB",
        "on-premises",
        8,
    )
    assert machine.accelerator.memory_bytes == 81_000 * MIB
    assert machine.accelerator.nominal_gib == 79
    assert machine.accelerator.compute_capability == 80
    assert machine.price is None


def test_a_known_instance_type_adds_what_labels_do_not_say_but_no_price() -> None:
    machine = from_node_labels({**A100, "node.kubernetes.io/instance-type": "p4de.24xlarge"})
    assert (machine.name, machine.vcpus, machine.has_nvlink) == ("p4de.24xlarge", 96, True)
    assert machine.price is None


def test_an_unknown_gpu_is_taken_at_its_labels_word() -> None:
    labels = {
        "nvidia.com/gpu.product": "NVIDIA-X9000",
        "nvidia.com/gpu.count": "2",
        "nvidia.com/gpu.memory": "40960",
        "nvidia.com/cuda.compute.major": "8",
        "nvidia.com/cuda.compute.minor": "7",
    }
    machine = from_node_labels(labels)
    assert machine.accelerator.compute_capability == 87
    assert (machine.gpu, machine.runtime) == ("NVIDIA-X9000", "vllm")
    assert machine.gpu_memory_bytes == 2 * 40_960 * MIB


def test_a_slice_of_the_single_strategy_has_its_share_of_the_bandwidth() -> None:
    labels = {
        **A100,
        "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb",
        "nvidia.com/gpu.count": "7",
        "nvidia.com/gpu.memory": "9728",
    }
    machine = from_node_labels(labels)
    assert (machine.gpus, machine.accelerator.memory_bytes) == (7, 9728 * MIB)
    assert machine.accelerator.bandwidth_gb == 2039 * 9728 // 81_920


def test_slices_of_the_mixed_strategy_come_beside_the_gpus() -> None:
    labels = {
        **A100,
        "nvidia.com/mig-3g.40gb.count": "2",
        "nvidia.com/mig-3g.40gb.memory": "40192",
        "nvidia.com/mig-1g.10gb.count": "1",
        "nvidia.com/mig-7g.80gb.count": "0",
        "nvidia.com/mig-9g.99gb.count": "1",
    }
    assert from_node_labels(labels).mig == (
        MigSlices(profile=MigProfile("1g.10gb"), count=1, memory_bytes=10_240 * MIB),
        MigSlices(profile=MigProfile("3g.40gb"), count=2, memory_bytes=40_192 * MIB),
    )


@pytest.mark.parametrize(
    ("config", "state", "is_ready"),
    [
        ("all-1g.10gb", "success", True),
        ("all-1g.10gb", "pending", False),
        ("all-disabled", "success", False),
        ("", "", False),
    ],
)
def test_a_node_is_cut_when_the_cut_is_done(config: str, state: str, is_ready: bool) -> None:
    labels = {"nvidia.com/mig.config": config, "nvidia.com/mig.config.state": state}
    assert is_mig_ready(labels) is is_ready


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"nvidia.com/gpu.count": ""}, "label nvidia.com/gpu.count is missing"),
        ({"nvidia.com/gpu.count": "0"}, "nvidia.com/gpu.count='0' is not a whole number"),
        ({"nvidia.com/gpu.memory": "80GB"}, "nvidia.com/gpu.memory='80GB' is not a whole number"),
        ({"nvidia.com/gpu.memory": "9" * 10}, "is not a whole number above zero"),
        ({"nvidia.com/gpu.product": "GPU"}, "names no GPU we know"),
    ],
)
def test_a_wrong_label_is_named(changes: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        from_node_labels({**A100, **changes})


@given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=12), max_size=8))
def test_no_labels_break_the_reading(labels: dict[str, str]) -> None:
    message = ""
    try:
        machine = from_node_labels({**A100, **labels})
    except ValueError as error:
        message = str(error)
    else:
        assert machine.gpus > 0
    assert "\n" not in message
