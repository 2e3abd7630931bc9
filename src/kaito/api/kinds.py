"""The kinds of kaito.sh in one table: type, definition and rules.

Admission, `kaito validate`, the embedded plane (which installs the CRDs) and the generator of
charts/kaito/crds all read `KINDS`. A new kind is one more entry and no line anywhere else:

    Kind(resource=INFERENCESETS, definition=INFERENCESET, validate=validate_inferenceset)

`resource` is what controllers watch (its version is the stored one), `definition` what the CRD is
made of (`kaito.api.crd.definition`), `validate` a function `(new, old, around) -> FieldErrors`,
where `old` is None on create. It has to skip an object that is being deleted and to forgive, on
update, faults that `old` had already; `forgiving` makes that of a function that only finds faults.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from kaito.api.crd.definition import Definition
from kaito.api.crd.inferenceset import INFERENCESET
from kaito.api.crd.modelmirror import MODELMIRROR
from kaito.api.crd.multirole import MULTIROLE
from kaito.api.crd.ragengine import RAGENGINE
from kaito.api.crd.workspace import WORKSPACE
from kaito.api.field_error import FieldError
from kaito.api.inferenceset import INFERENCESETS
from kaito.api.meta import Manifest, Object
from kaito.api.modelmirror import MODELMIRRORS
from kaito.api.multirole import MULTIROLEINFERENCES
from kaito.api.ragengine import RAGENGINES
from kaito.api.resources import Resource
from kaito.api.validation import Surroundings, validate_workspace
from kaito.api.validation.inferenceset import validate_inferenceset
from kaito.api.validation.modelmirror import validate_modelmirror
from kaito.api.validation.multirole import validate_multirole
from kaito.api.validation.ragengine import validate_ragengine
from kaito.api.workspace import WORKSPACES, Workspace

T = TypeVar("T", bound=Object)

Validate: TypeAlias = Callable[[T, T | None, Surroundings], tuple[FieldError, ...]]
"""Every broken rule of `(new, old, around)`; `old` is None on create."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[T]):
    """One kind."""

    resource: Resource[T]
    definition: Definition
    validate: Validate[T]

    def check(
        self, new: Manifest, old: Manifest | None, around: Surroundings
    ) -> tuple[FieldError, ...]:
        """Every broken rule of an object as JSON; wrong types are field errors, too."""
        try:
            after = msgspec.convert(new, self.resource.type)
        except msgspec.ValidationError as error:
            return (to_field_error(error),)
        return self.validate(after, self._stored(old), around)

    def _stored(self, old: Manifest | None) -> T | None:
        """What was there before; one that cannot be read any more forgives nothing."""
        if old is None:
            return None
        try:
            return msgspec.convert(old, self.resource.type)
        except msgspec.ValidationError:
            return None


def forgiving(
    faults: Callable[[T, Surroundings], Iterable[FieldError]],
    changes: Callable[[T, T], Iterable[FieldError]],
) -> Validate[T]:
    """The `Validate` of two functions: what is wrong with an object, and what may not change."""

    def validate(new: T, old: T | None, around: Surroundings) -> tuple[FieldError, ...]:
        if new.metadata.is_deleting:
            return ()
        found = tuple(faults(new, around))
        if old is None:
            return found
        known = frozenset(faults(old, around)) if found else frozenset()
        return (*changes(new, old), *(error for error in found if error not in known))

    return validate


def to_field_error(error: msgspec.ValidationError) -> FieldError:
    """A wrong type as a field error: `Expected x, got y - at $.a[0].b` is about `a[0].b`."""
    said, _, where = str(error).partition(" - at `$")
    return FieldError(where.removesuffix("`").removeprefix("."), said.replace("`", ""))


def _workspace(
    new: Workspace, old: Workspace | None, around: Surroundings
) -> tuple[FieldError, ...]:
    return validate_workspace(new, old, around=around)


KINDS: tuple[Kind[Any], ...] = (
    Kind(resource=WORKSPACES, definition=WORKSPACE, validate=_workspace),
    Kind(resource=INFERENCESETS, definition=INFERENCESET, validate=validate_inferenceset),
    Kind(resource=RAGENGINES, definition=RAGENGINE, validate=validate_ragengine),
    Kind(resource=MODELMIRRORS, definition=MODELMIRROR, validate=validate_modelmirror),
    Kind(resource=MULTIROLEINFERENCES, definition=MULTIROLE, validate=validate_multirole),
)


def find_kind(group: str, kind: str) -> Kind[Any] | None:
    """The kind of that group and name, whatever its version; None when it is none of ours."""
    for known in KINDS:
        if (known.definition.group, known.definition.kind) == (group, kind):
            return known
    return None


def kind_of_resource(resource: str) -> Kind[Any] | None:
    """The kind served as `plural.group`; None when it is none of ours."""
    for known in KINDS:
        if known.definition.name == resource:
            return known
    return None
