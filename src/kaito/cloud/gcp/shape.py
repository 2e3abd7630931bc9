"""Node pools as requests, and what the service's answers mean, as pure functions.

Fields: https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters.nodePools.
Requests are plain JSON in the API's field names, so that they can be read and compared.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kaito.base.clock import datetime_from_timestamp
from kaito.catalog.instances import find_instance_type
from kaito.cloud.failure import CloudFailure, FailureKind
from kaito.cloud.gcp.failures import classify_code
from kaito.cloud.gcp.settings import GcpSettings
from kaito.cloud.port import CloudMachine, MachineRequest, MachineState
from kaito.cloud.tags import CLAIM_UID, CLUSTER, CREATED_AT, claim_uid_of

NODE_LABEL = "cloud.google.com/gke-nodepool"

_IMAGES = {"": "COS_CONTAINERD", "cos": "COS_CONTAINERD", "ubuntu": "UBUNTU_CONTAINERD"}
_EFFECTS = {
    "NoSchedule": "NO_SCHEDULE",
    "NoExecute": "NO_EXECUTE",
    "PreferNoSchedule": "PREFER_NO_SCHEDULE",
}
_STATES: dict[str, MachineState] = {
    "PROVISIONING": "creating",
    "RUNNING": "running",
    "RECONCILING": "running",
    # Some of its parts are in order, and its node may well serve.
    "RUNNING_WITH_ERROR": "running",
    "STOPPING": "deleting",
    "ERROR": "failed",
}
_ACCELERATORS = {
    "V100-16GB": "nvidia-tesla-v100",
    "T4": "nvidia-tesla-t4",
    "L4": "nvidia-l4",
    "A100-40GB": "nvidia-tesla-a100",
    "A100-80GB": "nvidia-a100-80gb",
    "H100-80GB": "nvidia-h100-80gb",
    "H200": "nvidia-h200-141gb",
    "B200": "nvidia-b200",
    "RTX-PRO-6000": "nvidia-rtx-pro-6000",
}
"""https://cloud.google.com/kubernetes-engine/docs/concepts/gpus, by our name of the accelerator."""
_MEGA = re.compile(r"a3-megagpu-")
_ATTACHED = re.compile(r"(?P<machine>n1-.+)-(?P<accelerator>nvidia-.+)-x(?P<count>\d+)\Z")
"""Our catalogue's names of N1 machines, which have no GPUs of their own."""
_RESERVED = ("cloud.google.com/", "kubernetes.io/", "k8s.io/", "gke.io/")


def render_node_pool(
    request: MachineRequest, settings: GcpSettings, now: datetime
) -> dict[str, Any]:
    """The node pool of CreateNodePool.

    Raises:
        CloudFailure: GKE has no image of that family.
    """
    machine, accelerators = _hardware(request)
    config: dict[str, Any] = {
        "machine_type": machine,
        "image_type": _image(request),
        "labels": {
            key: value
            for key, value in sorted(request.labels.items())
            if not key.startswith(_RESERVED)
        },
        "taints": [
            {"key": taint.key, "value": taint.value, "effect": _EFFECTS[taint.effect]}
            for taint in request.taints
        ],
        "resource_labels": {
            CLUSTER: settings.cluster,
            CLAIM_UID: request.claim_uid,
            CREATED_AT: str(int(now.timestamp())),
        },
    }
    if request.disk_gib:
        config["disk_size_gb"] = request.disk_gib
    if accelerators:
        config["accelerators"] = [accelerators]
    pool: dict[str, Any] = {"name": request.name, "initial_node_count": 1, "config": config}
    if settings.zones:
        pool["locations"] = list(settings.zones)
    return pool


def to_machine(pool: Mapping[str, Any], cluster: str) -> CloudMachine:
    """What a node pool, as JSON, is to us."""
    config = pool.get("config") or {}
    tags = config.get("resource_labels") or {}
    state = _STATES.get(pool.get("status", ""), "creating")
    failure = _failure(pool) if state != "running" else None
    if state == "failed" and failure is None:
        words = pool.get("status_message") or f"node pool {pool['name']} is in ERROR"
        failure = classify_code("", words)
    created = tags.get(CREATED_AT, "")
    return CloudMachine(
        name=pool["name"],
        state=state,
        claim_uid=claim_uid_of(tags, cluster),
        instance_type=_instance_type(config),
        created_at=datetime_from_timestamp(int(created)) if created.isdigit() else None,
        failure=failure,
    )


def _failure(pool: Mapping[str, Any]) -> CloudFailure | None:
    for condition in pool.get("conditions") or ():
        own, canonical = condition.get("code", ""), condition.get("canonical_code", "")
        code = own if own not in ("", "UNKNOWN") else canonical
        return classify_code(code, condition.get("message", "") or pool.get("status_message", ""))
    return None


def _hardware(request: MachineRequest) -> tuple[str, dict[str, Any]]:
    """The machine type, and the accelerators that a pool has to name although the type has them."""
    if attached := _ATTACHED.match(request.instance_type):
        count = int(attached["count"])
        return attached["machine"], _accelerators(attached["accelerator"], count)
    known = find_instance_type(request.instance_type)
    name = _ACCELERATORS.get(known.gpu, "") if known else ""
    if known is None or not name:
        return request.instance_type, {}
    if _MEGA.match(request.instance_type):
        name = "nvidia-h100-mega-80gb"
    return request.instance_type, _accelerators(name, known.gpus)


def _accelerators(name: str, count: int) -> dict[str, Any]:
    return {
        "accelerator_type": name,
        "accelerator_count": count,
        "gpu_driver_installation_config": {"gpu_driver_version": "LATEST"},
    }


def _instance_type(config: Mapping[str, Any]) -> str:
    """As the request named it."""
    machine = str(config.get("machine_type", ""))
    attached = config.get("accelerators") or ()
    if not machine.startswith("n1-") or not attached:
        return machine
    return f"{machine}-{attached[0]['accelerator_type']}-x{attached[0]['accelerator_count']}"


def _image(request: MachineRequest) -> str:
    image = _IMAGES.get(request.image_family.lower())
    if image is None:
        known = ", ".join(filter(None, _IMAGES))
        words = f"GKE has no node image family {request.image_family!r}; known are {known}"
        raise CloudFailure(FailureKind.INVALID, words)
    return image
