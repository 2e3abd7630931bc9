"""The volume of a ModelMirror, and the Job that fills it, or its bucket. Pure.

| what | name | |
|---|---|---|
| PersistentVolumeClaim | <mirror> | in spec.jobNamespace; none with a bucket |
| Job | <mirror>-download-<n>, cut to 63 | the n-th try; the program of every pod's weights |
| on the volume | <org>--<model>/ | as that program leaves a model's folder |

With a bucket the program sends there what it has fetched, from a folder that lives as long as its
pod does; of a static one it looks whether there is a model.
"""

from collections.abc import Mapping

from kaito.api import labels, runtime
from kaito.api.meta import Manifest, owner_reference
from kaito.api.modelmirror import MirrorSource, ModelMirror, bucket_of
from kaito.api.runtime import MirrorArguments, WeightsArguments
from kaito.api.validation.names import LONGEST_LABEL
from kaito.api.weight_source import HubSource
from kaito.catalog.lookup import PRESETS
from kaito.render.bucket import bucket_account, bucket_environment, mirror_bucket
from kaito.render.containers import program_environment
from kaito.render.security import container_security, pod_security
from kaito.render.served_model import MirrorBucket, MirrorVolume
from kaito.render.settings import RenderSettings
from kaito.render.stamp import content_hash
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


def render_claim(mirror: ModelMirror, mode: str, *, default_class: str = "") -> Manifest:
    """The volume; it goes with its mirror. `default_class` is for mirrors that name none."""
    assert mirror.spec is not None
    assert mirror.spec.storage is not None
    class_name = mirror.spec.storage.storage_class_name or default_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _metadata(mirror, mirror.metadata.name),
        "spec": {
            "accessModes": [mode],
            **({"storageClassName": class_name} if class_name else {}),
            "resources": {"requests": {"storage": mirror.spec.storage.size}},
        },
    }


def download_name(mirror: ModelMirror, number: int) -> str:
    """The Job of one try. Its pods' label `job-name` is as long as a label may be, not longer."""
    name, tail = mirror.metadata.name, f"-download-{number}"
    if len(name) + len(tail) > LONGEST_LABEL:
        digest = content_hash(name)
        name = f"{name[: LONGEST_LABEL - len(tail) - len(digest) - 1].rstrip('-.')}-{digest}"
    return f"{name}{tail}"


def render_download(mirror: ModelMirror, number: int, settings: RenderSettings) -> Manifest:
    """The Job that fills the volume; what an earlier one has fetched is not fetched again."""
    assert mirror.spec is not None
    own = {labels.MODEL_MIRROR_NAME: mirror.metadata.name}
    bucket = mirror_bucket(mirror, settings)
    scratch = [{"name": SCRATCH, "emptyDir": {}}] if settings.has_containers else []
    pod: Manifest = {
        "containers": [_render_program(mirror, bucket, settings)],
        "volumes": [*_render_room(mirror), *scratch],
        # What is on the way to a bucket lies in the pod: it is started again in its place.
        "restartPolicy": "Never" if bucket is None else "OnFailure",
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
                "spec": {**pod, **bucket_account(bucket)},
            },
        },
    }


def _render_room(mirror: ModelMirror) -> list[Manifest]:
    """Where the weights go, or wait for their way to the bucket; none are fetched for a look."""
    assert mirror.spec is not None
    if bucket_of(mirror) is None:
        claim = {"claimName": mirror.metadata.name}
        return [{"name": WEIGHTS, "persistentVolumeClaim": claim}]
    if mirror.spec.source is None:
        return []
    size = mirror.spec.storage.size if mirror.spec.storage else ""
    return [{"name": WEIGHTS, "emptyDir": {"sizeLimit": size} if size else {}}]


def _render_program(
    mirror: ModelMirror, bucket: MirrorBucket | None, settings: RenderSettings
) -> Manifest:
    source = mirror.spec.source if mirror.spec else None
    room = [{"name": WEIGHTS, "mountPath": MIRROR_MOUNT}] if source is not None else []
    requests = {"cpu": settings.mirror_cpu, "memory": settings.mirror_memory}
    return {
        "name": "weights",
        "image": settings.serving_image,
        **_render_command(mirror, bucket),
        "env": [*program_environment(settings), *_token(source), *bucket_environment(bucket)],
        "volumeMounts": [*room, *scratch_mounts(settings)],
        "resources": {"requests": requests},
        "securityContext": container_security(),
    }


def _render_command(mirror: ModelMirror, bucket: MirrorBucket | None) -> Manifest:
    source = mirror.spec.source if mirror.spec else None
    found = _sources(source.model_id) if source is not None else ()
    if bucket is None:
        assert source is not None
        key = mirror_folder(source)
        arguments = WeightsArguments(key=key, root=MIRROR_MOUNT, source=found)
        return {"command": list(runtime.WEIGHTS_COMMAND), "args": list(arguments.to_argv())}
    filling = MirrorArguments(bucket=bucket.source)
    if source is not None:
        key = mirror_folder(source)
        owner = f"ModelMirror {mirror.metadata.name} (uid {mirror.metadata.uid})"
        filling = MirrorArguments(
            bucket=bucket.source, key=key, root=MIRROR_MOUNT, source=found, owner=owner
        )
    # The verb is the command's, so that the arguments are options only.
    return {"command": list(runtime.MIRROR_COMMAND), "args": list(filling.to_argv())}


def _sources(model_id: str) -> tuple[str, ...]:
    """At the revision that the catalogue has, where it has the model."""
    preset = next((p for p in PRESETS if p.hub_id.lower() == model_id.lower()), None)
    if preset is None:
        return (str(HubSource(model_id)),)
    hub = str(HubSource(preset.hub_id, preset.revision))
    return (hub, f"package:{preset.package}") if preset.package else (hub,)


def _token(source: MirrorSource | None) -> list[Manifest]:
    if source is None or source.access_secret is None:
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
