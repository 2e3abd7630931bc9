"""Sets of fields, as `metadata.managedFields[].fieldsV1` writes them.

A set is a tree of path elements: `f:name` a field, `k:{...}` the item of a keyed list, `v:...` an
item of a set. A leaf is a member; an inner node is one only if it has the child `.`. The wire form
is the working form: nothing is converted, and operations return the very same tree when nothing
changes. Trees are never changed in place. Format:
https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/fieldpath.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

FieldTree: TypeAlias = dict[str, "FieldTree"]
FieldPath: TypeAlias = tuple[str, ...]

SELF = "."


@dataclass(frozen=True, slots=True)
class FieldSet:
    """A set of fields of one object. The root itself is never a member."""

    tree: FieldTree = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in the set."""
        return not self.tree

    def union(self, other: "FieldSet") -> "FieldSet":
        """What is in either set."""
        if not other.tree:
            return self
        return FieldSet(_union(self.tree, other.tree)) if self.tree else other

    def difference(self, other: "FieldSet") -> "FieldSet":
        """What is in this set and not in the other, member by member."""
        if not (self.tree and other.tree):
            return self
        return self._with(_difference_of_children(self.tree, other.tree))

    def without(self, other: "FieldSet") -> "FieldSet":
        """What is in this set and neither in the other nor beneath one of its members."""
        if not (self.tree and other.tree):
            return self
        return self._with(_without(self.tree, other.tree))

    def intersection(self, other: "FieldSet") -> "FieldSet":
        """What is in both sets."""
        if not (self.tree and other.tree):
            return FieldSet()
        return FieldSet(_intersection_of_children(self.tree, other.tree))

    def paths(self) -> Iterator[FieldPath]:
        """Every member as its path elements, sorted."""
        return _paths(self.tree, ())

    def to_fields_v1(self) -> FieldTree:
        """The set as `fieldsV1`, keys sorted."""
        return _sorted(self.tree)

    def _with(self, tree: FieldTree) -> "FieldSet":
        return self if tree is self.tree else FieldSet(tree)


def is_member(node: FieldTree) -> bool:
    """Whether a node of a tree is itself in the set."""
    return not node or SELF in node


def _union(one: FieldTree, other: FieldTree) -> FieldTree:
    if one is other:
        return one
    if not one or not other:
        inner = one or other
        return inner if is_member(inner) else {SELF: {}, **inner}
    result = dict(one)
    for element, node in other.items():
        result[element] = _union(one[element], node) if element in one else node
    return result


def _difference(one: FieldTree, other: FieldTree) -> FieldTree | None:
    """What remains of a node; None when nothing does."""
    if not one:
        return None if is_member(other) else one
    if not other:
        other = {SELF: {}}
    return _normal(_difference_of_children(one, other))


def _difference_of_children(one: FieldTree, other: FieldTree) -> FieldTree:
    result: FieldTree | None = None
    for element, node in other.items():
        if element not in one:
            continue
        rest = _difference(one[element], node)
        if rest is one[element]:
            continue
        result = dict(one) if result is None else result
        if rest is None:
            del result[element]
        else:
            result[element] = rest
    return one if result is None else result


def _without(one: FieldTree, other: FieldTree) -> FieldTree:
    result: FieldTree | None = None
    for element, node in other.items():
        if element not in one:
            continue
        rest = None if is_member(node) else _normal(_without(one[element], node))
        if rest is one[element]:
            continue
        if not one[element] and not is_member(node):
            continue
        result = dict(one) if result is None else result
        if rest is None:
            del result[element]
        else:
            result[element] = rest
    return one if result is None else result


def _normal(tree: FieldTree) -> FieldTree | None:
    """A non-leaf node after removals: None when empty, a leaf when only itself is left."""
    if len(tree) == 1 and SELF in tree:
        return {}
    return tree or None


def _intersection_of_children(one: FieldTree, other: FieldTree) -> FieldTree:
    result: FieldTree = {}
    for element, node in one.items():
        if element in other and element != SELF:
            both = _intersection(node, other[element])
            if both is not None:
                result[element] = both
    return result


def _intersection(one: FieldTree, other: FieldTree) -> FieldTree | None:
    children = _intersection_of_children(one, other)
    if is_member(one) and is_member(other):
        return {SELF: {}, **children} if children else {}
    return children or None


def _paths(tree: FieldTree, prefix: FieldPath) -> Iterator[FieldPath]:
    for element in sorted(tree):
        path = (*prefix, element)
        node = tree[element]
        if element == SELF:
            continue
        if is_member(node):
            yield path
        yield from _paths(node, path)


def _sorted(tree: FieldTree) -> FieldTree:
    return {element: _sorted(tree[element]) for element in sorted(tree)} if tree else {}
