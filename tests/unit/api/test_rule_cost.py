"""What an API server reckons the CRDs' patterns to cost, before it accepts a CRD.

It multiplies the largest text that the schema allows (four bytes a character) by the pattern's
length, and that by the lists around it; 10 million a rule and 100 million a CRD are its limits
(https://kubernetes.io/docs/reference/using-api/cel/#cel-resource-limits; the factors are those of
`matches` in google/cel-go, checker/cost.go). Patterns are all that comes near them here.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import pytest

from kaito.api.kinds import KINDS

_RULE_LIMIT = 10_000_000
_CRD_LIMIT = 100_000_000
_MATCH = re.compile(r"([\w.]+(?:\[0\])?)\.matches\('((?:[^'\\]|\\.)*)'\)")
_EACH = re.compile(r"([\w.]+)\.(?:all|exists)\((\w), \2\.matches")


def _rules(schema: Any, times: int = 1) -> Iterator[tuple[str, Any, int]]:
    """Each rule with the schema it stands at and how often it may be asked."""
    for entry in schema.get("x-kubernetes-validations", ()):
        yield entry["rule"], schema, times
    for child in schema.get("properties", {}).values():
        yield from _rules(child, times)
    if "items" in schema:
        yield from _rules(schema["items"], times * schema.get("maxItems", 1_000))


def _at(schema: Any, path: str) -> Any:
    if path == "self.metadata.name":
        return {"maxLength": 253}
    for name in path.removesuffix("[0]").split(".")[1:]:
        schema = schema["properties"][name.strip("_")]
    return schema["items"] if path.endswith("[0]") else schema


def _cost(rule: str, schema: Any) -> int:
    lists = {variable: path for path, variable in _EACH.findall(rule)}
    total = 0
    for subject, pattern in _MATCH.findall(rule):
        texts, count = _at(schema, lists.get(subject, subject)), 1
        if subject in lists:
            texts, count = texts["items"], texts["maxItems"]
        text = math.ceil((texts["maxLength"] * 4 + 1) * 0.1)
        total += count * text * math.ceil(len(pattern) * 0.25)
    return total


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.definition.kind)
def test_no_api_server_refuses_a_definition_for_what_its_patterns_cost(kind: Any) -> None:
    for version in kind.definition.to_manifest()["spec"]["versions"]:
        rules = list(_rules(version["schema"]["openAPIV3Schema"]))
        costs = [times * _cost(rule, schema) for rule, schema, times in rules]
        dearest = max(zip(costs, rules, strict=True), key=lambda pair: pair[0], default=None)
        if dearest is not None:
            assert dearest[0] < _RULE_LIMIT, dearest[1][0]
        assert sum(costs) < _CRD_LIMIT


def test_the_reckoning_is_that_of_an_api_server() -> None:
    """Kubernetes 1.36.2 refused this rule with "exceeds budget by factor of 2.6x"."""
    urls = {"type": "array", "maxItems": 256, "items": {"type": "string", "maxLength": 8192}}
    plain, hub = (
        "^(?:(?i:https?://)[^ ]+)$",
        (
            "^(?:hf://datasets/[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*"
            "(@[A-Za-z0-9._/-]+)?)$"
        ),
    )
    rule = " || ".join(f"self.urls.all(x, x.matches('{pattern}'))" for pattern in (plain, hub))
    cost = _cost(rule, {"properties": {"urls": urls}})
    assert round(cost / _RULE_LIMIT, 1) == 2.6
