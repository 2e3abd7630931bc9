"""A manifest by the rules an API server would use: schema, defaults, and those of `api`. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from kaito.api.kinds import KINDS, Kind
from kaito.api.meta import Manifest
from kaito.api.validation.surroundings import Surroundings
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.local.schema.structure import Schema, compile_schema
from kaito.local.schema.validate import apply_defaults, prune, unknown_fields, validate

_KIND: Kind[Workspace] = next(kind for kind in KINDS if kind.resource == WORKSPACES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is wrong, what is only worth a word, and the Workspace where it can be read at all."""

    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    workspace: Workspace | None = None


def judge(manifest: Manifest, live: Manifest | None, around: Surroundings) -> Verdict:
    """The verdict on a Workspace; `live` is what is there already and would be changed."""
    version = str(manifest["apiVersion"]).partition("/")[2]
    schema = _schema(version)
    if schema is None:
        served = ", ".join(v.name for v in _KIND.definition.versions)
        return Verdict(faults=(f"apiVersion: there is no version {version!r}; one of: {served}",))
    warnings = tuple(f"unknown field {path!r}" for path in unknown_fields(schema, manifest))
    complete = apply_defaults(schema, prune(schema, manifest))
    broken = tuple(str(error) for error in validate(schema, complete))
    faults = broken or tuple(_broken_rules(complete, live, around))
    try:
        workspace = msgspec.convert(complete, Workspace)
    except msgspec.ValidationError:
        workspace = None
    return Verdict(faults=faults, warnings=warnings, workspace=workspace)


def _broken_rules(complete: Manifest, live: Manifest | None, around: Surroundings) -> Iterator[str]:
    yield from map(str, _KIND.check(complete, live, around))


def _schema(version: str) -> Schema | None:
    found = next((v for v in _KIND.definition.versions if v.name == version), None)
    return compile_schema(found.schema()) if found else None
