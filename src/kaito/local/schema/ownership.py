"""Who owns which field: server-side apply, and `metadata.managedFields` for every other write.

An applier owns exactly the fields of its last configuration; anyone else owns what it last changed.
Changing a field that another owns is a conflict for an applier (unless forced) and a take-over for
everyone else. Semantics: https://kubernetes.io/docs/reference/using-api/server-side-apply/. Applies
that involve `status` of a resource with a status subresource: the caller drops `status` from what
is applied to the main resource; for `subresource="status"` all but `status` is dropped here.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from kaito.api.meta import Manifest
from kaito.base.clock import to_rfc3339
from kaito.base.errors import KaitoError
from kaito.local.schema.defaults import to_quantity_text
from kaito.local.schema.field_paths import to_display
from kaito.local.schema.field_set import FieldSet
from kaito.local.schema.field_walk import Difference, compare, fields_of
from kaito.local.schema.managed_fields import (
    BEFORE_FIRST_APPLY,
    Manager,
    is_reset,
    parse_managers,
    tracked,
    with_managers,
)
from kaito.local.schema.merging import drop_abandoned, merge
from kaito.local.schema.patch_errors import PatchError
from kaito.local.schema.structure import Json, Schema

_IDENTITY = frozenset({"apiVersion", "kind", "metadata"})
_SERVER_METADATA = frozenset(
    {
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "selfLink",
        "managedFields",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One field another manager owns.

    `manager` is described as in Kubernetes' message (`"kubectl" using apps/v1`, quotes included);
    `path` is shown as `.spec.replicas`.
    """

    manager: str
    path: str

    @property
    def cause(self) -> Manifest:
        """The entry for `details.causes` of the 409 Status."""
        return {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {self.manager}",
            "field": self.path,
        }


class ApplyConflict(KaitoError):
    """Other managers own fields that the apply would change; `str()` is Kubernetes' 409 message."""

    def __init__(self, conflicts: tuple[Conflict, ...]) -> None:
        super().__init__(_conflict_message(conflicts))
        self.conflicts = conflicts


@dataclass(frozen=True, slots=True, kw_only=True)
class SsaResult:
    """What a server-side apply leads to. `changed` is False when nothing needs to be written."""

    manifest: Manifest
    changed: bool


def apply_ssa(  # noqa: PLR0913
    *,
    live: Manifest | None,
    applied: Manifest,
    manager: str,
    schema: Schema,
    force: bool,
    operation_time: datetime,
    api_version: str,
    subresource: str = "",
) -> SsaResult:
    """The object after `manager` applied the configuration `applied`.

    `live` is None when the object does not exist yet. The result has managedFields, and is neither
    defaulted nor validated.

    Raises:
        ApplyConflict: others own fields that would change, and `force` is off.
        PatchError: the configuration carries managedFields, or repeats the key of a list item.
    """
    if (applied.get("metadata") or {}).get("managedFields"):
        raise PatchError("metadata.managedFields must be nil")
    current = live or {}
    config = _relevant(_stated(applied, schema), subresource)
    applier = Manager(
        name=manager,
        operation="Apply",
        api_version=api_version,
        fields=fields_of(schema, config, containers=False),
        time=to_rfc3339(operation_time),
        subresource=subresource,
    )
    known = _known_managers(current, applier, schema)
    last = next((m for m in known if m.identity == applier.identity), None)
    others = [m for m in known if m is not last]
    merged = _merge_and_prune(schema, current, config, (applier, last, others))
    difference = _tracked_difference(compare(schema, current, merged))
    if not force:
        _refuse_conflicts(others, difference)
    applier = _settled(applier.with_fields(tracked(applier.fields)), last)
    managers = (*_surrendered(others, difference), applier)
    result = with_managers(merged, managers)
    return SsaResult(manifest=result, changed=result != current)


def track_update(  # noqa: PLR0913
    *,
    old: Manifest | None,
    new: Manifest,
    manager: str,
    operation: Literal["Update"] = "Update",
    schema: Schema,
    time: datetime,
    api_version: str,
    subresource: str = "",
) -> Manifest:
    """`new` with managedFields brought up to date, for every write but an apply.

    `old` is None on create. `manager` comes to own what differs between the two, and the others
    lose it. What `new` itself says in managedFields counts unless it says nothing (or comes through
    a subresource); a single empty entry there forgets all managers.
    """
    if old is None:
        difference = Difference(fields_of(schema, new, containers=True))
    else:
        difference = compare(schema, old, new)
    difference = _tracked_difference(difference)
    known = _stated_managers(old, new, subresource)
    writer = Manager(
        name=manager,
        operation=operation,
        api_version=api_version,
        fields=difference.changed,
        time=to_rfc3339(time),
        subresource=subresource,
    )
    last = next((m for m in known if m.identity == writer.identity), None)
    others = [m for m in known if m is not last]
    if last is not None:
        remaining = last.fields.without(difference.removed)
        writer = writer.with_fields(remaining.union(difference.changed))
    return with_managers(new, (*_surrendered(others, difference), _settled(writer, last)))


def _known_managers(live: Manifest, applier: Manager, schema: Schema) -> tuple[Manager, ...]:
    known = parse_managers(live)
    if known or not live:
        return known
    # Fields of an object that nobody was tracked for must not silently become the applier's.
    return (
        replace(
            applier,
            name=BEFORE_FIRST_APPLY,
            operation="Update",
            fields=tracked(fields_of(schema, live, containers=True)),
        ),
    )


def _stated_managers(old: Manifest | None, new: Manifest, subresource: str) -> tuple[Manager, ...]:
    if not subresource:
        if is_reset(new):
            return ()
        if stated := parse_managers(new):
            return stated
    return parse_managers(old or {})


def _merge_and_prune(
    schema: Schema,
    current: Manifest,
    config: Manifest,
    managers: tuple[Manager, Manager | None, list[Manager]],
) -> Manifest:
    applier, last, others = managers
    merged = merge(schema, current, config)
    if last is None:
        return merged
    managed = applier.fields
    for other in others:
        managed = managed.union(other.fields)
    return drop_abandoned(schema, merged, last.fields.tree, managed.tree)


def _tracked_difference(difference: Difference) -> Difference:
    return Difference(tracked(difference.changed), tracked(difference.removed))


def _refuse_conflicts(others: list[Manager], difference: Difference) -> None:
    conflicts = tuple(
        Conflict(manager=other.description, path=to_display(path))
        for other in others
        for path in other.fields.intersection(difference.changed).paths()
    )
    if conflicts:
        raise ApplyConflict(conflicts)


def _surrendered(others: list[Manager], difference: Difference) -> list[Manager]:
    """The other managers without what has changed or is gone."""
    if difference.is_empty:
        return others
    return [
        other.with_fields(other.fields.without(difference.removed).difference(difference.changed))
        for other in others
    ]


def _settled(manager: Manager, last: Manager | None) -> Manager:
    """The entry to store: the last one with its time when it manages the same fields as before."""
    if last is not None and manager.fields.tree == last.fields.tree:
        return replace(last, api_version=manager.api_version)
    return manager.with_fields(FieldSet(manager.fields.to_fields_v1()))


def _relevant(config: Manifest, subresource: str) -> Manifest:
    metadata = {
        name: value
        for name, value in (config.get("metadata") or {}).items()
        if name not in _SERVER_METADATA
    }
    if subresource == "status":
        metadata = {name: metadata[name] for name in ("name", "namespace") if name in metadata}
        config = {n: v for n, v in config.items() if n in _IDENTITY or n == "status"}
    return {**config, "metadata": metadata}


def _stated(value: Json, schema: Schema) -> Json:
    """A configuration in the form objects are stored in, so that it can be compared with them.

    Nulls stand for fields that it does not state; quantities may be given as numbers.
    """
    if isinstance(value, dict):
        return {
            name: _stated(item, schema.child_or_open(name))
            for name, item in value.items()
            if item is not None or _keeps_null(schema, name)
        }
    if isinstance(value, list):
        return [_stated(item, schema.item) for item in value]
    return to_quantity_text(value) if schema.format == "quantity" else value


def _keeps_null(schema: Schema, name: str) -> bool:
    child = schema.properties.get(name)
    return child is not None and child.nullable


def _conflict_message(conflicts: tuple[Conflict, ...]) -> str:
    if len(conflicts) == 1:
        only = conflicts[0]
        return f"Apply failed with 1 conflict: conflict with {only.manager}: {only.path}"
    lines = []
    for manager in sorted({conflict.manager for conflict in conflicts}):
        lines.append(f"conflicts with {manager}:")
        lines += [f"- {conflict.path}" for conflict in conflicts if conflict.manager == manager]
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
