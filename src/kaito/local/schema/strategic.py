"""Kubernetes' strategic merge patch: a merge patch that knows which lists are keyed.

Lists whose schema says `x-kubernetes-patch-strategy: merge` are merged by their merge key (objects)
or united (scalars); other lists are replaced. The directives `$patch`, `$retainKeys`,
`$setElementOrder/F` and `$deleteFromPrimitiveList/F` are those of
https://git.k8s.io/community/contributors/devel/sig-api-machinery/strategic-merge-patch.md.
"""

from kaito.api.meta import Manifest
from kaito.local.schema.list_order import arrange
from kaito.local.schema.patch_errors import PatchError
from kaito.local.schema.structure import Json, Schema

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETE_SCALARS = "$deleteFromPrimitiveList/"


def apply_strategic_merge_patch(document: Manifest, patch: Manifest, schema: Schema) -> Manifest:
    """The document with the patch merged in; parts that did not change are shared.

    Raises:
        PatchError: a directive is malformed, or an item of a keyed list lacks its key.
    """
    if not isinstance(patch, dict):
        raise PatchError("strategic merge patch is not an object")
    return _merge_object(document, patch, schema)


def _merge_object(original: Manifest, patch: Manifest, schema: Schema) -> Manifest:
    match patch.get(_DIRECTIVE):
        case "replace":
            return _plain_object({k: v for k, v in patch.items() if k != _DIRECTIVE})
        case "delete":
            return {}
        case None | "merge":
            pass
        case other:
            raise PatchError(f"{_DIRECTIVE} is {other!r}: it must be replace, delete or merge")
    result = _retain(original, patch)
    for name, value in patch.items():
        if name.startswith(_ORDER):
            _reorder(result, patch, name.removeprefix(_ORDER), schema)
        elif name.startswith(_DELETE_SCALARS):
            _delete_scalars(result, name.removeprefix(_DELETE_SCALARS), value)
        elif name in {_DIRECTIVE, _RETAIN}:
            continue
        elif value is None:
            result.pop(name, None)
        elif f"{_ORDER}{name}" not in patch:
            _set_merged(result, name, value, schema)
    return result


def _set_merged(result: Manifest, name: str, value: Json, schema: Schema) -> None:
    current = result.get(name)
    child = schema.child_or_open(name)
    if isinstance(current, dict) and isinstance(value, dict):
        replaces = "replace" in child.patch_strategy
        result[name] = _plain_object(value) if replaces else _merge_object(current, value, child)
    elif isinstance(current, list) and isinstance(value, list):
        result[name] = _merge_list(current, value, child, order=None)
    elif not (isinstance(value, dict) and _DIRECTIVE in value):
        result[name] = _plain(value)
    elif value[_DIRECTIVE] == "replace":
        result[name] = _plain_object(value)
    else:
        # "delete" of what is not there, or in place of what is not an object.
        result.pop(name, None)


def _retain(original: Manifest, patch: Manifest) -> Manifest:
    """A copy of the original, without the fields that `$retainKeys` does not list."""
    retained = patch.get(_RETAIN)
    if retained is None:
        return dict(original)
    if not isinstance(retained, list):
        raise PatchError(f"{_RETAIN} is not a list")
    for name, value in patch.items():
        if value is not None and not name.startswith("$") and name not in retained:
            raise PatchError(f"the patch sets {name!r}, which its {_RETAIN} does not list")
    return {name: value for name, value in original.items() if name in retained}


def _reorder(result: Manifest, patch: Manifest, name: str, schema: Schema) -> None:
    """Merge the list `name`, if the patch has it, then arrange it as `$setElementOrder` says."""
    order = patch[f"{_ORDER}{name}"]
    if not isinstance(order, list):
        raise PatchError(f"{_ORDER}{name} is not a list")
    child = schema.child_or_open(name)
    current, change = result.get(name), patch.get(name)
    if change is None and name in patch:
        result.pop(name, None)
    elif isinstance(current, list):
        result[name] = _merge_list(current, change or [], child, order=order)
    elif isinstance(change, list):
        result[name] = arrange(_plain(change), order, [], child.patch_merge_key)


def _delete_scalars(result: Manifest, name: str, unwanted: Json) -> None:
    if not isinstance(unwanted, list):
        raise PatchError(f"{_DELETE_SCALARS}{name} is not a list")
    if isinstance(result.get(name), list):
        result[name] = [item for item in result[name] if item not in unwanted]


def _merge_list(
    original: list[Json], patch: list[Json], schema: Schema, *, order: list[Json] | None
) -> list[Json]:
    if "merge" not in schema.patch_strategy:
        return original if order is not None and not patch else _plain_list(patch)
    if not (original or patch):
        return original
    if not any(isinstance(item, dict) for item in (*original, *patch)):
        return _unite(original, patch, patch if order is None else order)
    key = schema.patch_merge_key
    if not key:
        raise PatchError("a list of objects without a merge key cannot be merged")
    kept, changes = _split_directives(original, patch, key)
    merged = _merge_items(kept, changes, schema)
    return arrange(merged, changes if order is None else order, kept, key)


def _unite(original: list[Json], patch: list[Json], order: list[Json]) -> list[Json]:
    if any(isinstance(item, list) for item in (*original, *patch)):
        raise PatchError("a list that is merged cannot hold lists")
    return arrange(list(dict.fromkeys((*original, *patch))), order, original, "")


def _split_directives(
    original: list[Json], patch: list[Json], key: str
) -> tuple[list[Json], list[Json]]:
    """What stays of the original after deletions and replacement, and the items left to merge."""
    kept = list(original)
    changes: list[Json] = []
    replaces = False
    for item in patch:
        if not isinstance(item, dict):
            raise PatchError(f"a list keyed by {key!r} cannot hold {item!r}")
        match item.get(_DIRECTIVE):
            case None | "merge":
                changes.append(item)
            case "delete":
                unwanted = _key_of(item, key)
                kept = [other for other in kept if _key_of(other, key) != unwanted]
            case "replace":
                # An item that only says so empties the list; the other items then fill it.
                replaces = True
                rest = {name: value for name, value in item.items() if name != _DIRECTIVE}
                changes.extend([rest] if rest else [])
            case other:
                raise PatchError(f"{_DIRECTIVE} is {other!r}: it must be replace, delete or merge")
    return ([] if replaces else kept), changes


def _merge_items(original: list[Json], changes: list[Json], schema: Schema) -> list[Json]:
    key = schema.patch_merge_key
    merged = list(original)
    for change in changes:
        identity = _key_of(change, key)
        places = (i for i, item in enumerate(merged) if _key_of(item, key) == identity)
        place = next(places, None)
        if place is None:
            merged.append(_plain_object(change))
        else:
            merged[place] = _merge_object(merged[place], change, schema.item)
    return merged


def _key_of(item: Json, key: str) -> Json:
    if not isinstance(item, dict) or key not in item:
        raise PatchError(f"an item does not contain the declared merge key {key!r}: {item!r}")
    return item[key]


def _plain(value: Json) -> Json:
    """A value of the patch where there was none: without nulls and directives."""
    if isinstance(value, dict):
        return _plain_object(value)
    return _plain_list(value) if isinstance(value, list) else value


def _plain_object(value: Manifest) -> Manifest:
    return {
        name: _plain(item)
        for name, item in value.items()
        if item is not None and not _is_directive(name) and not _is_deletion(item)
    }


def _plain_list(value: list[Json]) -> list[Json]:
    return [_plain(item) for item in value if not _is_deletion(item)]


def _is_directive(name: str) -> bool:
    return name in {_DIRECTIVE, _RETAIN} or name.startswith((_ORDER, _DELETE_SCALARS))


def _is_deletion(value: Json) -> bool:
    return isinstance(value, dict) and value.get(_DIRECTIVE) == "delete"
