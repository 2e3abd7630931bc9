"""Defaults fill what is absent, and only that."""

from kaito.local.schema.builtin import builtin_schema
from kaito.local.schema.defaults import apply_defaults
from kaito.local.schema.structure import compile_schema

POD = builtin_schema("", "v1", "Pod")


def test_defaults_reach_every_level() -> None:
    pod = apply_defaults(
        POD, {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 80}]}]}}
    )
    assert pod["spec"]["restartPolicy"] == "Always"
    assert pod["spec"]["terminationGracePeriodSeconds"] == 30
    assert pod["spec"]["containers"][0]["terminationMessagePath"] == "/dev/termination-log"
    assert pod["spec"]["containers"][0]["ports"][0]["protocol"] == "TCP"


def test_what_is_set_stays() -> None:
    pod = apply_defaults(POD, {"spec": {"restartPolicy": "Never", "containers": []}})
    assert pod["spec"]["restartPolicy"] == "Never"


def test_complete_manifest_comes_back_itself() -> None:
    once = apply_defaults(POD, {"spec": {"containers": [{"name": "a"}]}})
    assert apply_defaults(POD, once) is once


def test_null_gets_the_default_unless_it_may_stay() -> None:
    schema = compile_schema(
        {
            "type": "object",
            "properties": {
                "a": {"type": "string", "default": "x"},
                "b": {"type": "string", "default": "x", "nullable": True},
            },
        }
    )
    assert apply_defaults(schema, {"a": None, "b": None}) == {"a": "x", "b": None}


def test_defaults_apply_within_a_default_and_are_never_shared() -> None:
    schema = compile_schema(
        {
            "type": "object",
            "properties": {
                "o": {
                    "type": "object",
                    "default": {},
                    "properties": {"l": {"type": "array", "default": []}},
                }
            },
        }
    )
    first, second = apply_defaults(schema, {}), apply_defaults(schema, {})
    assert first == {"o": {"l": []}}
    assert first["o"]["l"] is not second["o"]["l"]


def test_quantities_given_as_numbers_become_strings() -> None:
    limits = {"cpu": 2, "memory": 0.5}
    pod = apply_defaults(POD, {"spec": {"containers": [{"resources": {"limits": limits}}]}})
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "2", "memory": "0.5"}
