"""Status writes and conditions."""

from datetime import UTC, datetime

from kaito.api.core import STATEFULSETS, StatefulSet, StatefulSetStatus
from kaito.api.meta import Condition, ObjectMeta
from kaito.local.builtin.status import status_patch, status_write, to_manifest, with_condition

EARLIER = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 1, 2, tzinfo=UTC)


def test_what_is_the_same_is_not_written() -> None:
    found = StatefulSet(status=StatefulSetStatus(replicas=2))

    assert status_write(STATEFULSETS, found, StatefulSetStatus(replicas=2)) is None


def test_a_write_holds_only_for_what_was_read() -> None:
    found = StatefulSet(metadata=ObjectMeta(name="web", resource_version="7"))

    write = status_write(STATEFULSETS, found, StatefulSetStatus(replicas=2))

    assert write is not None
    assert (write.resource_version, write.status) == ("7", {"replicas": 2})


def test_a_field_that_returns_to_its_default_is_removed() -> None:
    old = StatefulSetStatus(replicas=2, ready_replicas=1)

    assert status_patch(old, StatefulSetStatus(replicas=2)) == {"readyReplicas": None}


def test_an_unknown_condition_says_so() -> None:
    status = _WithConditions(conditions=(Condition(type="Ready"),))

    assert to_manifest(status) == {"conditions": ({"type": "Ready", "status": "Unknown"},)}


class _WithConditions(StatefulSetStatus):
    conditions: tuple[Condition, ...] = ()


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    known = (Condition(type="Ready", status="True", last_transition_time=EARLIER),)
    same = Condition(type="Ready", status="True", reason="New", last_transition_time=LATER)
    other = Condition(type="Ready", status="False", last_transition_time=LATER)

    (kept,) = with_condition(known, same)
    assert (kept.reason, kept.last_transition_time) == ("New", EARLIER)
    assert with_condition(known, other) == (other,)
