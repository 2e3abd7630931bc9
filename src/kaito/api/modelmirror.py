"""The ModelMirror kind, kaito.sh/v1alpha1, cluster-scoped: a model's weights kept in a cluster.

Field meanings follow KAITO 0.12.
"""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from kaito.api import labels
from kaito.api.meta import Condition, Object, Wire
from kaito.api.resources import Resource

Count64: TypeAlias = Annotated[int, Meta(extra_json_schema={"format": "int64"})]


class ObjectReference(Wire):
    """An object in any namespace; only name and namespace have an effect."""

    api_version: str = ""
    """Its group and version."""
    kind: str = ""
    """Its kind."""
    namespace: str = ""
    """Its namespace."""
    name: str = ""
    """Its name."""
    uid: str = ""
    """Its uid."""
    resource_version: str = ""
    """Its revision."""
    field_path: str = ""
    """A part of it."""


class MirrorSource(Wire):
    """Where the weights come from."""

    registry: Literal["huggingface"]
    """The hub that has the model."""
    model_id: str = msgspec.field(name="modelID")
    """The model on that hub, such as microsoft/phi-4."""
    access_secret: ObjectReference | None = None
    """Secret whose key HF_TOKEN opens a gated model."""


class MirrorBucket(Wire):
    """A folder of a bucket that speaks Amazon S3's protocol."""

    url: str
    """The bucket and the folder of this model, such as s3://models/phi-4."""
    endpoint: str = ""
    """Where the service answers, such as https://minio.example.com:9000; Amazon's when empty."""
    region: str = ""
    """Its region, where the service has several."""
    secret_name: str = ""
    """Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, where they are needed with
    AWS_SESSION_TOKEN and ca.crt, in the namespace of whoever reads or writes the bucket. When
    empty: the login that the pod's ServiceAccount gives, or none, for a bucket that everybody may
    read."""
    reader_secret_name: str = ""
    """Secret of the same keys with a login that can only read, in the namespaces of the Workspaces
    that use the mirror; their pods then have no other."""
    reader_service_account_name: str = ""
    """ServiceAccount of those Workspaces' pods, whose login can only read; they then have neither
    the mirror's ServiceAccount nor its Secret."""


class MirrorStorage(Wire):
    """Where the weights are kept: on a volume, or in a bucket."""

    size: str = ""
    """Size of the volume, such as 107Gi; with a bucket the most that may lie on the node's disk
    while the weights are on their way there."""
    storage_class_name: str = ""
    """Class of the volume; when empty the one that the operator was told."""
    bucket: MirrorBucket | None = None
    """Instead of a volume."""


class ModelMirrorSpec(Wire):
    """A model, and where to keep it."""

    mode: Literal["Managed", "Static"] = "Managed"
    """`Managed` downloads the weights to a volume, `Static` stands for storage with them in it."""
    source: MirrorSource | None = None
    """Where the weights come from; required when Managed, not allowed when Static."""
    storage: MirrorStorage | None = None
    """Where the weights are kept; required when Managed, only for a bucket when Static."""
    job_namespace: str = ""
    """Namespace in which the download runs."""
    service_account_name: str = ""
    """ServiceAccount under which the download runs."""


class MirrorDownload(Wire):
    """A download under way."""

    speed_bytes_per_second: Count64
    """How fast it is."""
    remaining_seconds: Count64
    """How long it still takes; -1 when that is not known."""


class ModelMirrorStatus(Wire):
    """What was observed."""

    phase: Literal["Pending", "Ready"] | None = None
    """Whether the weights can be used."""
    model_path: str = ""
    """Where the weights lie in the storage."""
    conditions: tuple[Condition, ...] = ()
    """What holds and what does not, each with its reason."""
    failure_message: str = ""
    """Why the last download failed."""
    last_download_time: datetime | None = None
    """When the weights were complete."""
    download: MirrorDownload | None = None
    """A download under way."""


class ModelMirror(Object):
    """A model's weights, kept where every Workspace of the cluster can stream them from."""

    spec: ModelMirrorSpec | None = None
    """A model, and where to keep it. Cannot be changed."""
    status: ModelMirrorStatus = ModelMirrorStatus()
    """What was observed."""


MODELMIRRORS = Resource(
    group=labels.GROUP,
    version="v1alpha1",
    plural="modelmirrors",
    kind="ModelMirror",
    type=ModelMirror,
    namespaced=False,
)

MIRROR_READY = "Ready"


def bucket_of(mirror: ModelMirror) -> MirrorBucket | None:
    """The bucket that has the weights; None where it is a volume."""
    storage = mirror.spec.storage if mirror.spec else None
    return storage.bucket if storage is not None else None
