"""The object side of server-side apply: merging a configuration in, and dropping what it gave up.

`merge` puts an applied configuration over the live object; `drop_abandoned` then takes away fields
that the applier had applied before, does not apply now, and nobody else manages. Both copy only
what they change. Rules:
https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy.
"""

from kaito.api.meta import Manifest
from kaito.local.schema.field_paths import item_elements, to_display
from kaito.local.schema.field_set import FieldTree, is_member
from kaito.local.schema.patch_errors import PatchError
from kaito.local.schema.structure import Json, Schema


def merge(schema: Schema, live: Manifest, applied: Manifest) -> Manifest:
    """The live object with the applied configuration in it; the same object if nothing changes.

    Raises:
        PatchError: the configuration has two items of the same key in a keyed list.
    """
    return _merge_objects(schema, live, applied)


def drop_abandoned(
    schema: Schema, merged: Manifest, last: FieldTree, managed: FieldTree
) -> Manifest:
    """The merged object without the fields in `last` that are not in `managed`.

    A field that a schema names counts as managed when anything beneath it is; a key of a map or an
    item of a list only when it is a member itself.
    """
    result: Manifest | None = None
    for element, node in last.items():
        name = element.removeprefix("f:")
        if name not in merged or element[:2] != "f:":
            continue
        named = name in schema.properties
        other = managed.get(element)
        kept: Json = _ABANDONED
        if not _is_abandoned(node, other, named=named):
            child = schema.child_or_open(name)
            kept = _drop_within(child, merged[name], node, {} if other is None else other)
        if kept is merged[name]:
            continue
        result = dict(merged) if result is None else result
        if kept is _ABANDONED:
            del result[name]
        else:
            result[name] = kept
    return merged if result is None else result


_ABANDONED = object()


def _merge_objects(schema: Schema, live: Manifest, applied: Manifest) -> Manifest:
    result: Manifest | None = None
    for name, value in applied.items():
        merged = value
        if name in live:
            current = live[name]
            if current == value:
                continue
            merged = _merge_values(schema.child_or_open(name), current, value)
            if merged is current:
                continue
        result = dict(live) if result is None else result
        result[name] = merged
    return live if result is None else result


def _merge_values(schema: Schema, live: Json, applied: Json) -> Json:
    if isinstance(live, dict) and isinstance(applied, dict):
        return applied if schema.map_type == "atomic" else _merge_objects(schema, live, applied)
    if isinstance(live, list) and isinstance(applied, list):
        return _merge_lists(schema, live, applied)
    return applied


def _merge_lists(schema: Schema, live: list[Json], applied: list[Json]) -> list[Json]:
    live_elements = item_elements(schema, live)
    elements = item_elements(schema, applied)
    if live_elements is None or elements is None:
        return applied
    pending = dict(zip(elements, applied, strict=True))
    if len(pending) < len(elements):
        repeated = next(element for element in elements if elements.count(element) > 1)
        raise PatchError(
            f"the applied list has duplicate entries for key {to_display((repeated,))}"
        )
    # The first of repeated live items counts.
    known = dict(zip(reversed(live_elements), reversed(live), strict=True))
    merged = {
        e: _merge_values(schema.item, known[e], item) if e in known else item
        for e, item in pending.items()
    }
    result = _interleave(list(zip(live_elements, live, strict=True)), merged)
    return live if _are_identical(result, live) else result


def _interleave(live: list[tuple[str, Json]], merged: dict[str, Json]) -> list[Json]:
    """The merged items in their own order; items only the live list has stay where they were."""
    result: list[Json] = []
    waiting = list(merged)
    shared = [element for element in waiting if any(element == known for known, _ in live)]
    for element, item in live:
        if element not in merged:
            result.append(item)
        elif shared and element == shared[0]:
            upto = waiting.index(shared.pop(0)) + 1
            result.extend(merged[ready] for ready in waiting[:upto])
            del waiting[:upto]
    result.extend(merged[element] for element in waiting)
    return result


def _are_identical(one: list[Json], other: list[Json]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _is_abandoned(last: FieldTree, managed: FieldTree | None, *, named: bool) -> bool:
    if not (named or is_member(last)):
        return False
    return managed is None or not (named or is_member(managed))


def _drop_within(schema: Schema, value: Json, last: FieldTree, managed: FieldTree) -> Json:
    if not last:
        return value
    if isinstance(value, dict):
        return (
            value if schema.map_type == "atomic" else drop_abandoned(schema, value, last, managed)
        )
    if isinstance(value, list):
        return _drop_items(schema, value, last, managed)
    return value


def _drop_items(
    schema: Schema, items: list[Json], last: FieldTree, managed: FieldTree
) -> list[Json]:
    elements = item_elements(schema, items)
    if elements is None:
        return items
    result: list[Json] = []
    for element, item in zip(elements, items, strict=True):
        if element not in last:
            result.append(item)
            continue
        other = managed.get(element)
        if not _is_abandoned(last[element], other, named=False):
            result.append(_drop_within(schema.item, item, last[element], other or {}))
    return items if _are_identical(result, items) else result
