"""Strategic merge patch on real kinds, with the patches that kubectl sends."""

import copy
from typing import Any

import pytest

from kaito.api.meta import Manifest
from kaito.local.schema.builtin import builtin_schema
from kaito.local.schema.patches import PatchError, apply_strategic_merge_patch

Json = Any

POD = builtin_schema("", "v1", "Pod")
SERVICE = builtin_schema("", "v1", "Service")
DEPLOYMENT = builtin_schema("apps", "v1", "Deployment")


def patched_pod(spec: Json, patch: Json) -> Json:
    """The spec of a pod after a patch of its spec."""
    document = {"spec": spec}
    before = copy.deepcopy(document)
    result = apply_strategic_merge_patch(document, {"spec": patch}, POD)
    assert document == before
    return result["spec"]


def test_items_are_merged_by_key_in_the_order_of_the_patch() -> None:
    spec = {"containers": [{"name": "a", "image": "a:1", "tty": True}, {"name": "b"}]}
    patch = {"containers": [{"name": "c"}, {"name": "a", "image": "a:2"}]}
    assert patched_pod(spec, patch)["containers"] == [
        {"name": "c"},
        {"name": "a", "image": "a:2", "tty": True},
        {"name": "b"},
    ]


def test_stated_order_arranges_items_around_those_only_the_server_has() -> None:
    spec = {"containers": [{"name": "sidecar"}, {"name": "b"}, {"name": "a"}]}
    patch = {
        "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}, {"name": "new"}],
        "containers": [{"name": "new"}],
    }
    names = [c["name"] for c in patched_pod(spec, patch)["containers"]]
    assert names == ["sidecar", "a", "b", "new"]


def test_order_alone_rearranges() -> None:
    spec = {"containers": [{"name": "b"}, {"name": "a", "image": "x"}]}
    patch = {"$setElementOrder/containers": [{"name": "a"}, {"name": "b"}]}
    assert patched_pod(spec, patch)["containers"] == [{"name": "a", "image": "x"}, {"name": "b"}]


def test_kubectl_apply_that_changes_one_variable_keeps_the_rest() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    spec = {"containers": [{"name": "a", "image": "x", "env": env}]}
    patch = {
        "$setElementOrder/containers": [{"name": "a"}],
        "containers": [
            {
                "$setElementOrder/env": [{"name": "A"}, {"name": "B"}],
                "env": [{"name": "B", "value": "3"}],
                "name": "a",
            }
        ],
    }
    assert patched_pod(spec, patch) == {
        "containers": [
            {
                "name": "a",
                "image": "x",
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}],
            }
        ]
    }


def test_items_are_deleted_by_directive() -> None:
    spec = {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}]}
    patch = {"volumes": [{"$patch": "delete", "name": "v"}, {"$patch": "delete", "name": "none"}]}
    assert patched_pod(spec, patch)["volumes"] == [{"name": "w", "emptyDir": {}}]


def test_list_is_replaced_by_directive() -> None:
    spec = {"containers": [{"name": "a"}, {"name": "b"}]}
    patch = {"containers": [{"name": "c"}, {"$patch": "replace"}]}
    assert patched_pod(spec, patch)["containers"] == [{"name": "c"}]


def test_map_is_replaced_or_emptied_by_directive() -> None:
    document = {"metadata": {"labels": {"a": "1"}, "annotations": {"b": "2"}}}
    patch = {
        "metadata": {
            "labels": {"$patch": "replace", "c": "3"},
            "annotations": {"$patch": "delete"},
        }
    }
    assert apply_strategic_merge_patch(document, patch, POD) == {
        "metadata": {"labels": {"c": "3"}, "annotations": {}}
    }


def test_retained_keys_clear_the_other_volume_source() -> None:
    spec = {"volumes": [{"name": "v", "emptyDir": {"medium": "Memory"}}]}
    patch = {
        "$setElementOrder/volumes": [{"name": "v"}],
        "volumes": [
            {
                "$retainKeys": ["name", "configMap"],
                "name": "v",
                "configMap": {"name": "c"},
                "emptyDir": None,
            }
        ],
    }
    assert patched_pod(spec, patch)["volumes"] == [{"name": "v", "configMap": {"name": "c"}}]


def test_deployment_strategy_changes_as_kubectl_sends_it() -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}}
    patch = {"strategy": {"$retainKeys": ["type"], "type": "Recreate", "rollingUpdate": None}}
    result = apply_strategic_merge_patch(
        {"spec": {"replicas": 1, "strategy": rolling}}, {"spec": patch}, DEPLOYMENT
    )
    assert result == {"spec": {"replicas": 1, "strategy": {"type": "Recreate"}}}


def test_finalizers_are_united_and_taken_away_by_directive() -> None:
    document = {"metadata": {"finalizers": ["a", "b"]}}
    added = apply_strategic_merge_patch(document, {"metadata": {"finalizers": ["c", "a"]}}, POD)
    assert added["metadata"]["finalizers"] == ["c", "a", "b"]
    patch = {
        "metadata": {
            "$deleteFromPrimitiveList/finalizers": ["a"],
            "$setElementOrder/finalizers": ["b"],
        }
    }
    removed = apply_strategic_merge_patch(document, patch, POD)
    assert removed["metadata"]["finalizers"] == ["b"]


def test_service_ports_merge_by_port() -> None:
    ports = [{"port": 80, "targetPort": 8080, "protocol": "TCP", "nodePort": 30000}]
    patch = {
        "$setElementOrder/ports": [{"port": 80}, {"port": 443}],
        "ports": [{"port": 80, "targetPort": 9090}, {"port": 443}],
    }
    result = apply_strategic_merge_patch({"spec": {"ports": ports}}, {"spec": patch}, SERVICE)
    assert result["spec"]["ports"] == [
        {"port": 80, "targetPort": 9090, "protocol": "TCP", "nodePort": 30000},
        {"port": 443},
    ]


def test_lists_without_merge_strategy_are_replaced() -> None:
    spec = {"tolerations": [{"key": "a"}], "containers": [{"name": "a", "args": ["x", "y"]}]}
    patch = {"tolerations": [{"key": "b"}], "containers": [{"name": "a", "args": ["z"]}]}
    result = patched_pod(spec, patch)
    assert result["tolerations"] == [{"key": "b"}]
    assert result["containers"][0]["args"] == ["z"]


def test_null_deletes_and_is_never_stored() -> None:
    document = {"metadata": {"labels": {"a": "1"}, "name": "p"}}
    patch = {"metadata": {"labels": None, "annotations": {"x": None, "y": "1"}}}
    assert apply_strategic_merge_patch(document, patch, POD) == {
        "metadata": {"name": "p", "annotations": {"y": "1"}}
    }


def test_directives_in_what_is_new_leave_no_trace() -> None:
    patch = {
        "containers": [{"name": "a", "$setElementOrder/env": [], "env": []}],
        "volumes": [{"$patch": "delete", "name": "v"}],
        "securityContext": {"$patch": "delete"},
    }
    assert patched_pod({}, patch) == {"containers": [{"name": "a", "env": []}], "volumes": []}


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"spec": {"$patch": "bogus"}}, "must be replace, delete or merge"),
        ({"spec": {"containers": [{"image": "x"}]}}, "declared merge key 'name'"),
        ({"spec": {"containers": [{"name": "a", "$patch": "x"}]}}, "must be replace, delete"),
        ({"spec": {"containers": ["a"]}}, "cannot hold 'a'"),
        ({"spec": {"$retainKeys": "x"}}, "not a list"),
        ({"spec": {"$retainKeys": ["x"], "y": 1}}, r"'y', which its \$retainKeys does not list"),
        ({"spec": {"$setElementOrder/containers": 1}}, "not a list"),
        ({"spec": {"$deleteFromPrimitiveList/x": 1}}, "not a list"),
    ],
)
def test_malformed_patch_is_refused(patch: Manifest, said: str) -> None:
    with pytest.raises(PatchError, match=said):
        apply_strategic_merge_patch({"spec": {"containers": [{"name": "a"}]}}, patch, POD)
