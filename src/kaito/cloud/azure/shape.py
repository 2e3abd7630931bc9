"""Agent pools as requests, and what the service's answers mean, as pure functions.

Fields: https://learn.microsoft.com/rest/api/aks/agent-pools/create-or-update. The pool of a claim
looks as gpu-provisioner's do (name, labels, taints, disk, image), so that either may take over from
the other; what is ours in addition is the tags.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kaito.base.clock import datetime_from_timestamp
from kaito.cloud.azure.failures import classify_code
from kaito.cloud.azure.settings import AzureSettings
from kaito.cloud.failure import CloudFailure, FailureKind
from kaito.cloud.port import CloudMachine, MachineRequest, MachineState
from kaito.cloud.tags import CLAIM_UID, CLUSTER, CREATED_AT, claim_uid_of

NODE_LABEL = "kubernetes.azure.com/agentpool"

_NAME = re.compile(r"[a-z][a-z0-9]{0,11}\Z")
_IMAGES = {"": "Ubuntu", "ubuntu": "Ubuntu", "azurelinux": "AzureLinux"}
_RESERVED = ("kubernetes.azure.com/", "kubernetes.io/", "k8s.io/")
"""Label prefixes that AKS keeps for itself and its nodes' agents."""
_STATES: dict[str, MachineState] = {
    "Creating": "creating",
    "Succeeded": "running",
    "Deleting": "deleting",
    "Failed": "failed",
    "Canceled": "failed",
}
"""Every other state is some change to a pool that is there: Updating, Scaling, Upgrading, ..."""


def render_agent_pool(
    request: MachineRequest, settings: AzureSettings, now: datetime
) -> dict[str, Any]:
    """The body of Create Or Update.

    Raises:
        CloudFailure: AKS takes no such name or image.
    """
    if not _NAME.match(request.name):
        words = (
            f"AKS takes no agent pool name like {request.name!r}: at most 12 lower-case letters "
            "and digits, a letter first"
        )
        raise CloudFailure(FailureKind.INVALID, words)
    properties: dict[str, Any] = {
        "count": 1,
        "mode": "User",
        "type": "VirtualMachineScaleSets",
        "vmSize": request.instance_type,
        "osType": "Linux",
        "osSKU": _image(request),
        "nodeLabels": {
            key: value
            for key, value in sorted(request.labels.items())
            if not key.startswith(_RESERVED)
        },
        "nodeTaints": [f"{t.key}={t.value}:{t.effect}" for t in request.taints],
        "tags": {
            CLUSTER: settings.cluster,
            CLAIM_UID: request.claim_uid,
            CREATED_AT: str(int(now.timestamp())),
        },
    }
    if request.disk_gib:
        properties["osDiskSizeGB"] = request.disk_gib
    return {"properties": properties}


def to_machine(pool: Mapping[str, Any], cluster: str) -> CloudMachine:
    """What an agent pool, as JSON, is to us."""
    properties = pool.get("properties") or {}
    tags = properties.get("tags") or {}
    state = _STATES.get(properties.get("provisioningState", ""), "running")
    failure = _failure(properties)
    if state == "failed" and failure is None:
        words = f"agent pool {pool.get('name')} is {properties.get('provisioningState')}"
        failure = CloudFailure(FailureKind.UNAVAILABLE, words)
    created = tags.get(CREATED_AT, "")
    return CloudMachine(
        name=str(pool.get("name", "")),
        state=state,
        claim_uid=claim_uid_of(tags, cluster),
        instance_type=properties.get("vmSize", ""),
        created_at=datetime_from_timestamp(int(created)) if created.isdigit() else None,
        failure=failure,
    )


def _failure(properties: Mapping[str, Any]) -> CloudFailure | None:
    error = (properties.get("status") or {}).get("provisioningError")
    if not error:
        return None
    return classify_code(error.get("code", ""), error.get("message", ""), details=error)


def _image(request: MachineRequest) -> str:
    sku = _IMAGES.get(request.image_family.lower())
    if sku is None:
        known = ", ".join(filter(None, _IMAGES))
        words = f"AKS has no node image family {request.image_family!r}; known are {known}"
        raise CloudFailure(FailureKind.INVALID, words)
    return sku
