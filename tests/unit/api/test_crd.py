"""The generated CustomResourceDefinition."""

from collections.abc import Iterator
from typing import Any

import pytest

from kaito.api.crd import nodeclaim_crd, workspace_crd
from kaito.api.crd.definition import AGE, Column, Definition, Scale, Version
from kaito.api.crd.structure import node_at
from kaito.api.kinds import KINDS
from kaito.api.meta import Object, Wire
from kaito.api.rules import Filled, Present, Rule

CRD = workspace_crd()
VERSIONS = {version["name"]: version for version in CRD["spec"]["versions"]}


def walk(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")


def test_every_part_of_both_schemas_is_structural() -> None:
    for version in VERSIONS.values():
        for path, schema in walk(version["schema"]["openAPIV3Schema"]):
            assert "type" in schema, f"{path} has no type"
            assert not {"$ref", "anyOf", "title"} & schema.keys(), path


def test_every_field_that_a_user_writes_is_described() -> None:
    schema = VERSIONS["v1beta1"]["schema"]["openAPIV3Schema"]
    own = ("resource", "inference", "tuning")
    foreign = ("labelSelector.", "matchLabels", "matchExpressions")
    bare = [
        path
        for path, child in walk(schema)
        if path.startswith(tuple(f".{name}" for name in own))
        and not any(part in path for part in foreign)
        and not path.endswith("[]")
        and "description" not in child
    ]
    assert bare == []


def test_only_the_first_version_has_a_default_instance_type() -> None:
    fields = {
        name: version["schema"]["openAPIV3Schema"]["properties"]["resource"]["properties"]
        for name, version in VERSIONS.items()
    }
    assert fields["v1alpha1"]["instanceType"]["default"] == "Standard_NC24ads_A100_v4"
    assert "default" not in fields["v1beta1"]["instanceType"]
    assert "partition" not in fields["v1alpha1"]
    assert fields["v1beta1"]["count"]["default"] == 1


def test_the_columns_are_those_that_users_read() -> None:
    shown = [
        column["name"].upper()
        for column in VERSIONS["v1beta1"]["additionalPrinterColumns"]
        if not column.get("priority")
    ]
    assert shown == [
        "INSTANCE",
        "RESOURCEREADY",
        "INFERENCEREADY",
        "JOBSTARTED",
        "WORKSPACEREADY",
        "AGE",
    ]


class Part(Wire):
    """A part."""

    name: str = ""
    """What it is called."""


class Thing(Object):
    """A thing."""

    parts: tuple[Part, ...] = ()
    """What it is made of."""
    kept: Part | None = None
    """One of them."""
    dropped: str = ""
    """Only in some versions."""


THING = Definition(
    group="example.com",
    kind="Thing",
    plural="things",
    short_names=("th",),
    is_namespaced=False,
    versions=(
        Version(
            name="v1",
            type=Thing,
            is_stored=True,
            columns=(Column(name="Name", path=".kept.name", priority=1), AGE),
            scale=Scale(selector=".status.selector"),
            rules=(
                Rule(path="parts[]", expression=Filled("name"), message="m", blames="name"),
                Rule(expression=Present("kept"), message="n", versions=("v2",)),
            ),
            limits={"parts[].name": {"maxLength": 9}},
            defaults={"kept.name": "x"},
            without=("dropped",),
            open=("kept",),
        ),
        Version(name="v0", type=Thing, warning="use v1"),
    ),
)


def test_a_definition_says_everything_that_a_struct_cannot() -> None:
    spec = THING.to_manifest()["spec"]
    assert spec["names"] == {
        "kind": "Thing",
        "listKind": "ThingList",
        "plural": "things",
        "singular": "thing",
        "shortNames": ["th"],
    }
    assert spec["scope"] == "Cluster"
    new, old = spec["versions"]
    assert new["subresources"] == {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    }
    assert [column.get("priority", 0) for column in new["additionalPrinterColumns"]] == [1, 0]
    assert "deprecated" not in new
    assert (old["deprecated"], old["deprecationWarning"]) == (True, "use v1")
    assert (new["storage"], old["storage"]) == (True, False)


def test_what_one_version_adds_does_not_leak_into_another_field_or_version() -> None:
    new, old = (v["schema"]["openAPIV3Schema"] for v in THING.to_manifest()["spec"]["versions"])
    name = node_at(new, "parts[].name")
    assert name == {"description": "What it is called.", "type": "string", "maxLength": 9}
    (rule,) = (node_at(new, "parts[]") or {})["x-kubernetes-validations"]
    assert (rule["message"], rule["fieldPath"]) == ("m", ".name")
    kept = node_at(new, "kept") or {}
    assert kept["x-kubernetes-preserve-unknown-fields"] is True
    assert kept["properties"]["name"] == {
        "description": "What it is called.",
        "type": "string",
        "default": "x",
    }
    assert "x-kubernetes-validations" not in new
    assert node_at(new, "dropped") is None
    assert node_at(old, "parts[].name") == {"description": "What it is called.", "type": "string"}
    assert node_at(old, "dropped") is not None


def test_a_rule_that_stands_nowhere_is_a_mistake_of_ours() -> None:
    rule = Rule(path="nowhere", expression=Present("a"), message="m")
    with pytest.raises(AssertionError, match="has nothing at 'nowhere'"):
        Version(name="v1", type=Thing, rules=(rule,)).schema()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.definition.kind)
def test_every_rule_blames_a_field_that_its_schema_has(kind: Any) -> None:
    for version in kind.definition.versions:
        for path, node in walk(version.schema()):
            for rule in node.get("x-kubernetes-validations", ()):
                blamed = rule.get("fieldPath", "").removeprefix(".")
                assert node_at(node, blamed) is not None, f"{path}: {blamed}"
                assert len(rule["message"]) < 2048


def test_a_nodeclaim_keeps_what_karpenter_knows_and_we_do_not() -> None:
    (version,) = nodeclaim_crd()["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    for part in ("spec", "status"):
        assert schema["properties"][part]["x-kubernetes-preserve-unknown-fields"] is True
