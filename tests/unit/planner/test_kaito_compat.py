"""KAITO 0.12's estimator: all 480 node counts of its catalogue, and where it refuses."""

import csv
from pathlib import Path

import pytest

from kaito.catalog.instance_type import InstanceType
from kaito.catalog.instances import find_instance_type
from kaito.catalog.lookup import find_preset
from kaito.catalog.node_labels import from_node_labels
from kaito.planner.kaito_compat import kaito_node_count
from kaito.planner.plan import Refusal

TABLE = Path(__file__).parents[1] / "catalog" / "kaito_0_12.tsv"
ROWS = tuple(csv.DictReader(TABLE.read_text().splitlines(), delimiter="\t"))
# The machines of the table's last column, in its order.
MACHINES = (
    "Standard_NV36ads_A10_v5",
    "Standard_NC24ads_A100_v4",
    "Standard_NC48ads_A100_v4",
    "Standard_NC96ads_A100_v4",
    "Standard_NC40ads_H100_v5",
    "Standard_NC80adis_H100_v5",
    "Standard_ND96isr_H100_v5",
    "Standard_ND96isr_H200_v5",
)


def machine(name: str) -> InstanceType:
    found = find_instance_type(name)
    assert found is not None
    return found


def slices(profile: str, mebibytes: int) -> InstanceType:
    return from_node_labels(
        {
            "nvidia.com/gpu.product": f"NVIDIA-A100-SXM4-80GB-MIG-{profile}",
            "nvidia.com/gpu.count": "7",
            "nvidia.com/gpu.memory": str(mebibytes),
        }
    )


@pytest.mark.parametrize("row", ROWS, ids=[row["hub_id"] for row in ROWS])
def test_every_model_needs_the_nodes_that_kaito_counts(row: dict[str, str]) -> None:
    preset = find_preset(row["hub_id"])
    assert preset is not None
    counts = [kaito_node_count(preset, machine(name)) for name in MACHINES]
    assert "/".join(map(str, counts)) == row["nodes"]


def test_a_longer_context_takes_kaito_more_nodes() -> None:
    preset = find_preset("phi-3-medium-128k-instruct")
    assert preset is not None
    a10 = machine("Standard_NV36ads_A10_v5")
    assert kaito_node_count(preset, a10, context=2048) == 2
    assert kaito_node_count(preset, a10, context=32_768) == 3


def test_a_cache_that_leaves_no_room_for_weights_is_refused() -> None:
    preset = find_preset("phi-3-mini-128k-instruct")
    assert preset is not None
    refusal = kaito_node_count(preset, machine("Standard_NV36ads_A10_v5"), context=131_072)
    assert isinstance(refusal, Refusal)
    assert "too small" in refusal.message


def test_a_model_that_kaito_does_not_have_has_no_count() -> None:
    preset = find_preset("falcon-7b")
    assert preset is not None
    refusal = kaito_node_count(preset, machine("Standard_NC24ads_A100_v4"))
    assert isinstance(refusal, Refusal)
    assert refusal.message.startswith("falcon-7b is not in KAITO 0.12's catalogue")


def test_a_model_does_not_go_over_several_slices() -> None:
    preset = find_preset("phi-4")
    assert preset is not None
    assert kaito_node_count(preset, slices("7g.80gb", 81_050)) == 1
    refusal = kaito_node_count(preset, slices("2g.20gb", 19_968))
    assert isinstance(refusal, Refusal)
    assert "MIG slice" in refusal.message
