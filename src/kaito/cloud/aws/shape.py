"""Requests to EKS and what its answers mean, as pure functions.

Fields: https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html and
API_Nodegroup.html.
"""

from collections.abc import Mapping
from typing import Any

from kaito.cloud.aws.failures import classify_issues
from kaito.cloud.aws.settings import AwsSettings
from kaito.cloud.failure import CloudFailure, FailureKind
from kaito.cloud.port import CloudMachine, MachineRequest, MachineState
from kaito.cloud.tags import CLAIM_UID, CLUSTER, claim_uid_of

NODE_LABEL = "eks.amazonaws.com/nodegroup"

_EFFECTS = {
    "NoSchedule": "NO_SCHEDULE",
    "NoExecute": "NO_EXECUTE",
    "PreferNoSchedule": "PREFER_NO_SCHEDULE",
}
_IMAGES = {
    # image family -> (without, with NVIDIA's driver)
    "": ("AL2023_x86_64_STANDARD", "AL2023_x86_64_NVIDIA"),
    "al2023": ("AL2023_x86_64_STANDARD", "AL2023_x86_64_NVIDIA"),
    "bottlerocket": ("BOTTLEROCKET_x86_64", "BOTTLEROCKET_x86_64_NVIDIA"),
}
_STATES: dict[str, MachineState] = {
    "CREATING": "creating",
    "ACTIVE": "running",
    "UPDATING": "running",
    # Some of its checks fail, its node may well serve: not ours to end.
    "DEGRADED": "running",
    "DELETING": "deleting",
    "CREATE_FAILED": "failed",
    "DELETE_FAILED": "failed",
}
_RESERVED = ("eks.amazonaws.com/", "kubernetes.io/", "k8s.io/")
"""Label prefixes that EKS keeps for itself and its nodes' agents."""


def render_nodegroup(
    request: MachineRequest, settings: AwsSettings, subnets: tuple[str, ...]
) -> dict[str, Any]:
    """The arguments of CreateNodegroup.

    Raises:
        CloudFailure: EKS has no image of that family.
    """
    arguments: dict[str, Any] = {
        "clusterName": settings.cluster,
        "nodegroupName": request.name,
        "scalingConfig": {"minSize": 1, "maxSize": 1, "desiredSize": 1},
        "instanceTypes": [request.instance_type],
        "amiType": _image(request),
        "capacityType": "ON_DEMAND",
        "nodeRole": settings.node_role,
        "subnets": list(subnets),
        "labels": {
            key: value
            for key, value in sorted(request.labels.items())
            if not key.startswith(_RESERVED)
        },
        "taints": [
            {"key": taint.key, "value": taint.value, "effect": _EFFECTS[taint.effect]}
            for taint in request.taints
        ],
        "tags": {CLUSTER: settings.cluster, CLAIM_UID: request.claim_uid},
    }
    if request.disk_gib:
        arguments["diskSize"] = request.disk_gib
    return arguments


def to_machine(nodegroup: Mapping[str, Any], cluster: str) -> CloudMachine:
    """What a described node group is to us."""
    issues = (nodegroup.get("health") or {}).get("issues") or ()
    types = nodegroup.get("instanceTypes") or [""]
    state = _STATES.get(nodegroup.get("status", ""), "creating")
    failure = classify_issues(issues)
    if state == "failed" and failure is None:
        words = f"node group {nodegroup['nodegroupName']} is {nodegroup['status']}"
        failure = CloudFailure(FailureKind.UNAVAILABLE, words)
    return CloudMachine(
        name=nodegroup["nodegroupName"],
        state=state,
        claim_uid=claim_uid_of(nodegroup.get("tags"), cluster),
        instance_type=types[0],
        created_at=nodegroup.get("createdAt"),
        failure=failure,
    )


def _image(request: MachineRequest) -> str:
    plain_and_nvidia = _IMAGES.get(request.image_family.lower())
    if plain_and_nvidia is None:
        known = ", ".join(filter(None, _IMAGES))
        words = f"EKS has no node image family {request.image_family!r}; known are {known}"
        raise CloudFailure(FailureKind.INVALID, words)
    return plain_and_nvidia[1 if request.gpus else 0]
