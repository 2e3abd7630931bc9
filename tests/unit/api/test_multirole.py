"""Which MultiRoleInferences are refused, and in which words."""

from dataclasses import replace
from typing import Any

import pytest
from kind_shapes import changed, problems, shape

from kaito.app.admission import CATALOGUE

SHAPE = shape("multiroleinference")
AUTO = replace(CATALOGUE, provisioning="auto")
EXISTING = replace(CATALOGUE, provisioning="existing")
PREFILL, DECODE = SHAPE["spec"]["roles"]

WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no spec": ({"spec": None}, ["spec: is required: it names the model, the nodes and the two"]),
    "name": (
        {"metadata__name": "9." * 9},
        ["metadata.name: the name must be at most 38 lower-case"],
    ),
    "long name": (
        {"metadata__name": "a" * 39},
        ["metadata.name: the name must be at most 38 lower-case"],
    ),
    "selects nothing": (
        {"spec__labelSelector": {}},
        ["spec.labelSelector: labelSelector must have at least one matchLabels or matchExpr"],
    ),
    "reserved labels only": (
        {"spec__labelSelector": {"matchLabels": {"kaito.sh/workspace": "w"}}},
        ["spec.labelSelector: matchLabels must contain at least one non-reserved label"],
    ),
    "no model": ({"spec__model__name": ""}, ["spec.model.name: is required: it names the model"]),
    "unknown model": (
        {"spec__model__name": "deepseek"},
        ["spec.model.name: Unsupported inference preset name 'deepseek'"],
    ),
    "one role": (
        {"spec__roles": [PREFILL]},
        ["spec.roles: Expected array of length >= 2"],
    ),
    "two prefills": (
        {"spec__roles": [PREFILL, PREFILL]},
        ["spec.roles: missing decode role: exactly one prefill and one decode role required"],
    ),
    "two decodes": (
        {"spec__roles": [DECODE, DECODE]},
        ["spec.roles: missing prefill role: exactly one prefill and one decode role required"],
    ),
    "no such role": (
        {"spec__roles__0__type": "encode"},
        ["spec.roles[0].type: Invalid enum value 'encode'"],
    ),
    "no replicas": (
        {"spec__roles__1__replicas": 0},
        ["spec.roles[1].replicas: Expected int >= 1"],
    ),
    "unknown instance type": (
        {"spec__roles__1__instanceType": "Standard_NC24ads_A100"},
        ["spec.roles[1].instanceType: Unsupported instance type"],
    ),
}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"spec__roles": [DECODE, PREFILL]},
        {"spec__roles__0__replicas": None},
        {"spec__eppPluginsConfig": "plugins"},
        {
            "spec__labelSelector": {
                "matchExpressions": [{"key": "apps", "operator": "In", "values": ["a"]}]
            }
        },
    ],
    ids=str,
)
def test_what_is_right_is_admitted(values: dict[str, Any]) -> None:
    assert problems(changed(SHAPE, **values), around=AUTO) == ()


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_refused_by_one_line(case: tuple[dict[str, Any], list[str]]) -> None:
    values, said = case
    found = [str(problem) for problem in problems(changed(SHAPE, **values))]
    assert len(found) == len(said)
    for line, start in zip(found, said, strict=True):
        assert line.startswith(start)
        assert "\n" not in line


def test_an_instance_type_is_required_where_nodes_are_made_and_forbidden_where_not() -> None:
    bare = changed(SHAPE, spec__roles__0__instanceType=None)
    (missing,) = problems(bare, around=AUTO)
    assert str(missing).startswith("spec.roles[0].instanceType: instanceType is required")
    (given,) = problems(bare, around=EXISTING)
    assert str(given).startswith("spec.roles[1].instanceType: instanceType must be empty")


def test_the_model_cannot_be_changed() -> None:
    (problem,) = problems(changed(SHAPE, spec__model__name="deepseek-ai/DeepSeek-R1"), SHAPE)
    assert str(problem).startswith("spec.model.name: model name is immutable; delete the")


def test_replicas_and_configuration_may_change() -> None:
    new = changed(SHAPE, spec__roles__1__replicas=3, spec__roles__1__runtimeConfig="config")
    assert problems(new, SHAPE) == ()


def test_an_update_answers_only_for_what_it_brings_in() -> None:
    faulty = changed(SHAPE, spec__roles__0__instanceType="gone")
    assert problems(faulty) != ()
    assert problems(changed(faulty, spec__roles__1__replicas=3), faulty) == ()
