"""JSON patch and JSON merge patch, against the examples of their RFCs and by properties."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaito.local.schema.patches import (
    PatchConflict,
    PatchError,
    apply_json_patch,
    apply_merge_patch,
)

PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

Json = Any

SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab/~", max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text("abc", max_size=2), VALUES, max_size=4)


@pytest.mark.parametrize(
    ("document", "operation", "result"),
    [
        # RFC 6902, appendix A, in order.
        (
            {"foo": "bar"},
            {"op": "add", "path": "/baz", "value": "qux"},
            {"baz": "qux", "foo": "bar"},
        ),
        (
            {"foo": ["bar", "baz"]},
            {"op": "add", "path": "/foo/1", "value": "qux"},
            {"foo": ["bar", "qux", "baz"]},
        ),
        ({"baz": "qux", "foo": "bar"}, {"op": "remove", "path": "/baz"}, {"foo": "bar"}),
        (
            {"foo": ["bar", "qux", "baz"]},
            {"op": "remove", "path": "/foo/1"},
            {"foo": ["bar", "baz"]},
        ),
        (
            {"baz": "qux", "foo": "bar"},
            {"op": "replace", "path": "/baz", "value": "boo"},
            {"baz": "boo", "foo": "bar"},
        ),
        (
            {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
            {"op": "move", "from": "/foo/waldo", "path": "/qux/thud"},
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
        ),
        (
            {"foo": ["all", "grass", "cows", "eat"]},
            {"op": "move", "from": "/foo/1", "path": "/foo/3"},
            {"foo": ["all", "cows", "eat", "grass"]},
        ),
        ({"foo": 1}, {"op": "test", "path": "/foo", "value": 1}, {"foo": 1}),
        (
            {"foo": "bar"},
            {"op": "add", "path": "/child", "value": {"grandchild": {}}},
            {"foo": "bar", "child": {"grandchild": {}}},
        ),
        ({"foo": "bar"}, {"op": "add", "path": "/b", "value": 1, "xyz": 2}, {"foo": "bar", "b": 1}),
        ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
        (
            {"foo": ["bar"]},
            {"op": "add", "path": "/foo/-", "value": ["abc", "def"]},
            {"foo": ["bar", ["abc", "def"]]},
        ),
        (
            {"a": {"b": 1}},
            {"op": "copy", "from": "/a", "path": "/c"},
            {"a": {"b": 1}, "c": {"b": 1}},
        ),
        ({"a": 1}, {"op": "replace", "path": "", "value": {"b": 2}}, {"b": 2}),
    ],
)
def test_json_patch_operation(document: Json, operation: Json, result: Json) -> None:
    before = copy.deepcopy(document)
    assert apply_json_patch(document, [operation]) == result
    assert document == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/none"},
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "add", "path": "/none/deeper", "value": 1},
        {"op": "add", "path": "/list/3", "value": 1},
        {"op": "add", "path": "/list/01", "value": 1},
        {"op": "test", "path": "/one", "value": True},
        {"op": "test", "path": "/none", "value": None},
        {"op": "move", "from": "/map", "path": "/map/inner"},
        {"op": "copy", "from": "/none", "path": "/x"},
        {"op": "replace", "path": "", "value": []},
    ],
)
def test_json_patch_that_does_not_fit_is_a_conflict(operation: Json) -> None:
    with pytest.raises(PatchConflict):
        apply_json_patch({"list": [1, 2], "map": {}, "one": 1}, [operation])


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ({"op": "merge", "path": "/a"}, "operation 1 .* no valid `op`"),
        ({"path": "/a"}, "no valid `op`"),
        ("add", "no valid `op`"),
        ({"op": "add", "path": "/a"}, "'value' is missing"),
        ({"op": "add", "value": 1}, "'path' is missing"),
        ({"op": "copy", "path": "/a"}, "'from' is missing"),
        ({"op": "remove", "path": "a"}, "does not begin with /"),
        ({"op": "remove", "path": "/~2"}, "~ that neither 0 nor 1 follows"),
    ],
)
def test_malformed_json_patch_says_which_operation_and_why(operation: Json, said: str) -> None:
    fine = {"op": "add", "path": "/a", "value": 1}
    with pytest.raises(PatchError, match=said) as caught:
        apply_json_patch({}, [fine, operation])
    assert not isinstance(caught.value, PatchConflict)


@PROPERTY
@given(OBJECTS, VALUES)
def test_adding_then_removing_a_member_changes_nothing(document: Json, value: Json) -> None:
    operations = [{"op": "add", "path": "/new~0~1", "value": value}]
    added = apply_json_patch(document, operations)
    assert added["new~/"] == value
    assert apply_json_patch(added, [{"op": "remove", "path": "/new~0~1"}]) == document


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        # RFC 7386, appendix A, where the result is an object.
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target: Json, patch: Json, result: Json) -> None:
    before = copy.deepcopy(target)
    assert apply_merge_patch(target, patch) == result
    assert target == before


def difference(old: Json, new: Json) -> Json:
    """The merge patch that turns one null-free object into another."""
    patch = {name: None for name in old if name not in new}
    for name, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(name), dict):
            patch[name] = difference(old[name], value)
        elif name not in old or old[name] != value or type(old[name]) is not type(value):
            patch[name] = value
    return patch


def without_nulls(value: Json) -> Json:
    """The value with null members left out; merge patches cannot express them."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return value


@PROPERTY
@given(OBJECTS.map(without_nulls), OBJECTS.map(without_nulls))
def test_merging_the_difference_of_two_objects_leads_from_one_to_the_other(
    old: Json, new: Json
) -> None:
    assert apply_merge_patch(old, difference(old, new)) == new
