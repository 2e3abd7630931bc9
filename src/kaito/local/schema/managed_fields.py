"""The entries of `metadata.managedFields`: decoding, identity, order and their cap.

Semantics follow https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from kaito.api.meta import Manifest
from kaito.local.schema.field_set import FieldSet, FieldTree

Operation = Literal["Apply", "Update"]
Identity = tuple[str, str, str, str]

MAX_UPDATERS = 10
"""How many entries of updaters an object keeps; older ones are united under `ANCIENT`."""
ANCIENT = "ancient-changes"
BEFORE_FIRST_APPLY = "before-first-apply"

_UNTRACKED = ("f:apiVersion", "f:kind")
_UNTRACKED_METADATA = (
    "f:name",
    "f:namespace",
    "f:uid",
    "f:resourceVersion",
    "f:creationTimestamp",
    "f:generation",
    "f:selfLink",
    "f:managedFields",
    ".",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """One entry: who wrote which fields how. `time` is RFC 3339, empty when unknown."""

    name: str
    operation: Operation
    api_version: str
    fields: FieldSet
    time: str = ""
    subresource: str = ""

    @property
    def identity(self) -> Identity:
        """What two entries of the same writer agree in. An applier may change versions."""
        version = "" if self.operation == "Apply" else self.api_version
        return (self.name, self.operation, version, self.subresource)

    @property
    def description(self) -> str:
        """The manager as conflict messages name it."""
        said = f'"{self.name}"'
        if self.subresource:
            said += f' with subresource "{self.subresource}"'
        return said if self.operation == "Apply" else f"{said} using {self.api_version}"

    def with_fields(self, fields: FieldSet) -> "Manager":
        """The same entry with other fields; itself when they are the same."""
        return self if fields is self.fields else replace(self, fields=fields)


def parse_managers(manifest: Manifest) -> tuple[Manager, ...]:
    """The entries of an object; malformed ones are left out, as if they were not there."""
    entries = (manifest.get("metadata") or {}).get("managedFields")
    if not isinstance(entries, list):
        return ()
    return tuple(_parse(entry) for entry in entries if _is_well_formed(entry))


def is_reset(manifest: Manifest) -> bool:
    """Whether a client asks to forget all managers, by a single empty entry."""
    entries = (manifest.get("metadata") or {}).get("managedFields")
    return bool(entries == [{}])


def with_managers(manifest: Manifest, managers: Iterable[Manager]) -> Manifest:
    """The object with these entries, capped and in Kubernetes' order."""
    kept = _capped([manager for manager in managers if not manager.fields.is_empty])
    kept.sort(key=_order)
    metadata = {k: v for k, v in manifest.get("metadata", {}).items() if k != "managedFields"}
    if kept:
        metadata["managedFields"] = [_to_entry(manager) for manager in kept]
    return {**manifest, "metadata": metadata}


def tracked(fields: FieldSet) -> FieldSet:
    """The fields without those that nobody manages: identity and the server's own bookkeeping."""
    tree = {element: node for element, node in fields.tree.items() if element not in _UNTRACKED}
    metadata = tree.pop("f:metadata", None)
    if metadata:
        rest = {e: node for e, node in metadata.items() if e not in _UNTRACKED_METADATA}
        if rest:
            tree["f:metadata"] = rest
    return FieldSet(tree)


def _parse(entry: Manifest) -> Manager:
    return Manager(
        name=entry.get("manager", ""),
        operation=entry["operation"],
        api_version=entry.get("apiVersion", ""),
        fields=FieldSet(entry["fieldsV1"]),
        time=entry.get("time") or "",
        subresource=entry.get("subresource", ""),
    )


def _is_well_formed(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and entry.get("operation") in {"Apply", "Update"}
        and isinstance(entry.get("fieldsV1"), dict)
    )


def _to_entry(manager: Manager) -> Manifest:
    fields: FieldTree = manager.fields.tree
    entry: Manifest = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": manager.api_version,
        "time": manager.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        "subresource": manager.subresource,
    }
    return {name: value for name, value in entry.items() if value != ""}


def _order(manager: Manager) -> tuple[str, ...]:
    return (
        manager.operation,
        manager.time,
        manager.name,
        manager.api_version,
        manager.subresource,
    )


def _capped(managers: list[Manager]) -> list[Manager]:
    updaters = sorted((m for m in managers if m.operation == "Update"), key=_order)
    excess = len(updaters) - MAX_UPDATERS
    if excess <= 0:
        return managers
    # The oldest give way, one more than the excess since what unites them is an entry too. Only
    # entries of one version can be united.
    oldest = updaters[: excess + 1]
    united: dict[str, Manager] = {}
    for manager in oldest:
        known = united.get(manager.api_version)
        fields = known.fields.union(manager.fields) if known else manager.fields
        united[manager.api_version] = replace(
            manager, name=ANCIENT, fields=FieldSet(fields.to_fields_v1()), subresource=""
        )
    gone = {manager.identity for manager in oldest}
    return [m for m in managers if m.identity not in gone] + list(united.values())
