"""The volumes of a preset's pods: weights, shared memory, the user's configuration, scratch."""

from kaito.api import runtime
from kaito.api.meta import Manifest
from kaito.api.workspace import Workspace
from kaito.base.quantity import GIB, to_mebibytes
from kaito.render.adapters import adapter_mounts, adapter_volumes
from kaito.render.protection import protection_mounts, protection_volumes
from kaito.render.served_model import ServedModel
from kaito.render.settings import RenderSettings

WEIGHTS, SHARED_MEMORY, SCRATCH, CONFIG = "model-weights-volume", "dshm", "scratch", "config-volume"
_SCRATCH_BYTES = 20 * GIB
"""Compiled kernels and graphs; measured at under 2 GiB for one model, Ray's logs beside them."""


def render_volumes(
    workspace: Workspace, model: ServedModel, settings: RenderSettings
) -> list[Manifest]:
    """The pod's volumes, without the one that a claim template brings."""
    assert workspace.inference is not None
    volumes: list[Manifest] = []
    if model.nvme is None:
        volumes.append({"name": WEIGHTS, **_weights_source(model, settings)})
    volumes.append({"name": SHARED_MEMORY, "emptyDir": {"medium": "Memory", **_shared(model)}})
    if settings.has_containers:
        limit = {"sizeLimit": to_mebibytes(_SCRATCH_BYTES)}
        volumes.append({"name": SCRATCH, "emptyDir": limit})
    if config := workspace.inference.config:
        volumes.append({"name": CONFIG, "configMap": {"name": config}})
    volumes += adapter_volumes(workspace, model.adapters)
    volumes += protection_volumes(workspace)
    return volumes


def render_claim_templates(model: ServedModel) -> list[Manifest]:
    """The claim for a node's own NVMe disk, where the machine and the cluster have it."""
    if model.nvme is None:
        return []
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": WEIGHTS},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": model.nvme.storage_class,
                "resources": {"requests": {"storage": to_mebibytes(model.nvme.size_bytes)}},
            },
        }
    ]


def server_mounts(
    workspace: Workspace, model: ServedModel, settings: RenderSettings
) -> list[Manifest]:
    """Where the server finds them."""
    assert workspace.inference is not None
    mounts: list[Manifest] = [
        _weights_mount(model),
        {"name": SHARED_MEMORY, "mountPath": "/dev/shm"},  # noqa: S108
        *scratch_mounts(settings),
    ]
    if workspace.inference.config:
        mounts.append({"name": CONFIG, "mountPath": runtime.CONFIG_MOUNT, "readOnly": True})
    mounts += adapter_mounts(model.adapters)
    mounts += protection_mounts(workspace)
    return mounts


def scratch_mounts(settings: RenderSettings) -> list[Manifest]:
    """The writable folder that a read-only root needs."""
    if not settings.has_containers:
        return []
    return [{"name": SCRATCH, "mountPath": runtime.SCRATCH_MOUNT}]


def _weights_mount(model: ServedModel) -> Manifest:
    if model.mirror is None:
        return {"name": WEIGHTS, "mountPath": runtime.WEIGHTS_MOUNT, "readOnly": True}
    folder = runtime.model_folder(runtime.WEIGHTS_MOUNT, model.preset.name)
    below = {"subPath": model.mirror.path} if model.mirror.path else {}
    return {"name": WEIGHTS, "mountPath": folder, **below, "readOnly": True}


def _weights_source(model: ServedModel, settings: RenderSettings) -> Manifest:
    if model.mirror is not None:
        return {"persistentVolumeClaim": {"claimName": model.mirror.claim, "readOnly": True}}
    if settings.weights_path:
        return {"hostPath": {"path": settings.weights_path, "type": "DirectoryOrCreate"}}
    return {"emptyDir": {"sizeLimit": to_mebibytes(model.disk_bytes)}}


def _shared(model: ServedModel) -> Manifest:
    """Room for the queues between the engine's processes, which grow with their number."""
    gpus = max(model.plan.gpus_per_node, 1)
    return {"sizeLimit": to_mebibytes((2 + 2 * gpus) * GIB)}
