"""Conditions as values."""

from datetime import UTC, datetime, timedelta

from kaito.api.conditions import LONGEST_MESSAGE, merge
from kaito.api.meta import Condition

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = THEN + timedelta(hours=1)
OLD = Condition(type="A", status="False", reason="R", message="m", last_transition_time=THEN)


def test_a_new_reason_keeps_the_age_of_an_unchanged_status() -> None:
    (found,) = merge(
        (OLD,), (Condition(type="A", status="False", reason="S"),), now=NOW, generation=2
    )
    assert (found.last_transition_time, found.reason, found.observed_generation) == (THEN, "S", 2)


def test_a_new_status_starts_a_new_age() -> None:
    (found,) = merge((OLD,), (Condition(type="A", status="True"),), now=NOW, generation=2)
    assert found.last_transition_time == NOW


def test_conditions_nobody_speaks_of_stay() -> None:
    merged = merge((OLD,), (Condition(type="B", status="True"),), now=NOW, generation=1)
    assert [c.type for c in merged] == ["B", "A"]


def test_merging_what_is_there_changes_nothing() -> None:
    once = merge((OLD,), (OLD,), now=NOW, generation=1)
    assert merge(once, (OLD,), now=NOW + timedelta(days=1), generation=1) == once


def test_a_long_message_is_cut() -> None:
    (found,) = merge((), (Condition(type="A", message="x" * 5000),), now=NOW, generation=1)
    assert len(found.message) == LONGEST_MESSAGE
