"""Filling in the defaults of a schema.

A default reaches a field that is absent (or null, where null cannot be kept), then the defaults
inside it apply in turn. Subtrees whose schema has no default are not visited; objects are copied
only when something is added, so a complete manifest comes back as the same object.
"""

from kaito.api.meta import Manifest
from kaito.local.schema.copying import copy_json
from kaito.local.schema.field_errors import to_json_text
from kaito.local.schema.structure import Json, Schema


def apply_defaults(schema: Schema, manifest: Manifest) -> Manifest:
    """The manifest with defaults filled in, and quantities given as numbers written as strings."""
    completed: Manifest = _complete(schema, manifest)
    return completed


def _complete(schema: Schema, value: Json) -> Json:
    if not schema.completes:
        return value
    if isinstance(value, dict):
        return _complete_object(schema, value)
    if isinstance(value, list) and schema.items is not None:
        return _complete_list(schema.items, value)
    return to_quantity_text(value) if schema.format == "quantity" else value


def to_quantity_text(value: Json) -> Json:
    """A quantity as it is stored: a number becomes its decimal text, anything else stays."""
    return to_json_text(value) if isinstance(value, (int, float)) else value


def _complete_object(schema: Schema, value: Manifest) -> Manifest:
    result: Manifest | None = None
    for name, default in schema.defaulted:
        current = value.get(name)
        if current is None and (name not in value or not schema.properties[name].nullable):
            result = dict(value) if result is None else result
            result[name] = copy_json(default)
    base = value if result is None else result
    for name, item in base.items():
        child = schema.child(name)
        if child is not None and child.completes and item is not None:
            completed = _complete(child, item)
            if completed is not item:
                result = dict(base) if result is None else result
                result[name] = completed
    return value if result is None else result


def _complete_list(item_schema: Schema, value: list[Json]) -> list[Json]:
    completed = [_complete(item_schema, item) for item in value]
    changed = any(new is not old for new, old in zip(completed, value, strict=True))
    return completed if changed else value
