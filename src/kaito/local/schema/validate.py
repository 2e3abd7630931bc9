"""Validation of a manifest against a compiled schema.

One walk over manifest and schema gathers everything that is wrong; it never raises and never
changes the manifest. Fields that the schema does not know are not its business (`pruning`), nor are
CEL rules. The other functions an API server calls on the way in are re-exported here.
"""

from collections.abc import Callable

from kaito.api.meta import Manifest
from kaito.local.schema.constraints import check_number, check_size, check_text
from kaito.local.schema.defaults import apply_defaults
from kaito.local.schema.field_errors import FieldError, Reason, to_json_text
from kaito.local.schema.formats import explain_mismatch
from kaito.local.schema.pruning import prune, unknown_fields
from kaito.local.schema.structure import Json, Schema

__all__ = ["FieldError", "Reason", "apply_defaults", "prune", "unknown_fields", "validate"]

_TYPE_NAMES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def validate(schema: Schema, manifest: Manifest) -> tuple[FieldError, ...]:
    """Everything wrong with the manifest, parents before children; empty when it is valid."""
    errors: list[FieldError] = []
    _check(schema, manifest, "", errors)
    return tuple(errors)


def _check(schema: Schema, value: Json, path: str, errors: list[FieldError]) -> None:
    if value is None:
        if not (schema.nullable or schema.null_is_absent):
            errors.append(_type_error(schema, value, path))
        return
    if schema.format == "quantity":
        _check_quantity(value, path, errors)
        return
    if not _has_type(schema, value):
        errors.append(_type_error(schema, value, path))
        return
    if schema.enum and value not in schema.enum and not (schema.null_is_absent and value == ""):
        errors.append(_enum_error(schema, value, path))
    checker = _CHECKERS.get(type(value))
    if checker:
        checker(schema, value, path, errors)
    if schema.all_of or schema.any_of or schema.one_of or schema.negated:
        _check_junctors(schema, value, path, errors)


def _has_type(schema: Schema, value: Json) -> bool:
    found = _TYPE_NAMES[type(value)]
    if schema.int_or_string:
        return found in {"integer", "string"}
    if found == schema.type or not schema.type:
        return True
    if schema.type == "number":
        return found == "integer"
    return schema.type == "integer" and found == "number" and value.is_integer()


def _type_error(schema: Schema, value: Json, path: str) -> FieldError:
    found = _TYPE_NAMES[type(value)]
    expected = "int-or-string" if schema.int_or_string else schema.type
    return FieldError(
        path=path or "<root>",
        reason=Reason.TYPE_INVALID,
        value=found,
        detail=f'{path} in body must be of type {expected}: "{found}"',
    )


def _enum_error(schema: Schema, value: Json, path: str) -> FieldError:
    supported = ", ".join(to_json_text(str(option)) for option in schema.enum)
    return FieldError(
        path=path or "<root>",
        reason=Reason.NOT_SUPPORTED,
        value=value,
        detail=f"supported values: {supported}",
    )


def _check_object(schema: Schema, value: Manifest, path: str, errors: list[FieldError]) -> None:
    prefix = f"{path}." if path else ""
    if schema.required:
        missing = (name for name in schema.required if _is_missing(schema, value, name))
        errors.extend(FieldError(path=prefix + name, reason=Reason.REQUIRED) for name in missing)
    if schema.bounds:
        errors.extend(check_size(schema.bounds, value, path))
    properties, rest = schema.properties, schema.additional
    for name, item in value.items():
        child = properties.get(name) or rest
        if child is not None and type(item) is not child.plain_type:
            _check(child, item, prefix + name, errors)


def _is_missing(schema: Schema, value: Manifest, name: str) -> bool:
    if name not in value:
        return True
    if not schema.null_is_absent:
        return False
    # A Go server sees no difference between a string or list that is absent and an empty one.
    return value[name] is None or value[name] in ("", [])


def _check_list(schema: Schema, value: list[Json], path: str, errors: list[FieldError]) -> None:
    if schema.bounds:
        errors.extend(check_size(schema.bounds, value, path))
    if schema.list_type != "atomic":
        errors.extend(_duplicates(schema, value, path))
    item_schema = schema.items
    if item_schema is not None:
        plain_type = item_schema.plain_type
        for index, item in enumerate(value):
            if type(item) is plain_type:
                continue
            place = f"{path}[{index}]"
            if item is None and not item_schema.nullable:
                # Unlike a field, an item cannot be absent.
                errors.append(_type_error(item_schema, item, place))
            else:
                _check(item_schema, item, place, errors)


def _duplicates(schema: Schema, value: list[Json], path: str) -> list[FieldError]:
    keys = schema.list_map_keys
    if schema.null_is_absent and not any(_names_items(schema, key) for key in keys):
        # Built-in kinds tolerate repeated environment variables, ports and the like.
        return []
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, item in enumerate(value):
        identity = item
        if schema.list_type == "map":
            if not isinstance(item, dict):
                continue
            identity = {key: _key_value(schema, item, key) for key in keys}
        text = to_json_text(identity)
        if text in seen:
            errors.append(
                FieldError(path=f"{path}[{index}]", reason=Reason.DUPLICATE, value=identity)
            )
        seen.add(text)
    return errors


def _names_items(schema: Schema, key: str) -> bool:
    return schema.item.child_or_open(key).format == "k8s-short-name"


def _key_value(schema: Schema, item: Manifest, key: str) -> Json:
    value = item.get(key)
    return schema.item.child_or_open(key).default if value is None else value


def _check_text(schema: Schema, value: str, path: str, errors: list[FieldError]) -> None:
    if schema.bounds or schema.pattern or schema.format:
        errors.extend(check_text(schema, value, path))


def _check_number(schema: Schema, value: float, path: str, errors: list[FieldError]) -> None:
    if schema.bounds or schema.format == "int32":
        errors.extend(check_number(schema, value, path))


def _check_quantity(value: Json, path: str, errors: list[FieldError]) -> None:
    text = value if isinstance(value, str) else to_json_text(value)
    if message := explain_mismatch("quantity", text):
        errors.append(FieldError(path=path, reason=Reason.INVALID, value=value, detail=message))


def _check_junctors(schema: Schema, value: Json, path: str, errors: list[FieldError]) -> None:
    for part in schema.all_of:
        _check(part, value, path, errors)
    if schema.any_of and not any(_is_valid(part, value) for part in schema.any_of):
        errors.append(
            _junctor_error(path, f'"{path}" must validate at least one schema (anyOf)', value)
        )
    if schema.one_of:
        valid = sum(_is_valid(part, value) for part in schema.one_of)
        if valid != 1:
            found = "Found none valid" if not valid else f"Found {valid} valid alternatives"
            said = f'"{path}" must validate one and only one schema (oneOf). {found}'
            errors.append(_junctor_error(path, said, value))
    if schema.negated and _is_valid(schema.negated, value):
        errors.append(_junctor_error(path, f'"{path}" must not validate the schema (not)', value))


def _is_valid(schema: Schema, value: Json) -> bool:
    errors: list[FieldError] = []
    _check(schema, value, "", errors)
    return not errors


def _junctor_error(path: str, detail: str, value: Json) -> FieldError:
    return FieldError(path=path or "<root>", reason=Reason.INVALID, value=value, detail=detail)


_CHECKERS: dict[type, Callable[[Schema, Json, str, list[FieldError]], None]] = {
    dict: _check_object,
    list: _check_list,
    str: _check_text,
    int: _check_number,
    float: _check_number,
}
