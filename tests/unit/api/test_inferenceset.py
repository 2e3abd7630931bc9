"""Which InferenceSets are refused, and in which words."""

from dataclasses import replace
from typing import Any

import pytest
from kind_shapes import changed, problems, shape

from kaito.app.admission import CATALOGUE

SHAPE = shape("inferenceset")
AUTO = replace(CATALOGUE, provisioning="auto")
EXISTING = replace(CATALOGUE, provisioning="existing")
MIG = {"mode": "mig", "profile": "1g.10gb"}
_WINDOW = "spec__autoUpgrade__maintenanceWindow"
_RESOURCE = "spec__template__resource"
_INFERENCE = "spec__template__inference"


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_the_shape_is_admitted_in_both_versions(version: str) -> None:
    manifest = changed(SHAPE, apiVersion=f"kaito.sh/{version}")
    assert problems(manifest, around=AUTO) == ()


@pytest.mark.parametrize(
    "values",
    [
        {"metadata__name": "a" * 46},
        {"spec__replicas": 0},
        {"spec__nodeCountLimit": None},
        {"spec__nodeCountLimit": 0},
        {"spec__autoUpgrade": None},
        {f"{_WINDOW}__duration": None},
        {"spec__template__metadata": None},
        {"spec__updateStrategy": {"type": "OnDelete"}},
        {_RESOURCE: {"partition": MIG}},
        {"spec__template__metadata": {"annotations": [1], "labels": {"a": 1}}},
    ],
    ids=str,
)
def test_what_is_right_is_admitted(values: dict[str, Any]) -> None:
    assert problems(changed(SHAPE, **values)) == ()


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no spec": ({"spec": None}, "spec: is required: it holds labelSelector and template"),
    "name": ({"metadata__name": "my.set"}, "metadata.name: the name must be at most 46 lower-case"),
    "long name": (
        {"metadata__name": "a" * 47},
        "metadata.name: the name must be at most 46 lower-case",
    ),
    "negative replicas": ({"spec__replicas": -1}, "spec.replicas: Expected int >= 0"),
    "negative limit": (
        {"spec__nodeCountLimit": -1},
        "spec.nodeCountLimit: Expected int >= 0",
    ),
    "no label": (
        {"spec__labelSelector": {}},
        "spec.labelSelector: matchLabels must contain at least one non-reserved label",
    ),
    "impossible label": (
        {"spec__labelSelector__matchLabels": {"apps": "a b"}},
        "spec.labelSelector.matchLabels: 'a b' is not a label's value",
    ),
    "selector of many": (
        {
            "spec__labelSelector__matchExpressions": [
                {"key": "apps", "operator": "In", "values": ["a", "b"]}
            ]
        },
        "spec.labelSelector.matchExpressions: only operator In with one value can be used",
    ),
    "unknown model": (
        {f"{_INFERENCE}__preset__name": "llama-3.1-8b-instuct"},
        "spec.template.inference.preset.name: Unsupported inference preset name",
    ),
    "neither preset nor template": (
        {_INFERENCE: {}},
        "spec.template.inference: Preset or Template must be specified; add one",
    ),
    "adapter without source": (
        {f"{_INFERENCE}__adapters": [{}]},
        "spec.template.inference.adapters[0].source: Source is required",
    ),
    "unknown runtime": (
        {"spec__template__metadata__annotations": {"kaito.sh/runtime": "tgi"}},
        "spec.template.metadata.annotations[kaito.sh/runtime]: 'tgi' is not a runtime",
    ),
    "unknown instance type": (
        {f"{_RESOURCE}__instanceType": "Standard_NC24ads_A100_v5"},
        "spec.template.resource.instanceType: Unsupported instance type",
    ),
    "partition of made nodes": (
        {f"{_RESOURCE}__partition": MIG},
        "spec.template.resource.partition: GPU partitioning is only supported with BYO nodes",
    ),
    "partition without profile": (
        {_RESOURCE: {"partition": {"mode": "mig"}}},
        "spec.template.resource.partition.profile: is required for mode mig",
    ),
    "empty schedule": (
        {f"{_WINDOW}__schedule": ""},
        "spec.autoUpgrade.maintenanceWindow.schedule: is required: five cron fields in UTC",
    ),
    "cron": (
        {f"{_WINDOW}__schedule": "0 25 * * *"},
        "spec.autoUpgrade.maintenanceWindow.schedule: invalid cron expression: hour '25' is not",
    ),
    "duration": (
        {f"{_WINDOW}__duration": "4 hours"},
        "spec.autoUpgrade.maintenanceWindow.duration: '4 hours' is not a duration such as 4h",
    ),
    "no duration at all": (
        {f"{_WINDOW}__duration": "0s"},
        "spec.autoUpgrade.maintenanceWindow.duration: '0s' must be a positive duration",
    ),
    "strategy": (
        {"spec__autoUpgrade__strategy": "Rolling"},
        "spec.autoUpgrade.strategy: Invalid enum value 'Rolling'",
    ),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_what_is_wrong_is_refused_by_one_line(
    case: tuple[dict[str, Any], str], version: str
) -> None:
    values, said = case
    (problem,) = problems(changed(SHAPE, apiVersion=f"kaito.sh/{version}", **values))
    assert str(problem).startswith(said)
    assert "\n" not in str(problem)


def test_an_instance_type_is_required_where_nodes_are_made_and_forbidden_where_not() -> None:
    (missing,) = problems(changed(SHAPE, spec__template__resource=None), around=AUTO)
    assert str(missing).startswith("spec.template.resource.instanceType: instanceType is required")
    (given,) = problems(SHAPE, around=EXISTING)
    assert str(given).startswith("spec.template.resource.instanceType: instanceType must be empty")


def test_a_partition_cannot_be_changed_added_or_removed() -> None:
    whole = changed(SHAPE, spec__template__resource={})
    sliced = changed(SHAPE, spec__template__resource={"partition": MIG})
    other = changed(SHAPE, spec__template__resource={"partition": {**MIG, "profile": "2g.20gb"}})
    for old, new in ((whole, sliced), (sliced, whole), (sliced, other)):
        (problem,) = problems(new, old)
        assert str(problem).startswith("spec.template.resource.partition: field is immutable;")
    assert problems(changed(sliced, spec__replicas=5), sliced) == ()


def test_the_rest_of_the_template_may_change() -> None:
    new = changed(SHAPE, spec__template__inference__preset={"name": "phi-4-mini-instruct"})
    assert problems(new, SHAPE) == ()


def test_an_update_answers_only_for_what_it_brings_in() -> None:
    faulty = changed(SHAPE, spec__template__inference__preset={"name": "gone-from-the-catalogue"})
    assert problems(faulty) != ()
    assert problems(changed(faulty, spec__replicas=7), faulty) == ()
    (problem,) = problems(changed(faulty, spec__labelSelector={}), faulty)
    assert problem.path == "spec.labelSelector"


def test_what_is_being_deleted_is_not_judged() -> None:
    going = changed(
        SHAPE, metadata__deletionTimestamp="2026-01-01T00:00:00Z", spec__labelSelector={}
    )
    assert problems(going, SHAPE) == ()
