"""Which fields objects have, and which differ, on keyed, set, atomic and open structures."""

from typing import Any

import pytest

from kaito.api.meta import Manifest
from kaito.local.schema.field_paths import to_display
from kaito.local.schema.field_set import FieldSet
from kaito.local.schema.field_walk import compare, fields_of
from kaito.local.schema.structure import compile_schema

NAMED = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name", "side"],
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "side": {"type": "string", "default": "left"},
            "value": {"type": "integer"},
        },
    },
}
SCHEMA = compile_schema(
    {
        "type": "object",
        "properties": {
            "named": NAMED,
            "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "list": {"type": "array", "items": {"type": "integer"}},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
            "whole": {"type": "object", "x-kubernetes-map-type": "atomic"},
            "struct": {"type": "object", "properties": {"a": {"type": "string"}}},
            "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
)


def shown(fields: FieldSet) -> list[str]:
    """The members as people see them."""
    return [to_display(path) for path in fields.paths()]


def test_an_apply_claims_contents() -> None:
    manifest: Manifest = {
        "named": [{"name": "x", "value": 1}],
        "set": ["a"],
        "list": [1, 2],
        "map": {"k": "v"},
        "whole": {"a": {"b": 1}},
        "struct": {"a": "b"},
        "open": {"x": {"y": [1]}},
    }
    assert shown(fields_of(SCHEMA, manifest, containers=False)) == [
        ".list",
        ".map.k",
        '.named[name="x",side="left"]',
        '.named[name="x",side="left"].name',
        '.named[name="x",side="left"].value',
        ".open.x",
        ".open.x.y",
        '.set[="a"]',
        ".struct.a",
        ".whole",
    ]


def test_an_update_also_claims_optional_containers() -> None:
    manifest = {"named": [{"name": "x"}], "set": ["a"], "map": {"k": "v"}, "struct": {"a": "b"}}
    claimed = shown(fields_of(SCHEMA, manifest, containers=True))
    assert {".named", ".set", ".map"} <= set(claimed)
    assert ".struct" not in claimed


@pytest.mark.parametrize(
    ("old", "new", "changed", "removed"),
    [
        ({"list": [1]}, {"list": [1, 2]}, [".list"], []),
        ({"map": {"a": "1"}}, {"map": {"a": "1", "b": "2"}}, [".map.b"], []),
        ({"map": {"a": "1"}}, {"map": {"a": "2"}}, [".map.a"], []),
        ({"map": {"a": "1"}}, {"map": {}}, [], [".map.a"]),
        ({"map": {"a": "1"}}, {}, [], [".map"]),
        ({"set": ["a", "b"]}, {"set": ["b", "c"]}, ['.set[="c"]'], ['.set[="a"]']),
        ({"set": ["a", "b"]}, {"set": ["b", "a"]}, [], []),
        (
            {"named": [{"name": "x", "value": 1}, {"name": "y"}]},
            {"named": [{"name": "x", "side": "left", "value": 2}]},
            ['.named[name="x",side="left"].side', '.named[name="x",side="left"].value'],
            ['.named[name="y",side="left"]'],
        ),
        ({"whole": {"a": 1}}, {"whole": {"a": 2}}, [".whole"], []),
        ({"open": {"a": {"b": 1}}}, {"open": {"a": {"b": 2}}}, [".open.a.b"], []),
        ({"open": {"a": {"b": 1}}}, {"open": {"a": [1]}}, [".open.a"], [".open.a"]),
        ({"named": [{"value": 1}]}, {"named": [{"value": 2}]}, None, None),
    ],
)
def test_difference_names_what_changed_and_what_is_gone(
    old: Any, new: Any, changed: list[str] | None, removed: list[str] | None
) -> None:
    found = compare(SCHEMA, old, new)
    if changed is None:
        # `side` has a default, so even an item without a name can be told apart.
        assert shown(found.changed) == ['.named[side="left"].value']
        return
    assert (shown(found.changed), shown(found.removed)) == (changed, removed)
