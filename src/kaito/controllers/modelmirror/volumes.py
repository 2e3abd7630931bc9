"""Kubernetes' kinds of storage, as far as a mirror needs them."""

from kaito.api.core import STORAGE_CLASSES
from kaito.api.meta import Object, Wire
from kaito.api.resources import Resource, reading


class ClaimStatus(Wire):
    """What was observed of a claim."""

    phase: str = "Pending"


class ClaimSpec(Wire):
    """What was asked for."""

    access_modes: tuple[str, ...] = ()


class Claim(Object):
    """A PersistentVolumeClaim."""

    spec: ClaimSpec = ClaimSpec()
    status: ClaimStatus = ClaimStatus()

    @property
    def is_for_one_node(self) -> bool:
        """Whether only the pods of one node at a time can mount it."""
        modes = self.spec.access_modes
        return bool(modes) and all(mode.startswith("ReadWriteOnce") for mode in modes)


class StorageClass(Object):
    """A kind of volume that a cluster can make."""

    provisioner: str = ""


CLAIMS = Resource(
    group="", version="v1", plural="persistentvolumeclaims", kind="PersistentVolumeClaim",
    type=Claim,
)  # fmt: skip
CLASSES = reading(STORAGE_CLASSES, StorageClass)
