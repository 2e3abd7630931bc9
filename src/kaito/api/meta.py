"""The parts of Kubernetes' meta/v1 that objects of every kind share, as frozen structs.

These are projections: decoding reads only the fields named here and skips the rest, which is what
keeps a cached object small. Whatever we write goes out as a plain manifest instead.
"""

from datetime import datetime
from typing import Any, NamedTuple, TypeAlias, dataclass_transform

import msgspec

Manifest: TypeAlias = dict[str, Any]
"""An object as JSON: what is sent to, and kept by, an API server."""


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class WireMeta(msgspec.StructMeta):
    """Makes every wire struct frozen and keyword-only without each having to say so."""

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> "WireMeta":
        """Create the struct with the project's options."""
        return super().__new__(mcls, name, bases, namespace, frozen=True, kw_only=True, **options)


class Wire(msgspec.Struct, metaclass=WireMeta, rename="camel", omit_defaults=True):
    """A frozen struct with camelCase names on the wire; fields at their default are left out."""


class Key(NamedTuple):
    """What names one object of a known kind. `namespace` is empty for cluster-scoped kinds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """`namespace/name`, or the bare name when there is no namespace."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class OwnerReference(Wire):
    """Who an object belongs to; it is collected when its last owner is gone."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(Wire):
    """The identity and bookkeeping of an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """The namespace and name."""
        return Key(self.namespace, self.name)

    @property
    def controller(self) -> OwnerReference | None:
        """The one owner that manages this object, if it has one."""
        return next((owner for owner in self.owner_references if owner.controller), None)

    @property
    def is_deleting(self) -> bool:
        """Whether deletion has begun and only finalizers or grace hold the object."""
        return self.deletion_timestamp is not None


class Object(Wire):
    """Any object, seen only by its identity. The kinds we read extend it."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()

    @property
    def key(self) -> Key:
        """The namespace and name."""
        return self.metadata.key


class Condition(Wire):
    """One observation about an object (metav1.Condition): `status` is True, False or Unknown."""

    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None
    observed_generation: int = 0

    @property
    def is_true(self) -> bool:
        """Whether the condition holds."""
        return self.status == "True"


def owner_reference(owner: Object) -> Manifest:
    """The reference that makes `owner` the controller of what carries it."""
    return {
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
