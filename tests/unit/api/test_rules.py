"""The rule language: what it says in Python it says in CEL."""

from collections.abc import Sequence
from typing import Any

import pytest
from cel_judge import broken_rules
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaito.api.rules import (
    All,
    AllMatch,
    AnyOf,
    AtMost,
    Distinct,
    Equals,
    Every,
    ExactlyOne,
    Expression,
    Filled,
    Fraction,
    Matches,
    Not,
    OneOf,
    OnlyMatches,
    Present,
    Rule,
    ShorterThan,
    Some,
    SomeKeyBesides,
    Unchanged,
    Was,
    check_rules,
    equally,
    implies,
    kept,
    not_both,
)

TEXT = st.sampled_from(["", "a", "b", "ab", "0.5", "2", "a\n", "\u00e9'\\"])
PART = st.fixed_dictionaries({}, optional={"text": TEXT, "number": st.integers(0, 2)})
ITEM = st.fixed_dictionaries({}, optional={"text": TEXT, "part": PART})
OBJECT = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXT,
        "number": st.integers(0, 2),
        "texts": st.lists(TEXT, max_size=2),
        "map": st.dictionaries(TEXT, TEXT, max_size=2),
        "part": PART,
        "items": st.lists(ITEM, max_size=3),
    },
)

OF_TEXTS: list[Expression] = [
    build
    for path in ("text", "part.text")
    for build in (
        Present(path),
        Filled(path),
        Matches(path, "(?i:A)b?"),
        Equals(path, "\u00e9'\\"),
        OneOf(path, ("a", "ab")),
        ShorterThan(path, 2),
        Fraction(path),
    )
]
OF_ITEMS: list[Expression] = [
    Every("items", Filled("part.text")),
    Some("items", Not(Filled("text"))),
    Distinct("items", "text"),
    Distinct("items", "part.text"),
    SomeKeyBesides("map", ("a", "")),
    AllMatch("texts", "[^b]*"),
    OnlyMatches("texts", "[^b]*"),
    Present("part"),
    Equals("part.number", 1),
    AtMost("number", 1),
    AtMost("part.number", 0),
    Filled("map"),
    ShorterThan("items", 2),
]
OF_CHANGES: list[Expression] = [
    Unchanged("text"),
    Unchanged("part.text", "a"),
    Unchanged("part.number", 1),
    Unchanged("texts", ()),
    Unchanged("map", {}),
    Unchanged("items", ()),
    Was(Filled("text")),
    kept(Present("part")),
]


def joined(leaves: Sequence[Expression]) -> st.SearchStrategy[Expression]:
    """Trees of these leaves."""

    def grow(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        pairs = st.tuples(inner, inner)
        return st.one_of(
            inner.map(Not),
            pairs.map(All),
            pairs.map(AnyOf),
            st.tuples(inner, inner, inner).map(ExactlyOne),
            pairs.map(lambda pair: implies(*pair)),
            pairs.map(lambda pair: not_both(*pair)),
            pairs.map(lambda pair: equally(*pair)),
        )

    return st.recursive(st.sampled_from(leaves), grow, max_leaves=5)


def by_cel(rule: Rule, new: Any, old: Any = None) -> bool:
    schema = {"x-kubernetes-validations": [rule.to_validation()]}
    return not broken_rules(schema, new, old, ratcheting=False)


def by_code(rule: Rule, new: Any, old: Any = None) -> bool:
    return not list(check_rules((rule,), new, old, version="v1"))


# The other implementation compiles each new expression anew, which takes tens of milliseconds.
slow = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@slow
@given(joined([*OF_TEXTS, *OF_ITEMS]), OBJECT)
def test_an_expression_says_the_same_in_python_and_in_cel(part: Expression, new: Any) -> None:
    rule = Rule(expression=part, message="m")
    assert by_code(rule, new) == by_cel(rule, new)


@slow
@given(joined([*OF_CHANGES, *OF_TEXTS]), OBJECT, OBJECT)
def test_a_transition_says_the_same_in_python_and_in_cel(
    part: Expression, new: Any, old: Any
) -> None:
    rule = Rule(expression=part, message="m")
    assert by_code(rule, new, old) == by_cel(rule, new, old)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


@given(joined([*OF_TEXTS, *OF_ITEMS, *OF_CHANGES]), JSON, JSON)
def test_no_value_of_any_kind_is_too_much(part: Expression, new: Any, old: Any) -> None:
    for value in (new, {"text": new, "part": new, "items": new, "map": new, "number": new}):
        assert part.holds(value, old) in (True, False)


def test_a_rule_stands_where_its_path_says_and_blames_what_it_says() -> None:
    rule = Rule(
        path="a.items[]",
        expression=Filled("b.c"),
        blames="b.c",
        message="is required",
    )
    found = check_rules((rule,), {"a": {"items": [{"b": {"c": "x"}}, {}, 3]}}, version="v1")
    assert list(map(str, found)) == [
        "a.items[1].b.c: is required",
        "a.items[2].b.c: is required",
    ]
    assert list(check_rules((rule,), {"a": {}}, version="v1")) == []


def test_a_rule_shows_the_value_where_it_is_told_to() -> None:
    rule = Rule(expression=Equals("a", "x"), blames="a", message="must be x", shows="a")
    (error,) = check_rules((rule,), {"a": "y"}, version="v1")
    assert str(error) == "a: must be x, not 'y'"
    (error,) = check_rules((rule,), {}, version="v1")
    assert str(error) == "a: must be x"


def test_a_rule_of_one_version_is_not_one_of_another() -> None:
    rule = Rule(expression=Present("a"), message="m", versions=("v2",))
    assert list(check_rules((rule,), {}, version="v1")) == []
    assert len(list(check_rules((rule,), {}, version="v2"))) == 1


@pytest.mark.parametrize("old", [None, {}])
def test_a_transition_rule_is_asked_only_where_there_was_something(old: object) -> None:
    rule = Rule(path="a", expression=Unchanged("b"), message="m")
    assert list(check_rules((rule,), {"a": {"b": "x"}}, old, version="v1")) == []


def test_a_field_whose_name_cel_reserves_is_wrapped() -> None:
    assert Present("namespace.in").to_cel() == (
        "has(self.__namespace__) && has(self.__namespace__.__in__)"
    )


def test_an_entry_of_the_crd_names_the_field_but_never_metadata() -> None:
    rule = Rule(expression=Present("a"), blames="a", message="m", reason="FieldValueRequired")
    assert rule.to_validation() == {
        "rule": "has(self.a)",
        "message": "m",
        "reason": "FieldValueRequired",
        "fieldPath": ".a",
    }
    named = Rule(expression=Present("metadata.name"), blames="metadata.name", message="m")
    assert "fieldPath" not in named.to_validation()


def test_a_rule_for_new_objects_says_nothing_of_those_that_are_stored() -> None:
    rule = Rule(expression=Present("a"), message="m", is_for_new=True)
    schema = {"x-kubernetes-validations": [rule.to_validation()]}
    stored: dict[str, Any] = {"status": {}}
    assert [e.detail for e in check_rules([rule], {}, version="v1")] == ["m"]
    assert broken_rules(schema, {}) == (("", "m"),)
    assert list(check_rules([rule], {**stored, "b": 1}, stored, version="v1")) == []
    assert broken_rules(schema, {**stored, "b": 1}, stored) == ()
