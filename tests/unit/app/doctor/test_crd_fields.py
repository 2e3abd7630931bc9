"""How an installed CRD is compared with ours."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.app.doctor.cases import crd

from kaito.api.crd.workspace import WORKSPACE
from kaito.api.kinds import KINDS
from kaito.api.meta import Manifest
from kaito.app.doctor.crd_fields import missing_fields, missing_rules, missing_versions


def schema_of(manifest: Manifest, version: str = "v1beta1") -> Manifest:
    found = next(v for v in manifest["spec"]["versions"] if v["name"] == version)
    schema: Manifest = found["schema"]["openAPIV3Schema"]
    return schema


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.resource))
def test_a_kind_lacks_nothing_of_itself(kind: Any) -> None:
    installed = crd(kind.definition.to_manifest())
    assert missing_versions(kind.definition, installed) == ()
    assert missing_fields(kind.definition, installed) == ()
    assert missing_rules(kind.definition, installed) == 0


def test_a_field_that_is_missing_is_named_by_its_path_and_once() -> None:
    manifest = WORKSPACE.to_manifest()
    for version in ("v1alpha1", "v1beta1"):
        properties = schema_of(manifest, version)["properties"]
        del properties["status"]["properties"]["plan"]
        del properties["inference"]["properties"]["adapters"]["items"]["properties"]["strength"]
    found = missing_fields(WORKSPACE, crd(manifest))
    assert set(found) == {"status.plan", "inference.adapters[].strength"}
    assert len(found) == 2


def test_what_keeps_unknown_fields_lacks_none() -> None:
    manifest = WORKSPACE.to_manifest()
    for version in ("v1alpha1", "v1beta1"):
        schema = schema_of(manifest, version)
        schema["properties"]["status"] = {"x-kubernetes-preserve-unknown-fields": True}
    assert missing_fields(WORKSPACE, crd(manifest)) == ()


def test_rules_and_versions_that_are_missing_are_counted() -> None:
    manifest = WORKSPACE.to_manifest()
    before = len(schema_of(manifest)["x-kubernetes-validations"])
    assert before
    del schema_of(manifest)["x-kubernetes-validations"]
    assert missing_rules(WORKSPACE, crd(manifest)) == before
    manifest["spec"]["versions"] = [
        v for v in manifest["spec"]["versions"] if v["name"] == "v1alpha1"
    ]
    assert missing_versions(WORKSPACE, crd(manifest)) == ("v1beta1",)


@given(st.data())
def test_any_field_taken_away_is_found(data: st.DataObject) -> None:
    manifest = copy.deepcopy(WORKSPACE.to_manifest())
    node, path = schema_of(manifest), ""
    while True:
        name = data.draw(st.sampled_from(sorted(node["properties"])))
        path = f"{path}.{name}" if path else name
        child = node["properties"][name]
        if not child.get("properties") or data.draw(st.booleans()):
            del node["properties"][name]
            break
        node = child
    assert path in missing_fields(WORKSPACE, crd(manifest))
