"""How an installed CRD differs from ours: fields and rules that it lacks. Pure.

Descriptions, columns and limits are not compared: they change nothing that gets lost. A field that
a schema lacks does, for an API server prunes it from every object without a word.
"""

from collections.abc import Iterator

from kaito.api.crd.definition import Definition
from kaito.api.meta import Manifest
from kaito.app.doctor.objects import Crd

_OPEN = "x-kubernetes-preserve-unknown-fields"
_RULES = "x-kubernetes-validations"


def missing_versions(ours: Definition, installed: Crd) -> tuple[str, ...]:
    """Versions of ours that the installed one does not serve."""
    served = {version.name for version in installed.spec.versions if version.served}
    return tuple(version.name for version in ours.versions if version.name not in served)


def missing_fields(ours: Definition, installed: Crd) -> tuple[str, ...]:
    """Paths of ours that the installed one does not have, those above standing for those below."""
    theirs = {version.name: version.structure for version in installed.spec.versions}
    found = {
        path: None
        for version in ours.versions
        if version.name in theirs
        for path in _lacking(version.schema(), theirs[version.name], "")
    }
    return tuple(found)


def missing_rules(ours: Definition, installed: Crd) -> int:
    """How many rules of ours the installed one does not have."""
    theirs = {version.name: version.structure for version in installed.spec.versions}
    return sum(
        len(set(_rules(version.schema(), "")) - set(_rules(theirs[version.name], "")))
        for version in ours.versions
        if version.name in theirs
    )


def _lacking(ours: Manifest, theirs: Manifest, path: str) -> Iterator[str]:
    if theirs.get(_OPEN):
        return
    known = theirs.get("properties") or {}
    for name, child in (ours.get("properties") or {}).items():
        below = f"{path}.{name}" if path else name
        if name not in known:
            yield below
        else:
            yield from _lacking(child, known[name], below)
    if isinstance(ours.get("items"), dict) and isinstance(theirs.get("items"), dict):
        yield from _lacking(ours["items"], theirs["items"], f"{path}[]")


def _rules(schema: Manifest, path: str) -> Iterator[tuple[str, str]]:
    for rule in schema.get(_RULES) or ():
        yield path, str(rule.get("rule", ""))
    for name, child in (schema.get("properties") or {}).items():
        yield from _rules(child, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from _rules(schema["items"], f"{path}[]")
