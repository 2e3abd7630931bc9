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


class MirrorStorage(Wire):
    """Where the weights are kept."""

    size: str
    """Size of the volume, such as 107Gi."""
    storage_class_name: str = ""
    """Class of the volume."""


class ModelMirrorSpec(Wire):
    """A model, and where to keep it."""

    mode: Literal["Managed", "Static"] = "Managed"
    """`Managed` downloads the weights to a volume, `Static` stands for storage with them in it."""
    source: MirrorSource | None = None
    """Where the weights come from; required when Managed, not allowed when Static."""
    storage: MirrorStorage | None = None
    """Where the weights are kept; required when Managed, not allowed when Static."""
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
