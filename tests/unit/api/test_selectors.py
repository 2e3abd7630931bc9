"""Label and field selectors."""

import pytest

from kaito.api.selectors import (
    LabelSelector,
    SelectorRequirement,
    matches_fields,
    matches_labels,
    parse_field_selector,
    parse_label_selector,
)

LABELS = {"app": "web", "tier": "front", "empty": ""}


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app!=web", False),
        ("missing!=web", True),
        ("app in (web, api)", True),
        ("app notin (web)", False),
        ("missing notin (web)", True),
        ("app", True),
        ("!app", False),
        ("!missing", True),
        ("empty=", True),
        ("app in (api),tier", False),
    ],
)
def test_selectors_match_as_in_kubernetes(selector: str, wanted: bool) -> None:
    assert matches_labels(parse_label_selector(selector), LABELS) is wanted


@pytest.mark.parametrize("selector", ["app in web", "a=b=c", "(x)", "app>1"])
def test_a_selector_that_is_none_is_refused_by_its_own_text(selector: str) -> None:
    with pytest.raises(ValueError, match="unable to parse"):
        parse_label_selector(selector)


def test_a_structured_selector_means_the_same_as_its_text() -> None:
    structured = LabelSelector(
        match_labels={"app": "web"},
        match_expressions=(SelectorRequirement(key="tier", operator="In", values=("front",)),),
    )
    assert structured.terms == parse_label_selector("app=web,tier in (front)")


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ("metadata.name=w", True),
        ("metadata.name!=w", False),
        ("spec.unschedulable=false", True),
        ("status.phase=", True),
        ("metadata.name=w,status.phase=Running", False),
    ],
)
def test_field_selectors_read_absent_fields_as_empty(selector: str, wanted: bool) -> None:
    manifest = {"metadata": {"name": "w"}, "spec": {"unschedulable": False}}
    assert matches_fields(parse_field_selector(selector), manifest) is wanted
