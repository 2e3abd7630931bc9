"""What the agent reads of a pod's volumes: the sources that a folder of this machine can stand for.

A volume of any other kind reads as one without a source, which is refused when it is mounted.
Field meanings:
https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume/.
"""

import msgspec

from kaito.api.meta import Manifest, Wire


class KeyToPath(Wire):
    """One key, and the relative path of the file it becomes."""

    key: str
    path: str
    mode: int | None = None


class ConfigMapSource(Wire):
    """The keys of a ConfigMap as files; no items means every key."""

    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class SecretSource(Wire):
    """The keys of a Secret as files; a volume says `secretName`, a projection says `name`."""

    secret_name: str = ""
    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class FieldSelector(Wire):
    """A field of the pod, such as `metadata.labels`."""

    field_path: str


class ResourceSelector(Wire):
    """A request or limit of one container."""

    container_name: str
    resource: str
    divisor: str | int | float = "1"


class DownwardItem(Wire):
    """One file that holds a field of the pod."""

    path: str
    field_ref: FieldSelector | None = None
    resource_field_ref: ResourceSelector | None = None
    mode: int | None = None


class DownwardSource(Wire):
    """Fields of the pod as files."""

    items: tuple[DownwardItem, ...] = ()
    default_mode: int | None = None


class ProjectedItem(Wire):
    """One of the sources that are laid into one folder; exactly one is set."""

    config_map: ConfigMapSource | None = None
    secret: SecretSource | None = None
    downward_api: DownwardSource | None = msgspec.field(default=None, name="downwardAPI")
    service_account_token: Manifest | None = None


class ProjectedSource(Wire):
    """Several sources in one folder."""

    sources: tuple[ProjectedItem, ...] = ()
    default_mode: int | None = None


class EmptyDirSource(Wire):
    """A folder that lives as long as the pod; `Memory` puts it in RAM."""

    medium: str = ""


class HostPathSource(Wire):
    """A path of this machine."""

    path: str
    type: str = ""


class ClaimSource(Wire):
    """A PersistentVolumeClaim of the pod's namespace."""

    claim_name: str
    read_only: bool = False


class EphemeralSource(Wire):
    """A claim that the pod owns; it is named after the pod and the volume."""

    volume_claim_template: Manifest = {}


class Volume(Wire):
    """A named volume; exactly one source is set."""

    name: str
    empty_dir: EmptyDirSource | None = None
    host_path: HostPathSource | None = None
    config_map: ConfigMapSource | None = None
    secret: SecretSource | None = None
    projected: ProjectedSource | None = None
    downward_api: DownwardSource | None = msgspec.field(default=None, name="downwardAPI")
    persistent_volume_claim: ClaimSource | None = None
    ephemeral: EphemeralSource | None = None
