"""What each cloud is sent for a machine, to be read by eye.

Write them anew with KAITO_UPDATE_GOLDEN=1, and read the difference.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from kaito.api.core import Taint
from kaito.cloud.aws.settings import AwsSettings
from kaito.cloud.aws.shape import render_nodegroup
from kaito.cloud.azure.settings import AzureSettings
from kaito.cloud.azure.shape import render_agent_pool
from kaito.cloud.gcp.settings import GcpSettings
from kaito.cloud.gcp.shape import render_node_pool
from kaito.cloud.port import MachineRequest

FOLDER = Path(__file__).parent / "cloud"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
AWS = AwsSettings(cluster="models", node_role="arn:aws:iam::123456789012:role/nodes")
AZURE = AzureSettings(subscription="s", resource_group="g", cluster="models")
GCP = GcpSettings(project="p", location="us-central1", cluster="models", zones=("us-central1-a",))
ZONAL = GcpSettings(project="p", location="us-central1-a", cluster="models")


def machine(instance_type: str, **changes: Any) -> MachineRequest:
    usual: dict[str, Any] = {
        "name": "ws1a2b3c4d5",
        "claim_uid": "0f3b9a52-6c1d-4c5e-9d6f-2f1e8f0a7b11",
        "labels": {
            "kaito.sh/workspace": "phi",
            "kaito.sh/workspacenamespace": "default",
            "karpenter.sh/nodepool": "kaito",
        },
        "taints": (Taint(key="sku", value="gpu"),),
        "disk_gib": 107,
        "gpus": 1,
    }
    return MachineRequest(instance_type=instance_type, **{**usual, **changes})


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "aws-gpu": lambda: render_nodegroup(machine("g5.xlarge"), AWS, ("subnet-a", "subnet-b")),
    "aws-bottlerocket": lambda: render_nodegroup(
        machine("p5.48xlarge", image_family="Bottlerocket", gpus=8), AWS, ("subnet-a",)
    ),
    "aws-cpu": lambda: render_nodegroup(
        machine("m6i.xlarge", gpus=0, disk_gib=0, taints=()), AWS, ("subnet-a",)
    ),
    "azure-gpu": lambda: render_agent_pool(machine("Standard_NC24ads_A100_v4"), AZURE, NOW),
    "azure-linux": lambda: render_agent_pool(
        machine("Standard_D4s_v5", gpus=0, disk_gib=0, image_family="azurelinux"), AZURE, NOW
    ),
    "gcp-gpu": lambda: render_node_pool(machine("g2-standard-8"), GCP, NOW),
    "gcp-mega": lambda: render_node_pool(machine("a3-megagpu-8g", gpus=8), ZONAL, NOW),
    "gcp-attached": lambda: render_node_pool(
        machine("n1-standard-8-nvidia-tesla-t4-x1", image_family="ubuntu"), ZONAL, NOW
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_request_for_a_machine_is_as_recorded(case: str) -> None:
    found = yaml.safe_dump(CASES[case](), sort_keys=True)
    record = FOLDER / f"{case}.yaml"
    if os.environ.get("KAITO_UPDATE_GOLDEN"):
        record.write_text(found)
    assert found == record.read_text()
