"""A manifest of ours by the rules an API server would use: schema, defaults, `api`'s own. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from kaito.api.crd.definition import Definition
from kaito.api.kinds import Kind
from kaito.api.meta import Manifest
from kaito.api.validation.surroundings import Surroundings
from kaito.local.schema.structure import Schema, compile_schema
from kaito.local.schema.validate import apply_defaults, prune, unknown_fields, validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A manifest as a server would keep it, and what is against it."""

    complete: Manifest
    """Pruned and with defaults."""
    unknown: tuple[str, ...]
    """One line for each field that the schema does not know."""
    faults: tuple[str, ...]
    """The schema's; where that finds none, those of the rules."""


@cache
def schemas_of(definition: Definition) -> Mapping[str, Schema]:
    """The schemas of a kind's versions."""
    return {v.name: compile_schema(v.schema()) for v in definition.versions}


def judge(
    kind: Kind[Any],
    schema: Schema,
    manifest: Manifest,
    live: Manifest | None,
    around: Surroundings,
) -> Judged:
    """The manifest judged; `live` is what is there already and would be changed."""
    # Pruned first, as a server would: a null is a field left out.
    complete = apply_defaults(schema, prune(schema, manifest))
    broken = tuple(str(error) for error in validate(schema, complete))
    return Judged(
        complete=complete,
        unknown=tuple(f"unknown field {path!r}" for path in unknown_fields(schema, manifest)),
        faults=broken or tuple(map(str, kind.check(complete, live, around))),
    )
