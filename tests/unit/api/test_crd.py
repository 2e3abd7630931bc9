"""The generated CustomResourceDefinition."""

from collections.abc import Iterator
from typing import Any

from kaito.api.crd import workspace_crd

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
