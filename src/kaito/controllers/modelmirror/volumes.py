"""Kubernetes' kinds of storage, as far as a mirror needs them."""

from kaito.api.core import STORAGE_CLASSES
from kaito.api.meta import Object, Wire
from kaito.api.resources import Resource, reading


class ClaimStatus(Wire):
    """What was observed of a claim."""

    phase: str = "Pending"


class Claim(Object):
    """A PersistentVolumeClaim."""

    status: ClaimStatus = ClaimStatus()


class StorageClass(Object):
    """A kind of volume that a cluster can make."""

    provisioner: str = ""


CLAIMS = Resource(
    group="", version="v1", plural="persistentvolumeclaims", kind="PersistentVolumeClaim",
    type=Claim,
)  # fmt: skip
CLASSES = reading(STORAGE_CLASSES, StorageClass)
