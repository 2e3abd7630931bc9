"""The volume of a ModelMirror, and the Job that fills it. Pure.

| what | name | |
|---|---|---|
| PersistentVolumeClaim | <mirror> | in spec.jobNamespace |
| Job | <mirror>-download-<n> | the n-th try; the program of every pod's weights |
| on the volume | <org>--<model>/ | as that program leaves a model's folder |
"""

from collections.abc import Mapping

from kaito.api import labels, runtime
from kaito.api.meta import Manifest, owner_reference
from kaito.api.modelmirror import MirrorSource, ModelMirror
from kaito.api.runtime import WeightsArguments
from kaito.api.weight_source import HubSource
from kaito.catalog.lookup import PRESETS
from kaito.render.containers import program_environment
from kaito.render.security import container_security, pod_security
from kaito.render.served_model import MirrorVolume
from kaito.render.settings import RenderSettings
from kaito.render.volumes import SCRATCH, WEIGHTS, scratch_mounts

MIRROR_MOUNT = "/mnt/mirror"
DEFAULT_NAMESPACE = "default"
_SHARED = (
    "file.csi.azure.com", "blob.csi.azure.com", "efs.csi.aws.com", "fsx.csi.aws.com",
    "filestore.csi.storage.gke.io", "gcsfuse.csi.storage.gke.io", "lustre.csi.storage.gke.io",
    "nfs.csi.k8s.io", "smb.csi.k8s.io", "cephfs.csi.ceph.com", "csi.juicefs.com",
    "driver.longhorn.io", "org.democratic-csi.nfs", "csi.trident.netapp.io",
)  # fmt: skip
"""Provisioners whose volumes many nodes may write at once; Rook puts its namespace before Ceph's.
Taken from each driver's own documentation."""
_RETRIES = 3
_KEPT_SECONDS = 24 * 3600


def mirror_namespace(mirror: ModelMirror) -> str:
    """Where its volume and its download are."""
    return (mirror.spec.job_namespace if mirror.spec else "") or DEFAULT_NAMESPACE


def mirror_volume(mirror: ModelMirror) -> MirrorVolume:
    """What pods mount."""
    annotations, name = mirror.metadata.annotations, mirror.metadata.name
    source = mirror.spec.source if mirror.spec else None
    if source is not None:
        return MirrorVolume(claim=name, path=mirror_folder(source))
    return MirrorVolume(
        claim=annotations.get(labels.MIRROR_CLAIM, name),
        path=annotations.get(labels.MIRROR_PATH, "").strip("/"),
    )


def mirror_folder(source: MirrorSource) -> str:
    """The folder of a managed mirror's model: a hub's name as one path component."""
    return source.model_id.replace("/", "--")


def mounted_volume(pod: Manifest, preset_name: str) -> MirrorVolume | None:
    """The volume from which the pod of a template serves that preset; None where it fetches it."""
    sources = (v for v in pod.get("volumes") or () if v["name"] == WEIGHTS)
    source: Manifest = next(sources, {})
    claim = (source.get("persistentVolumeClaim") or {}).get("claimName")
    folder = runtime.model_folder(runtime.WEIGHTS_MOUNT, preset_name)
    for container in pod.get("containers") or ():
        for mount in container.get("volumeMounts") or ():
            if claim and mount["name"] == WEIGHTS and mount["mountPath"] == folder:
                return MirrorVolume(claim=claim, path=mount.get("subPath") or "")
    return None


def access_mode(provisioner: str, annotations: Mapping[str, str]) -> str:
    """ReadWriteMany where the storage class is known to have it.

    A claim cannot be changed later, and one that asks for what its class lacks is never bound.
    """
    if asked := annotations.get(labels.MIRROR_ACCESS):
        return asked
    return "ReadWriteMany" if provisioner.endswith(_SHARED) else "ReadWriteOnce"


def render_claim(mirror: ModelMirror, mode: str) -> Manifest:
    """The volume; it goes with its mirror."""
    assert mirror.spec is not None
    assert mirror.spec.storage is not None
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _metadata(mirror, mirror.metadata.name),
        "spec": {
            "accessModes": [mode],
            "storageClassName": mirror.spec.storage.storage_class_name,
            "resources": {"requests": {"storage": mirror.spec.storage.size}},
        },
    }


def download_name(mirror: ModelMirror, number: int) -> str:
    """The Job of one try."""
    return f"{mirror.metadata.name}-download-{number}"


def render_download(mirror: ModelMirror, number: int, settings: RenderSettings) -> Manifest:
    """The Job that fills the volume; what an earlier one has fetched is not fetched again."""
    assert mirror.spec is not None
    assert mirror.spec.source is not None
    own = {labels.MODEL_MIRROR_NAME: mirror.metadata.name}
    pod: Manifest = {
        "containers": [_render_program(mirror.spec.source, settings)],
        "volumes": [
            {"name": WEIGHTS, "persistentVolumeClaim": {"claimName": mirror.metadata.name}},
            *([{"name": SCRATCH, "emptyDir": {}}] if settings.has_containers else []),
        ],
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 5,
        "automountServiceAccountToken": bool(mirror.spec.service_account_name),
        "securityContext": pod_security(),
    }
    if mirror.spec.service_account_name:
        pod["serviceAccountName"] = mirror.spec.service_account_name
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(mirror, download_name(mirror, number)),
        "spec": {
            "backoffLimit": _RETRIES,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {
                "metadata": {
                    "labels": own,
                    "annotations": {labels.REPORT_PORT: str(runtime.HTTP_PORT)},
                },
                "spec": pod,
            },
        },
    }


def _render_program(source: MirrorSource, settings: RenderSettings) -> Manifest:
    arguments = WeightsArguments(
        key=mirror_folder(source), root=MIRROR_MOUNT, source=_sources(source.model_id)
    )
    return {
        "name": "weights",
        "image": settings.serving_image,
        "command": list(runtime.WEIGHTS_COMMAND),
        "args": list(arguments.to_argv()),
        "env": [*program_environment(settings), *_token(source)],
        "volumeMounts": [
            {"name": WEIGHTS, "mountPath": MIRROR_MOUNT},
            *scratch_mounts(settings),
        ],
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
        "securityContext": container_security(),
    }


def _sources(model_id: str) -> tuple[str, ...]:
    """At the revision that the catalogue has, where it has the model."""
    preset = next((p for p in PRESETS if p.hub_id.lower() == model_id.lower()), None)
    if preset is None:
        return (str(HubSource(model_id)),)
    hub = str(HubSource(preset.hub_id, preset.revision))
    return (hub, f"package:{preset.package}") if preset.package else (hub,)


def _token(source: MirrorSource) -> list[Manifest]:
    if source.access_secret is None:
        return []
    reference = {"name": source.access_secret.name, "key": runtime.ENV_HUB_AUTH}
    return [{"name": runtime.ENV_HUB_AUTH, "valueFrom": {"secretKeyRef": reference}}]


def _metadata(mirror: ModelMirror, name: str) -> Manifest:
    return {
        "name": name,
        "namespace": mirror_namespace(mirror),
        "labels": {labels.MODEL_MIRROR_NAME: mirror.metadata.name},
        "ownerReferences": [owner_reference(mirror)],
    }
