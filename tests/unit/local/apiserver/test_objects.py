"""Objects as manifests: metadata, encoding, names."""

import msgspec
import pytest

from kaito.local.apiserver.kinds import builtin_registry
from kaito.local.apiserver.objects import (
    content_equal,
    in_version,
    metadata_problems,
    name_problems,
    to_encoder,
    with_field,
    with_metadata,
)
from kaito.local.apiserver.registry import Served

REGISTRY = builtin_registry()


def served(resource: str) -> Served:
    found = REGISTRY.named(resource)
    assert found is not None
    return found


def test_a_changed_object_leaves_the_old_one_alone() -> None:
    old = {"metadata": {"name": "a", "labels": {"x": "1"}}, "status": {}}
    new = with_metadata(old, labels=None, uid="u")
    assert new["metadata"] == {"name": "a", "uid": "u"}
    assert with_field(new, "status", None) == {"metadata": new["metadata"]}
    assert with_field({}, "status", None) == {}
    assert old == {"metadata": {"name": "a", "labels": {"x": "1"}}, "status": {}}


def test_a_value_carries_its_revision_and_begins_with_its_version() -> None:
    value = to_encoder({"data": {}, "kind": "X", "apiVersion": "g/v1", "metadata": {}})(7)
    assert value.startswith(b'{"apiVersion":"g/v1",')
    assert msgspec.json.decode(value)["metadata"] == {"resourceVersion": "7"}


@pytest.mark.parametrize("stored", ["example.com/v1", "example.com/v1alpha1"])
def test_a_value_is_served_under_another_version(stored: str) -> None:
    value = to_encoder({"apiVersion": stored, "kind": "X", "metadata": {}, "a": '",x'})(1)
    shown = msgspec.json.decode(in_version(value, "example.com/v1"))
    assert shown["apiVersion"] == "example.com/v1"
    assert shown["kind"] == "X"
    assert shown["a"] == '",x'


def test_when_a_manager_wrote_is_no_difference_but_what_it_owns_is() -> None:
    def owned(time: str, field: str) -> dict[str, object]:
        entry = {"manager": "m", "time": time, "fieldsV1": {field: {}}}
        return {"metadata": {"managedFields": [entry]}, "data": {}}

    assert content_equal(owned("1", "f:a"), owned("2", "f:a"))
    assert not content_equal(owned("1", "f:a"), owned("1", "f:b"))
    assert not content_equal(owned("1", "f:a"), {**owned("1", "f:a"), "data": {"x": "1"}})


@pytest.mark.parametrize(
    ("resource", "name", "good"),
    [
        ("pods", "web-0.example", True),
        ("pods", "Web", False),
        ("pods", "-web", False),
        ("pods", "a" * 253, True),
        ("pods", "a" * 254, False),
        ("services", "a.b", False),
        ("services", "a" * 64, False),
        ("namespaces", "team-1", True),
    ],
)
def test_names_follow_the_rules_of_their_kind(resource: str, name: str, good: bool) -> None:
    assert (name_problems(served(resource), name) == ()) is good


@pytest.mark.parametrize(
    ("labels", "good"),
    [
        ({"app": "x"}, True),
        ({"example.com/app": ""}, True),
        ({"Example.com/app": "x"}, True),
        ({"a/b/c": "x"}, False),
        ({"": "x"}, False),
        ({"app": "-x"}, False),
        ({"app": "x" * 64}, False),
        ({"app": "a b"}, False),
    ],
)
def test_labels_are_qualified_names_with_short_values(labels: dict[str, str], good: bool) -> None:
    assert (metadata_problems({"metadata": {"labels": labels}}) == ()) is good


def test_annotations_may_be_long_but_not_endless() -> None:
    assert metadata_problems({"metadata": {"annotations": {"a": "x" * 200_000}}}) == ()
    (problem,) = metadata_problems({"metadata": {"annotations": {"a": "x" * 300_000}}})
    assert problem.reason == "FieldValueTooLong"
