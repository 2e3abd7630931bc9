"""Copies of JSON values, many times cheaper than `copy.deepcopy`."""

from kaito.local.schema.structure import Json


def copy_json(value: Json) -> Json:
    """A copy that shares no object or list with `value`."""
    if isinstance(value, dict):
        return {name: copy_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [copy_json(item) for item in value]
    return value
