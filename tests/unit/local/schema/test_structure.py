"""Compiling schemas: what is derived, what references mean, what is refused."""

import pytest

from kaito.local.schema.structure import OPEN, SchemaError, Validation, compile_schema


def test_root_knows_identity_fields_that_the_document_leaves_out() -> None:
    schema = compile_schema({"type": "object", "properties": {"spec": {"type": "object"}}})
    assert schema.properties["apiVersion"].type == "string"
    assert schema.properties["metadata"].properties["labels"].additional is not None


def test_fields_of_an_object_without_additional_properties_are_closed() -> None:
    schema = compile_schema({"type": "object", "properties": {"a": {"type": "string"}}})
    assert schema.child("a") is not None
    assert schema.child("b") is None
    assert schema.child_or_open("b") is OPEN


@pytest.mark.parametrize(
    "node",
    [
        {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        {"type": "object", "additionalProperties": True},
        {},
    ],
)
def test_any_field_may_appear_where_the_document_says_so(node: dict[str, object]) -> None:
    schema = compile_schema({"type": "object", "properties": {"x": node}})
    assert schema.properties["x"].child("anything") is OPEN


def test_keywords_beside_a_reference_add_to_the_definition() -> None:
    reference = {"$ref": "#/components/schemas/io.k8s.api.core.v1.ContainerPort"}
    schema = compile_schema(
        {
            "type": "object",
            "properties": {"port": {"allOf": [reference], "default": {"containerPort": 80}}},
        }
    )
    port = schema.properties["port"]
    assert port.default == {"containerPort": 80}
    assert port.properties["containerPort"].type == "integer"


def test_embedded_resources_have_object_metadata() -> None:
    node = {"type": "object", "x-kubernetes-embedded-resource": True}
    schema = compile_schema({"type": "object", "properties": {"template": node}})
    template = schema.properties["template"]
    assert "ownerReferences" in template.properties["metadata"].properties


def test_merge_semantics_and_rules_are_kept() -> None:
    schema = compile_schema(
        {
            "type": "object",
            "x-kubernetes-validations": [{"rule": "self.a > 0", "message": "too small"}],
            "properties": {
                "list": {
                    "type": "array",
                    "items": {"type": "object"},
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["a", "b"],
                    "x-kubernetes-patch-strategy": "merge,retainKeys",
                    "x-kubernetes-patch-merge-key": "a",
                },
                "map": {"type": "object", "x-kubernetes-map-type": "atomic"},
            },
        }
    )
    keyed = schema.properties["list"]
    assert (keyed.list_type, keyed.list_map_keys) == ("map", ("a", "b"))
    assert keyed.patch_strategy == {"merge", "retainKeys"}
    assert schema.properties["map"].map_type == "atomic"
    assert schema.validations == (Validation(rule="self.a > 0", message="too small"),)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"$ref": "#/components/schemas/io.k8s.Nothing"}, "'io.k8s.Nothing' does not exist"),
        ({"type": "string", "pattern": "("}, r"properties\[x\].pattern '\(' is not a regular"),
        ({"type": ["string", "null"]}, r"properties\[x\].type is not a string"),
        ({"properties": []}, r"properties\[x\].properties is not an object"),
        ({"items": "x"}, r"properties\[x\].items is not an object"),
    ],
)
def test_nonsense_is_refused_with_its_place(node: dict[str, object], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        compile_schema({"type": "object", "properties": {"x": node}})
