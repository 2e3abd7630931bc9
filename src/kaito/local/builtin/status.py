"""Status writes that say only what changed, and nothing when nothing did."""

from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec

from kaito.api.meta import Condition, Manifest, ObjectMeta, Wire
from kaito.api.resources import Resource
from kaito.kube.controller.decision import StatusWrite

C = TypeVar("C", bound=Condition)


class HasStatus(Protocol):
    """An object with a status."""

    @property
    def metadata(self) -> ObjectMeta:
        """Its identity."""
        ...

    @property
    def status(self) -> Wire:
        """What was last observed of it."""
        ...


def status_write(resource: Resource[Any], item: HasStatus, new: Wire) -> StatusWrite | None:
    """The write that turns the item's status into `new`; None when it is that already."""
    if new == item.status:
        return None
    return StatusWrite(
        resource=resource,
        key=item.metadata.key,
        resource_version=item.metadata.resource_version,
        status=status_patch(item.status, new),
    )


def status_patch(old: Wire, new: Wire) -> Manifest:
    """The merge patch from `old` to `new`.

    Fields at their default are left out on the wire, so one that returns to its default has to be
    removed with null.
    """
    before, after = to_manifest(old), to_manifest(new)
    gone = dict.fromkeys(before.keys() - after.keys())
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    return {**changed, **gone}


def to_manifest(value: Wire) -> Manifest:
    """A wire struct as JSON; conditions always say their status, also when it is the default."""
    manifest: Manifest = msgspec.to_builtins(value)
    for condition in manifest.get("conditions", ()):
        condition.setdefault("status", "Unknown")
    return manifest


def find_condition(conditions: tuple[C, ...], type_: str) -> C | None:
    """The condition of that type, if it was ever reported."""
    return next((c for c in conditions if c.type == type_), None)


def with_condition(conditions: tuple[C, ...], new: C) -> tuple[C, ...]:
    """The conditions with one set; its transition time stays while its status does."""
    old = find_condition(conditions, new.type)
    if old is None:
        return (*conditions, new)
    if old.status == new.status:
        new = msgspec.structs.replace(new, last_transition_time=old.last_transition_time)
    return tuple(new if c.type == new.type else c for c in conditions)


def whole_seconds(moment: datetime) -> datetime:
    """The moment as Kubernetes stores times; what is finer would never compare equal again."""
    return moment.replace(microsecond=0)
