"""Path elements of field sets: how items of lists are named, and how paths are shown to people."""

from collections.abc import Sequence

import msgspec

from kaito.local.schema.field_errors import to_json_text
from kaito.local.schema.field_set import FieldPath
from kaito.local.schema.structure import Json, Schema

_ENCODER = msgspec.json.Encoder(order="sorted")


def item_elements(schema: Schema, items: Sequence[Json]) -> list[str] | None:
    """The path element of each item of a list; None when the list is one value as a whole.

    That is so for atomic lists, and for lists whose items do not have the keys they should have.
    """
    if schema.list_type == "atomic":
        return None
    if schema.list_type == "set":
        return [f"v:{_ENCODER.encode(item).decode()}" for item in items]
    elements = []
    for item in items:
        element = _key_element(schema, item)
        if element is None:
            return None
        elements.append(element)
    return elements


def _key_element(schema: Schema, item: Json) -> str | None:
    if not isinstance(item, dict):
        return None
    identity = {}
    for key in schema.list_map_keys:
        value = item.get(key)
        if value is None:
            value = schema.item.child_or_open(key).default
        if value is not None:
            identity[key] = value
    return f"k:{_ENCODER.encode(identity).decode()}" if identity else None


def to_display(path: FieldPath) -> str:
    """A path for people: `.spec.containers[name="nginx"].image`, `.metadata.finalizers[="x"]`."""
    return "".join(map(_display_element, path))


def _display_element(element: str) -> str:
    kind, _, rest = element.partition(":")
    match kind:
        case "f":
            return f".{rest}"
        case "k":
            keys = msgspec.json.decode(rest)
            return "[" + ",".join(f"{k}={to_json_text(keys[k])}" for k in sorted(keys)) + "]"
        case "v":
            return f"[={rest}]"
    return f"[{rest}]"
