"""Fields a schema does not know: naming them and removing them.

Both walk manifest and schema together. `prune` copies only the objects on the way to something that
it removes, so a clean manifest comes back as the same object.
"""

from kaito.api.meta import Manifest
from kaito.local.schema.structure import OPEN, Json, Schema


def unknown_fields(schema: Schema, manifest: Manifest) -> tuple[str, ...]:
    """Paths that the schema does not know, such as `spec.containers[0].foo`, sorted."""
    found: list[str] = []
    _find_unknown(schema, manifest, "", found)
    return tuple(sorted(found))


def prune(schema: Schema, manifest: Manifest) -> Manifest:
    """The manifest without what the schema does not know, and without nulls that mean "absent"."""
    pruned: Manifest = _prune(schema, manifest)
    return pruned


def _find_unknown(schema: Schema, value: Json, path: str, found: list[str]) -> None:
    if schema is OPEN:
        return
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        for name, item in value.items():
            child = schema.child(name)
            if child is None:
                found.append(prefix + name)
            elif isinstance(item, (dict, list)):
                _find_unknown(child, item, prefix + name, found)
    elif isinstance(value, list) and schema.items is not None:
        for index, item in enumerate(value):
            _find_unknown(schema.items, item, f"{path}[{index}]", found)


def _prune(schema: Schema, value: Json) -> Json:
    if schema is OPEN:
        return value
    if isinstance(value, dict):
        return _prune_object(schema, value)
    if isinstance(value, list) and schema.items is not None:
        return _prune_list(schema.items, value)
    return value


def _prune_object(schema: Schema, value: Manifest) -> Manifest:
    result: Manifest | None = None
    for name, item in value.items():
        child = schema.child(name)
        if child is None or (item is None and (child.null_is_absent or not child.nullable)):
            result = dict(value) if result is None else result
            del result[name]
        elif isinstance(item, (dict, list)):
            pruned = _prune(child, item)
            if pruned is not item:
                result = dict(value) if result is None else result
                result[name] = pruned
    return value if result is None else result


def _prune_list(item_schema: Schema, value: list[Json]) -> list[Json]:
    pruned = [_prune(item_schema, item) for item in value]
    changed = any(new is not old for new, old in zip(pruned, value, strict=True))
    return pruned if changed else value
