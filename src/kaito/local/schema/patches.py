"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386); strategic merge patch is in `strategic`.

Patching never changes the document: what a patch touches is copied, the rest is shared with the
result.
"""

from collections.abc import Sequence

from kaito.api.meta import Manifest
from kaito.local.schema.copying import copy_json
from kaito.local.schema.json_pointer import add_at, parse_pointer, remove_at, replace_at, value_at
from kaito.local.schema.patch_errors import PatchConflict, PatchError
from kaito.local.schema.strategic import apply_strategic_merge_patch
from kaito.local.schema.structure import Json

__all__ = [
    "PatchConflict",
    "PatchError",
    "apply_json_patch",
    "apply_merge_patch",
    "apply_strategic_merge_patch",
]


def apply_json_patch(document: Manifest, operations: Sequence[Manifest]) -> Manifest:
    """The document after all operations, in order.

    Raises:
        PatchError: the patch is malformed (an unknown operation, a missing member).
        PatchConflict: it is well-formed but does not fit: a path is missing, a test fails.
    """
    if not isinstance(operations, (list, tuple)):
        raise PatchError("JSON patch is not a list of operations")
    result: Json = document
    for index, operation in enumerate(operations):
        if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
            raise PatchError(
                f"operation {index} of the JSON patch has no valid `op`: {operation!r}"
            )
        try:
            result = _OPERATIONS[operation["op"]](result, operation)
        except PatchError as error:
            said = (
                f"operation {index} ({operation['op']} {operation.get('path')}) of the JSON patch"
            )
            raise type(error)(f"{said}: {error}") from None
    if not isinstance(result, dict):
        raise PatchConflict("JSON patch replaces the object by something that is none")
    return result


def apply_merge_patch(document: Manifest, patch: Manifest) -> Manifest:
    """The document with the members of the patch put in, recursively; null takes a member away."""
    merged: Manifest = _merge(document, patch)
    return merged


def _merge(target: Json, patch: Json) -> Json:
    if not isinstance(patch, dict):
        return copy_json(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merge(result.get(name), value)
    return result


def _add(document: Json, operation: Manifest) -> Json:
    return add_at(document, _pointer(operation, "path"), copy_json(_value(operation)))


def _remove(document: Json, operation: Manifest) -> Json:
    return remove_at(document, _pointer(operation, "path"))


def _replace(document: Json, operation: Manifest) -> Json:
    return replace_at(document, _pointer(operation, "path"), copy_json(_value(operation)))


def _move(document: Json, operation: Manifest) -> Json:
    source, path = _pointer(operation, "from"), _pointer(operation, "path")
    if path[: len(source)] == source and path != source:
        raise PatchConflict("cannot move a value into itself")
    value = value_at(document, source)
    return document if path == source else add_at(remove_at(document, source), path, value)


def _copy(document: Json, operation: Manifest) -> Json:
    value = value_at(document, _pointer(operation, "from"))
    return add_at(document, _pointer(operation, "path"), copy_json(value))


def _test(document: Json, operation: Manifest) -> Json:
    expected = _value(operation)
    found = value_at(document, _pointer(operation, "path"))
    if not is_same_json(found, expected):
        raise PatchConflict(f"testing value failed: found {found!r}, not {expected!r}")
    return document


def is_same_json(one: Json, other: Json) -> bool:
    """Whether two values are equal as JSON, where true is not 1 although Python says so."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same_json(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same_json, one, other))
    return bool(one == other)


def _pointer(operation: Manifest, member: str) -> tuple[str, ...]:
    text = operation.get(member)
    if not isinstance(text, str):
        raise PatchError(f"member {member!r} is missing or not a string")
    return parse_pointer(text)


def _value(operation: Manifest) -> Json:
    if "value" not in operation:
        raise PatchError("member 'value' is missing")
    return operation["value"]


_OPERATIONS = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
