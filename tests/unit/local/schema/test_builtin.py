"""The shipped kinds: every one compiles, and its OpenAPI document is whole."""

import pytest

from kaito.local.schema.builtin import (
    builtin_schema,
    custom_document,
    has_builtin,
    schema_document,
    schema_name,
)
from kaito.local.schema.definitions import kind_names, referenced_names

KINDS = sorted(kind_names())


@pytest.mark.parametrize("kind", KINDS, ids="/".join)
def test_kind_compiles_and_its_document_has_every_definition_it_refers_to(
    kind: tuple[str, str, str],
) -> None:
    assert builtin_schema(*kind).type == "object"
    components = schema_document(*kind)["components"]["schemas"]
    assert schema_name(*kind) in components
    assert set(referenced_names(components)) <= components.keys()


@pytest.mark.parametrize(
    ("group", "version", "names"),
    [
        ("", "v1", "Pod Node Namespace Service Endpoints ConfigMap Secret Event ServiceAccount"),
        ("apps", "v1", "Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision"),
        ("batch", "v1", "Job CronJob"),
        ("discovery.k8s.io", "v1", "EndpointSlice"),
        ("coordination.k8s.io", "v1", "Lease"),
        ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
    ],
)
def test_kinds_that_the_plane_serves_are_known(group: str, version: str, names: str) -> None:
    assert all(has_builtin(group, version, kind) for kind in names.split())
    assert not has_builtin(group, version, "Nothing")


def test_definitions_shared_by_kinds_are_compiled_once() -> None:
    pod = builtin_schema("", "v1", "Pod").properties["spec"]
    template = builtin_schema("apps", "v1", "Deployment").properties["spec"].properties["template"]
    assert pod.properties["containers"].items is not None
    assert pod.properties["containers"].items is (
        template.properties["spec"].properties["containers"].items
    )


@pytest.mark.parametrize(
    ("kind", "path", "keys", "merge_key"),
    [
        (("", "v1", "Pod"), "spec.containers", ("name",), "name"),
        (("", "v1", "Pod"), "spec.volumes", ("name",), "name"),
        (("", "v1", "Pod"), "status.conditions", ("type",), "type"),
        (("", "v1", "Pod"), "metadata.ownerReferences", ("uid",), "uid"),
        (("", "v1", "Service"), "spec.ports", ("port", "protocol"), "port"),
        (("apps", "v1", "Deployment"), "status.conditions", ("type",), "type"),
    ],
)
def test_lists_are_keyed_as_in_kubernetes(
    kind: tuple[str, str, str], path: str, keys: tuple[str, ...], merge_key: str
) -> None:
    schema = builtin_schema(*kind)
    for name in path.split("."):
        schema = schema.properties[name]
    assert (schema.list_type, schema.list_map_keys) == ("map", keys)
    assert "merge" in schema.patch_strategy
    assert schema.patch_merge_key == merge_key


def test_kinds_are_found_in_documents_by_their_group_version_kind() -> None:
    document = schema_document("apps", "v1", "Deployment")
    root = document["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"]
    assert root["x-kubernetes-group-version-kind"] == [
        {"group": "apps", "version": "v1", "kind": "Deployment"}
    ]


def test_custom_documents_refer_to_object_meta() -> None:
    schema = {"type": "object", "properties": {"spec": {"type": "string"}}}
    document = custom_document("kaito.sh", "v1alpha1", "Workspace", schema)
    components = document["components"]["schemas"]
    root = components["sh.kaito.v1alpha1.Workspace"]
    assert root["properties"]["spec"] == {"type": "string"}
    assert set(referenced_names(components)) <= components.keys()


def test_statuses_may_leave_out_what_go_would_write_as_zero() -> None:
    status = builtin_schema("apps", "v1", "StatefulSet").properties["status"]
    assert status.required == ()
