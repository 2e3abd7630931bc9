"""The table of kinds, and what every kind of it has in common."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workspace_cases import annotated, workspace

from kaito.api.field_error import FieldError
from kaito.api.kinds import KINDS, Kind, find_kind, forgiving, kind_of_resource
from kaito.api.validation import Surroundings
from kaito.api.workspace import Workspace

ANYWHERE = Surroundings()
NAMES = [kind.definition.kind for kind in KINDS]


def test_a_kind_is_found_by_its_name_and_by_its_resource() -> None:
    found = find_kind("kaito.sh", "Workspace")
    assert found is not None
    assert kind_of_resource("workspaces.kaito.sh") is found
    assert find_kind("apps", "Workspace") is None
    assert kind_of_resource("workspaces.apps") is None


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_what_is_watched_is_what_is_defined(kind: Kind[Any]) -> None:
    (stored,) = [version for version in kind.definition.versions if version.is_stored]
    watched, definition = kind.resource, kind.definition
    assert str(watched) == definition.name
    assert (watched.kind, watched.version) == (definition.kind, stored.name)
    assert watched.namespaced is definition.is_namespaced
    assert watched.type is stored.type


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    ["metadata", "spec", "resource", "inference", "tuning", "labelSelector", "preset", "template"]
)
ROUGH = st.dictionaries(FIELDS, JSON | st.dictionaries(FIELDS, JSON))


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@given(new=ROUGH, old=st.none() | ROUGH)
def test_an_object_of_any_shape_is_answered_in_lines(kind: Kind[Any], new: Any, old: Any) -> None:
    for error in kind.check(new, old, ANYWHERE):
        assert "\n" not in str(error)


def test_a_wrong_type_is_said_with_its_path() -> None:
    found = KINDS[0].check(workspace(resource={"labelSelector": 3}), None, ANYWHERE)
    assert list(map(str, found)) == ["resource.labelSelector: Expected object, got int"]


def test_a_stored_object_that_cannot_be_read_forgives_nothing() -> None:
    new = workspace(metadata=annotated(runtime="tgi"))
    (error,) = KINDS[0].check(new, {"resource": 3}, ANYWHERE)
    assert "'tgi' is not a runtime" in str(error)


def test_forgiving_keeps_old_faults_out_and_reports_changes() -> None:
    def faults(new: Workspace, around: Surroundings) -> list[FieldError]:
        return [FieldError(name, "is odd") for name in new.metadata.labels]

    def changes(new: Workspace, old: Workspace) -> list[FieldError]:
        return [FieldError("metadata.uid", "changed")] if old.metadata.uid else []

    def labelled(*names: str, **metadata: str) -> Workspace:
        labels = dict.fromkeys(names, "x")
        return msgspec.convert({"metadata": {"labels": labels, **metadata}}, Workspace)

    check = forgiving(faults, changes)
    assert check(labelled("a"), None, ANYWHERE) == (FieldError("a", "is odd"),)
    assert check(labelled("a", "b"), labelled("a", uid="u"), ANYWHERE) == (
        FieldError("metadata.uid", "changed"),
        FieldError("b", "is odd"),
    )
    assert check(labelled("a", deletionTimestamp="2026-01-01T00:00:00Z"), None, ANYWHERE) == ()
