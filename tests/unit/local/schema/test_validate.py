"""Validation says what kube-apiserver says."""

from typing import Any

import pytest

from kaito.api.meta import Manifest
from kaito.local.schema.builtin import builtin_schema
from kaito.local.schema.structure import compile_schema
from kaito.local.schema.validate import Reason, validate


def problems(node: Manifest, value: Any) -> list[str]:
    """What is wrong with `value` in the field `x` of a custom resource."""
    schema = compile_schema({"type": "object", "properties": {"x": node}})
    return [str(error) for error in validate(schema, {"x": value})]


@pytest.mark.parametrize(
    ("node", "value", "line"),
    [
        (
            {"type": "integer"},
            "three",
            'x: Invalid value: "string": x in body must be of type integer: "string"',
        ),
        (
            {"type": "string"},
            None,
            'x: Invalid value: "null": x in body must be of type string: "null"',
        ),
        (
            {"type": "integer"},
            True,
            'x: Invalid value: "boolean": x in body must be of type integer: "boolean"',
        ),
        (
            {"type": "integer"},
            1.5,
            'x: Invalid value: "number": x in body must be of type integer: "number"',
        ),
        (
            {"type": "string", "enum": ["a", "b"]},
            "c",
            'x: Unsupported value: "c": supported values: "a", "b"',
        ),
        (
            {"type": "string", "pattern": "^a+$"},
            "b",
            "x: Invalid value: \"b\": x in body should match '^a+$'",
        ),
        (
            {"type": "integer", "minimum": 1},
            0,
            "x: Invalid value: 0: x in body should be greater than or equal to 1",
        ),
        (
            {"type": "integer", "format": "int64", "minimum": 1},
            0,
            "x: Invalid value: 0: x in body should be greater than or equal to 1",
        ),
        (
            {"type": "integer", "maximum": 5, "exclusiveMaximum": True},
            5,
            "x: Invalid value: 5: x in body should be less than 5",
        ),
        (
            {"type": "number", "multipleOf": 0.5},
            0.7,
            "x: Invalid value: 0.7: x in body should be a multiple of 0.5",
        ),
        (
            {"type": "string", "minLength": 2},
            "a",
            'x: Invalid value: "a": x in body should be at least 2 chars long',
        ),
        (
            {"type": "string", "maxLength": 2},
            "abc",
            "x: Too long: may not be more than 2 bytes",
        ),
        (
            {"type": "array", "items": {"type": "string"}, "maxItems": 1},
            ["a", "b"],
            "x: Too many: 2: must have at most 1 items",
        ),
        (
            {"type": "array", "minItems": 1},
            [],
            "x: Invalid value: []: x in body should have at least 1 items",
        ),
        (
            {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 1},
            {"a": "1", "b": "2"},
            'x: Invalid value: {"a":"1","b":"2"}: x in body should have at most 1 properties',
        ),
        (
            {"type": "string", "format": "date-time"},
            "soon",
            'x: Invalid value: "soon": x in body must be of type date-time: "soon"',
        ),
        (
            {"type": "integer", "format": "int32"},
            2**31,
            "x: Invalid value: 2147483648: x in body must be of type int32: 2147483648",
        ),
        (
            {"type": "array", "items": {"type": "string"}},
            [None],
            'x[0]: Invalid value: "null": x[0] in body must be of type string: "null"',
        ),
        ({"type": "object", "required": ["y"]}, {}, "x.y: Required value"),
        (
            {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "string"}}}},
            [{"n": "a"}, {"n": 1}],
            'x[1].n: Invalid value: "integer": x[1].n in body must be of type string: "integer"',
        ),
        (
            {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            ["a", "a"],
            'x[1]: Duplicate value: "a"',
        ),
        (
            {
                "type": "array",
                "items": {"type": "object", "properties": {"k": {"type": "string"}}},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["k"],
            },
            [{"k": "a"}, {"k": "a"}],
            'x[1]: Duplicate value: {"k":"a"}',
        ),
        (
            {"x-kubernetes-int-or-string": True},
            1.5,
            'x: Invalid value: "number": x in body must be of type int-or-string: "number"',
        ),
        (
            {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {},
            (
                'x: Invalid value: {}: "x" must validate one and only one schema (oneOf).'
                " Found none valid"
            ),
        ),
        (
            {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {},
            'x: Invalid value: {}: "x" must validate at least one schema (anyOf)',
        ),
        (
            {"type": "string", "not": {"enum": ["a"]}},
            "a",
            'x: Invalid value: "a": "x" must not validate the schema (not)',
        ),
    ],
)
def test_problem_is_said_in_kubernetes_words(node: Manifest, value: Any, line: str) -> None:
    assert problems(node, value) == [line]


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"type": "integer"}, 1.0),
        ({"type": "number"}, 1),
        ({"type": "string", "nullable": True}, None),
        ({"x-kubernetes-int-or-string": True}, "25%"),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, {"a": [1, {"b": None}]}),
        ({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": 1}),
    ],
)
def test_valid_values_pass(node: Manifest, value: Any) -> None:
    assert problems(node, value) == []


def test_every_problem_is_reported_at_once() -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "labels": {"a": 1}},
        "spec": {
            "restartPolicy": "Sometimes",
            "containers": [
                {"name": "Main", "ports": [{"containerPort": 0}]},
                {"image": "x", "resources": {"limits": {"memory": "1GB"}}},
            ],
        },
    }
    found = validate(builtin_schema("", "v1", "Pod"), pod)
    assert [(error.path, error.reason) for error in found] == [
        ("metadata.labels.a", Reason.TYPE_INVALID),
        ("spec.restartPolicy", Reason.NOT_SUPPORTED),
        ("spec.containers[0].name", Reason.INVALID),
        ("spec.containers[0].ports[0].containerPort", Reason.INVALID),
        ("spec.containers[1].name", Reason.REQUIRED),
        ("spec.containers[1].resources.limits.memory", Reason.INVALID),
    ]


def test_cause_carries_reason_message_and_field() -> None:
    (error,) = validate(builtin_schema("", "v1", "Pod"), {"spec": {"containers": []}})
    assert error.cause == {
        "reason": "FieldValueRequired",
        "message": "Required value",
        "field": "spec.containers",
    }


def test_nulls_in_built_in_kinds_mean_absent() -> None:
    pod = {
        "metadata": {"name": "p", "creationTimestamp": None},
        "spec": {"containers": [{"name": "a", "resources": None}], "volumes": None},
    }
    assert validate(builtin_schema("", "v1", "Pod"), pod) == ()


def test_repeated_container_names_are_refused_but_repeated_variables_are_not() -> None:
    twice = {"name": "a", "env": [{"name": "X"}, {"name": "X"}]}
    found = validate(builtin_schema("", "v1", "Pod"), {"spec": {"containers": [twice, twice]}})
    assert [str(error) for error in found] == ['spec.containers[1]: Duplicate value: {"name":"a"}']


def test_metadata_of_custom_resources_is_held_to_object_meta() -> None:
    schema = compile_schema(
        {
            "type": "object",
            "properties": {
                "metadata": {
                    "type": "object",
                    "properties": {"name": {"type": "string", "maxLength": 3}},
                }
            },
        }
    )
    found = validate(schema, {"metadata": {"name": "long", "finalizers": "x"}})
    assert {error.path for error in found} == {"metadata.name", "metadata.finalizers"}
