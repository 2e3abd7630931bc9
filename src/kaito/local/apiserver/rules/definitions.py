"""CustomResourceDefinitions: checking them, and turning them into served resources.

A definition is in force as soon as it is stored: `to_served` makes the registry's value of it, and
the conditions NamesAccepted and Established are set in the same write. Conversion is None only.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from kaito.api.meta import Manifest
from kaito.local.apiserver.errors import Cause
from kaito.local.apiserver.objects import decode, metadata, with_metadata
from kaito.local.apiserver.registry import Column, ScalePaths, Served, Version, sort_versions
from kaito.local.apiserver.rules.base import Rules
from kaito.local.apiserver.table import jsonpath
from kaito.local.schema.structure import SchemaError, compile_schema

if TYPE_CHECKING:
    from kaito.local.apiserver.core import Core
    from kaito.local.store.port import Change

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
"""Holds a deleted definition until none of its objects is left (see `retirement`)."""


class DefinitionRules(Rules):
    """See `Rules`."""

    def complete(self, manifest: Manifest) -> Manifest:
        """Derive the names that were left out."""
        spec = manifest.get("spec") or {}
        names = spec.get("names") or {}
        kind = names.get("kind") or ""
        derived = {"singular": kind.lower(), "listKind": f"{kind}List" if kind else ""}
        complete = {**{k: v for k, v in derived.items() if v}, **names}
        conversion = spec.get("conversion") or {"strategy": "None"}
        return {**manifest, "spec": {**spec, "names": complete, "conversion": conversion}}

    def on_create(self, manifest: Manifest) -> Manifest:
        """Accept it: nothing here takes time."""
        moment = metadata(manifest).get("creationTimestamp")
        conditions = [
            _condition("NamesAccepted", "NoConflicts", "no conflicts found", moment),
            _condition(
                "Established",
                "InitialNamesAccepted",
                "the initial names have been accepted",
                moment,
            ),
        ]
        finalizers = metadata(manifest).get("finalizers") or []
        held = with_metadata(manifest, finalizers=[*finalizers, CLEANUP_FINALIZER])
        return {**held, "status": {**_status(manifest), "conditions": conditions}}

    def on_update(self, new: Manifest, old: Manifest) -> Manifest:
        """Keep what status repeats of spec in step."""
        conditions = (old.get("status") or {}).get("conditions") or []
        return {**new, "status": {**_status(new), "conditions": conditions}}

    def problems(self, new: Manifest, old: Manifest | None) -> tuple[Cause, ...]:
        """What a schema cannot say about definitions."""
        spec: dict[str, Any] = new["spec"]
        return (*_name_problems(new, spec), *_version_problems(spec), *_changes(spec, old))

    def stored(self, core: "Core", change: "Change") -> None:
        """Serve it, or stop serving it."""
        if change.type == "DELETED":
            core.registry.remove(change.entry.key.name)
            return
        core.registry.add(to_served(decode(change.entry.value)))


def to_served(definition: Manifest) -> Served:
    """The registry's value of a definition."""
    spec = definition["spec"]
    names = spec["names"]
    served = {v["name"]: v for v in spec["versions"] if v.get("served")}
    stored = next((v["name"] for v in spec["versions"] if v.get("storage")), "")
    return Served(
        group=spec["group"],
        version=stored,
        plural=names["plural"],
        kind=names["kind"],
        singular=names.get("singular") or names["kind"].lower(),
        list_kind=names.get("listKind") or f"{names['kind']}List",
        namespaced=spec.get("scope") != "Cluster",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        versions=tuple(_to_version(served[v], spec) for v in sort_versions(tuple(served))),
    )


def _to_version(entry: Manifest, spec: Manifest) -> Version:
    subresources = entry.get("subresources") or {}
    scale = subresources.get("scale")
    columns = entry.get("additionalPrinterColumns") or ()
    return Version(
        name=entry["name"],
        schema=(entry.get("schema") or {}).get("openAPIV3Schema") or {},
        columns=tuple(_to_column(column) for column in columns),
        has_status="status" in subresources,
        scale=_to_scale(scale) if scale else None,
        deprecation=_deprecation(entry, spec) if entry.get("deprecated") else "",
    )


def _deprecation(entry: Manifest, spec: Manifest) -> str:
    given: str = entry.get("deprecationWarning") or ""
    return given or f"{spec['group']}/{entry['name']} {spec['names']['kind']} is deprecated"


def _to_column(entry: Manifest) -> Column:
    return Column(
        name=entry["name"],
        type=entry["type"],
        json_path=entry["jsonPath"],
        priority=entry.get("priority") or 0,
        format=entry.get("format") or "",
        description=entry.get("description") or "",
    )


def _to_scale(entry: Manifest) -> ScalePaths:
    return ScalePaths(
        spec=entry["specReplicasPath"].lstrip("."),
        status=entry["statusReplicasPath"].lstrip("."),
        selector=(entry.get("labelSelectorPath") or "").lstrip("."),
    )


def _condition(type_: str, reason: str, message: str, moment: Any) -> Manifest:
    return {
        "type": type_,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": moment,
    }


def _status(manifest: Manifest) -> Manifest:
    spec = manifest["spec"]
    stored = [v["name"] for v in spec["versions"] if v.get("storage")]
    before = (manifest.get("status") or {}).get("storedVersions") or []
    return {
        "acceptedNames": spec["names"],
        "storedVersions": [*before, *(v for v in stored if v not in before)],
    }


def _name_problems(new: Manifest, spec: dict[str, Any]) -> list[Cause]:
    expected = f"{spec['names']['plural']}.{spec['group']}"
    found = []
    if metadata(new).get("name") != expected:
        quoted = msgspec.json.encode(metadata(new).get("name")).decode()
        message = f'Invalid value: {quoted}: must be spec.names.plural+"."+spec.group'
        found.append(Cause("metadata.name", message))
    if (spec.get("conversion") or {}).get("strategy", "None") != "None":
        message = 'Unsupported value: "Webhook": supported values: "None"'
        found.append(Cause("spec.conversion.strategy", message, "FieldValueNotSupported"))
    return found


def _version_problems(spec: dict[str, Any]) -> list[Cause]:
    stored = [v for v in spec["versions"] if v.get("storage")]
    found = []
    if len(stored) != 1:
        message = "Invalid value: must have exactly one version marked as storage version"
        found.append(Cause("spec.versions", message))
    for index, version in enumerate(spec["versions"]):
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            field = f"spec.versions[{index}].schema.openAPIV3Schema"
            found.append(Cause(field, "Required value: schemas are required", "FieldValueRequired"))
            continue
        found += _schema_problems(version, f"spec.versions[{index}]")
    return found


def _schema_problems(version: Manifest, where: str) -> list[Cause]:
    found = []
    try:
        compile_schema(version["schema"]["openAPIV3Schema"])
    except SchemaError as error:
        found.append(Cause(f"{where}.schema.openAPIV3Schema", f"Invalid value: {error}"))
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        try:
            jsonpath.parse(column["jsonPath"])
        except ValueError as error:
            field = f"{where}.additionalPrinterColumns[{index}].jsonPath"
            found.append(Cause(field, f"Invalid value: {error}"))
    return found


def _changes(spec: dict[str, Any], old: Manifest | None) -> list[Cause]:
    if old is None:
        return []
    before = old["spec"]
    pairs = {
        "spec.group": (before["group"], spec["group"]),
        "spec.scope": (before.get("scope"), spec.get("scope")),
        "spec.names.plural": (before["names"]["plural"], spec["names"]["plural"]),
        "spec.names.kind": (before["names"]["kind"], spec["names"]["kind"]),
    }
    return [
        Cause(field, "Invalid value: field is immutable")
        for field, (one, other) in pairs.items()
        if one != other
    ]
