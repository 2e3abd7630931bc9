"""Entries of managedFields: order, identity, cap, and what is never tracked."""

from kaito.local.schema.field_set import FieldSet, FieldTree
from kaito.local.schema.managed_fields import (
    ANCIENT,
    MAX_UPDATERS,
    Manager,
    is_reset,
    parse_managers,
    tracked,
    with_managers,
)


def updater(name: str, field: str = "f:x", *, time: str = "", version: str = "v1") -> Manager:
    """An entry of a manager that owns one field."""
    return Manager(
        name=name,
        operation="Update",
        api_version=version,
        time=time,
        fields=FieldSet({field: {}}),
    )


def test_entries_survive_a_round_trip() -> None:
    entry = {
        "manager": "kubectl",
        "operation": "Apply",
        "apiVersion": "apps/v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {}},
        "subresource": "status",
    }
    manifest = {"metadata": {"managedFields": [entry]}}
    assert with_managers({"metadata": {}}, parse_managers(manifest)) == manifest


def test_appliers_come_first_then_the_older() -> None:
    applier = Manager(
        name="z", operation="Apply", api_version="v1", fields=FieldSet({"f:x": {}}), time="9"
    )
    entries = with_managers({}, [updater("b", time="2"), updater("a", time="3"), applier])
    names = [entry["manager"] for entry in entries["metadata"]["managedFields"]]
    assert names == ["z", "b", "a"]


def test_managers_of_nothing_are_left_out() -> None:
    nobody = Manager(name="n", operation="Update", api_version="v1", fields=FieldSet())
    assert with_managers({"metadata": {"name": "x"}}, [nobody]) == {"metadata": {"name": "x"}}


def test_the_oldest_updaters_are_united_when_there_are_too_many() -> None:
    many = [updater(f"m{n:02}", f"f:x{n}", time=f"{n:02}") for n in range(MAX_UPDATERS + 2)]
    entries = with_managers({}, many)["metadata"]["managedFields"]
    assert len(entries) == MAX_UPDATERS
    ancient = next(entry for entry in entries if entry["manager"] == ANCIENT)
    assert ancient["fieldsV1"] == {"f:x0": {}, "f:x1": {}, "f:x2": {}}


def test_malformed_entries_are_ignored() -> None:
    entries = [{"manager": "x"}, "y", {"operation": "Update", "fieldsV1": 1}]
    assert parse_managers({"metadata": {"managedFields": entries}}) == ()


def test_a_single_empty_entry_is_a_reset() -> None:
    assert is_reset({"metadata": {"managedFields": [{}]}})
    assert not is_reset({"metadata": {}})


def test_identity_and_bookkeeping_are_not_tracked() -> None:
    metadata: FieldTree = {
        "f:name": {},
        "f:uid": {},
        "f:resourceVersion": {},
        "f:generation": {},
        ".": {},
    }
    labels: FieldTree = {"f:labels": {"f:a": {}}}
    fields = FieldSet({"f:kind": {}, "f:apiVersion": {}, "f:metadata": {**metadata, **labels}})
    assert tracked(fields).tree == {"f:metadata": labels}
