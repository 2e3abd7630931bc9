"""Sets of fields: the laws of sets, and the wire format."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaito.local.schema.field_paths import to_display
from kaito.local.schema.field_set import FieldPath, FieldSet, FieldTree

PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ELEMENTS = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])
PATHS = st.frozensets(st.lists(ELEMENTS, min_size=1, max_size=3).map(tuple), max_size=6)


def set_of(paths: frozenset[FieldPath]) -> FieldSet:
    """The set with exactly these members."""
    result = FieldSet()
    for path in paths:
        tree: FieldTree = {}
        for element in reversed(path):
            tree = {element: tree}
        result = result.union(FieldSet(tree))
    return result


@PROPERTY
@given(PATHS, PATHS)
def test_operations_are_those_of_sets(
    one: frozenset[FieldPath], other: frozenset[FieldPath]
) -> None:
    left, right = set_of(one), set_of(other)
    assert set(left.paths()) == one
    assert set(left.union(right).paths()) == one | other
    assert set(left.intersection(right).paths()) == one & other
    assert set(left.difference(right).paths()) == one - other


@PROPERTY
@given(PATHS, PATHS)
def test_recursive_removal_takes_everything_beneath(
    one: frozenset[FieldPath], other: frozenset[FieldPath]
) -> None:
    kept = {p for p in one if not any(p[:n] in other for n in range(1, len(p) + 1))}
    assert set(set_of(one).without(set_of(other)).paths()) == kept


@PROPERTY
@given(PATHS, PATHS)
def test_operations_leave_their_operands_alone(
    one: frozenset[FieldPath], other: frozenset[FieldPath]
) -> None:
    left, right = set_of(one), set_of(other)
    left.union(right)
    left.difference(right)
    left.without(right)
    left.intersection(right)
    assert set(left.paths()) == one
    assert set(right.paths()) == other


@PROPERTY
@given(PATHS)
def test_removing_what_is_not_there_returns_the_same_set(paths: frozenset[FieldPath]) -> None:
    fields = set_of(paths)
    absent = FieldSet({"f:absent": {}})
    assert fields.difference(absent) is fields
    assert fields.without(absent) is fields


@PROPERTY
@given(PATHS)
def test_wire_form_is_sorted_and_reads_back_the_same(paths: frozenset[FieldPath]) -> None:
    wire = set_of(paths).to_fields_v1()
    assert list(wire) == sorted(wire)
    assert set(FieldSet(wire).paths()) == paths


def test_inner_member_is_marked_by_a_dot() -> None:
    fields = FieldSet({"f:a": {}}).union(FieldSet({"f:a": {"f:b": {}}}))
    assert fields.to_fields_v1() == {"f:a": {".": {}, "f:b": {}}}
    assert fields.difference(FieldSet({"f:a": {"f:b": {}}})).to_fields_v1() == {"f:a": {}}


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (("f:spec", "f:replicas"), ".spec.replicas"),
        (("f:c", 'k:{"name":"nginx"}', "f:image"), '.c[name="nginx"].image'),
        (
            ("f:p", 'k:{"port":80,"protocol":"TCP"}'),
            '.p[port=80,protocol="TCP"]',
        ),
        (("f:finalizers", 'v:"x:y"'), '.finalizers[="x:y"]'),
        (("f:metadata", "f:labels", "f:a:b"), ".metadata.labels.a:b"),
    ],
)
def test_paths_are_shown_as_in_conflicts(path: FieldPath, shown: str) -> None:
    assert to_display(path) == shown
