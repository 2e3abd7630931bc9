"""Unknown fields: found by path, taken away without touching the rest."""

from kaito.local.schema.builtin import builtin_schema
from kaito.local.schema.pruning import prune, unknown_fields
from kaito.local.schema.structure import compile_schema

POD = builtin_schema("", "v1", "Pod")


def test_unknown_fields_are_named_by_path() -> None:
    pod = {
        "metadata": {"name": "p", "label": {}},
        "spec": {"containers": [{"name": "a", "imagePullPolice": "Always"}], "foo": {"bar": 1}},
    }
    assert unknown_fields(POD, pod) == (
        "metadata.label",
        "spec.containers[0].imagePullPolice",
        "spec.foo",
    )


def test_keys_of_maps_are_not_fields() -> None:
    pod = {"metadata": {"labels": {"any": "thing"}}, "spec": {"nodeSelector": {"x": "y"}}}
    assert unknown_fields(POD, pod) == ()


def test_pruning_leaves_the_given_manifest_alone_and_shares_what_stays() -> None:
    container = {"name": "a"}
    pod = {"spec": {"containers": [container, {"name": "b", "nope": 1}], "nope": 2}}
    pruned = prune(POD, pod)
    assert pruned == {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}}
    assert pruned["spec"]["containers"][0] is container
    assert pod["spec"]["nope"] == 2


def test_clean_manifest_comes_back_itself() -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a"}]}}
    assert prune(POD, pod) is pod


def test_nulls_are_dropped_where_they_mean_absent() -> None:
    pod = {"metadata": {"name": "p", "creationTimestamp": None}, "spec": {"volumes": None}}
    assert prune(POD, pod) == {"metadata": {"name": "p"}, "spec": {}}


def test_open_parts_of_custom_resources_keep_everything() -> None:
    schema = compile_schema(
        {
            "type": "object",
            "properties": {
                "open": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {"closed": {"type": "object"}},
                }
            },
        }
    )
    manifest = {"open": {"x": {"y": None}, "closed": {"z": 1}}, "shut": 1}
    assert unknown_fields(schema, manifest) == ("open.closed.z", "shut")
    assert prune(schema, manifest) == {"open": {"x": {"y": None}, "closed": {}}}
