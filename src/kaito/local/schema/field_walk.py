"""Which fields an object has, and which differ between two versions of it.

Both walk objects with their schema: maps are granular unless marked atomic, lists atomic unless
marked `set` or `map`, and where the schema says nothing the structure is deduced. Equal subtrees
are skipped by one comparison, so the cost of a difference is that of what differs.
"""

from dataclasses import dataclass, field

from kaito.api.meta import Manifest
from kaito.local.schema.field_paths import item_elements
from kaito.local.schema.field_set import SELF, FieldSet, FieldTree
from kaito.local.schema.structure import OPEN, Json, Schema


@dataclass(frozen=True, slots=True)
class Difference:
    """`changed` holds what is new or has another value, `removed` the topmost of what is gone."""

    changed: FieldSet = field(default_factory=FieldSet)
    removed: FieldSet = field(default_factory=FieldSet)

    @property
    def is_empty(self) -> bool:
        """Whether the versions are the same."""
        return self.changed.is_empty and self.removed.is_empty


def fields_of(schema: Schema, manifest: Manifest, *, containers: bool) -> FieldSet:
    """All fields that an object has.

    With `containers`, optional lists and maps are fields themselves next to what is in them, as
    they are for whoever creates them by an update; an apply claims only the contents.
    """
    return FieldSet(_object_node(schema, manifest, containers))


def compare(schema: Schema, old: Manifest, new: Manifest) -> Difference:
    """What differs between two versions of an object."""
    changed: FieldTree = {}
    removed: FieldTree = {}
    _compare_objects(schema, (old, new), changed, removed)
    return Difference(FieldSet(changed), FieldSet(removed))


def _object_node(schema: Schema, value: Manifest, containers: bool) -> FieldTree:
    node: FieldTree = {}
    properties = schema.properties
    for name, item in value.items():
        kind = type(item)
        if kind is not dict and kind is not list:
            node[f"f:{name}"] = {}
            continue
        child = properties.get(name)
        inner = _node(child or schema.additional or OPEN, item, containers)
        if inner and (
            child is None or (containers and not child.properties and name not in schema.required)
        ):
            inner[SELF] = {}
        node[f"f:{name}"] = inner
    return node


def _node(schema: Schema, value: Json, containers: bool) -> FieldTree:
    if isinstance(value, dict):
        return {} if schema.map_type == "atomic" else _object_node(schema, value, containers)
    if not isinstance(value, list):
        return {}
    elements = item_elements(schema, value)
    if elements is None:
        return {}
    node: FieldTree = {}
    for element, item in zip(elements, value, strict=True):
        inner = _node(schema.item, item, containers)
        if inner:
            inner[SELF] = {}
        node[element] = inner
    return node


def _compare_objects(
    schema: Schema, versions: tuple[Manifest, Manifest], changed: FieldTree, removed: FieldTree
) -> None:
    old, new = versions
    for name, after in new.items():
        element = f"f:{name}"
        if name not in old:
            changed.update(_object_node(schema, {name: after}, containers=True))
        elif old[name] != after:
            child = schema.child_or_open(name)
            _compare_values(child, element, (old[name], after), changed, removed)
    for name in old:
        if name not in new:
            removed[f"f:{name}"] = {}


def _compare_values(
    schema: Schema,
    element: str,
    versions: tuple[Json, Json],
    changed: FieldTree,
    removed: FieldTree,
) -> None:
    """Compare two different values of one element, and note under it what differs."""
    before, after = versions
    inner_changed: FieldTree = {}
    inner_removed: FieldTree = {}
    if isinstance(before, dict) and isinstance(after, dict) and schema.map_type != "atomic":
        _compare_objects(schema, (before, after), inner_changed, inner_removed)
    elif not _compare_lists(schema, versions, inner_changed, inner_removed):
        changed[element] = _node(schema, after, containers=True)
        if type(before) is not type(after):
            removed[element] = {}
        return
    if inner_changed:
        changed[element] = inner_changed
    if inner_removed:
        removed[element] = inner_removed


def _compare_lists(
    schema: Schema, versions: tuple[Json, Json], changed: FieldTree, removed: FieldTree
) -> bool:
    """Compare item by item; False when the values are not both lists with named items."""
    before, after = versions
    if not (isinstance(before, list) and isinstance(after, list)):
        return False
    old_elements, new_elements = item_elements(schema, before), item_elements(schema, after)
    if old_elements is None or new_elements is None:
        return False
    old = dict(zip(old_elements, before, strict=True))
    new = dict(zip(new_elements, after, strict=True))
    for element, item in new.items():
        if element not in old:
            inner = _node(schema.item, item, containers=True)
            changed[element] = {SELF: {}, **inner} if inner else {}
        elif old[element] != item:
            _compare_values(schema.item, element, (old[element], item), changed, removed)
    removed.update({element: {} for element in old if element not in new})
    return True
