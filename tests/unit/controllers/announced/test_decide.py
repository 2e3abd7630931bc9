"""What is said of objects that nothing runs yet: once, and no more than that."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.api import conditions
from kaito.api.meta import Condition, Key, ObjectMeta
from kaito.controllers.announced.controller import AnnouncedController, announced_controllers
from kaito.controllers.announced.decide import REASON, decide
from kaito.controllers.announced.kinds import (
    ANNOUNCED,
    Announced,
    AnnouncedObject,
    AnnouncedStatus,
)
from kaito.kube.cache import FixedReader
from kaito.kube.controller.decision import NOTHING, Decision

NOW = datetime(2026, 1, 1, 12, 30, 15, tzinfo=UTC)
KINDS = pytest.mark.parametrize("kind", ANNOUNCED, ids=lambda kind: kind.resource.kind)

moments = st.integers(0, 10**6).map(lambda seconds: NOW - timedelta(seconds=seconds))
old_conditions = st.builds(
    Condition,
    type=st.sampled_from(["Ready", "InferenceSetReady", "ServiceReady", "BenchmarkCompleted"]),
    status=st.sampled_from(["True", "False", "Unknown"]),
    reason=st.sampled_from([REASON, "inferencesetReady", ""]),
    message=st.text(max_size=20),
    last_transition_time=st.none() | moments,
    observed_generation=st.integers(0, 3),
)
objects = st.builds(
    AnnouncedObject,
    metadata=st.builds(
        ObjectMeta,
        name=st.text("abc-", min_size=1, max_size=63),
        namespace=st.sampled_from(["", "default"]),
        generation=st.integers(0, 3),
    ),
    status=st.builds(AnnouncedStatus, conditions=st.lists(old_conditions).map(tuple)),
)


def make(**fields: object) -> AnnouncedObject:
    document = {"metadata": {"name": "x", "namespace": "default", "generation": 1}, **fields}
    return msgspec.convert(document, AnnouncedObject)


def applied(item: AnnouncedObject, decision: Decision) -> AnnouncedObject:
    """The object after the one write, as an API server would give it back."""
    if decision.status is None:
        return item
    stored = {**msgspec.to_builtins(item), "status": decision.status.status}
    return msgspec.convert(msgspec.json.decode(msgspec.json.encode(stored)), AnnouncedObject)


@given(st.sampled_from(ANNOUNCED), objects)
def test_after_one_write_nothing_is_left_to_do(kind: Announced, item: AnnouncedObject) -> None:
    after = applied(item, decide(kind, item, NOW))
    assert decide(kind, after, NOW + timedelta(days=1)) == NOTHING


@given(st.sampled_from(ANNOUNCED), objects)
def test_conditions_of_others_are_kept_as_they_are(kind: Announced, item: AnnouncedObject) -> None:
    after = applied(item, decide(kind, item, NOW))
    for old in item.status.conditions:
        if old.type not in kind.conditions:
            last = [c for c in item.status.conditions if c.type == old.type][-1]
            assert conditions.find(after.status.conditions, old.type) == last


@KINDS
def test_the_status_says_what_does_not_happen_and_what_to_do(kind: Announced) -> None:
    decision = decide(kind, make(), NOW)
    assert decision.actions == ()
    assert decision.status is not None
    found = applied(make(), decision).status.conditions
    assert tuple(c.type for c in found) == kind.conditions
    for condition in found:
        assert (condition.status, condition.reason) == ("False", "NotAvailable")
        assert condition.observed_generation == 1
        assert condition.last_transition_time == NOW
        assert f"this release stores {kind.resource.kind} default/x and" in condition.message
        assert kind.instead in condition.message
        assert "\n" not in condition.message


@KINDS
def test_one_event_tells_it(kind: Announced) -> None:
    (note,) = decide(kind, make(), NOW).notes
    assert (note.type, note.reason) == ("Warning", "NotAvailable")


@KINDS
def test_a_new_generation_is_acknowledged_without_another_event(kind: Announced) -> None:
    first = applied(make(), decide(kind, make(), NOW))
    meta = msgspec.structs.replace(first.metadata, generation=2)
    second = msgspec.structs.replace(first, metadata=meta)
    decision = decide(kind, second, NOW + timedelta(hours=1))
    assert decision.notes == ()
    found = applied(second, decision).status.conditions
    assert {c.observed_generation for c in found} == {2}
    assert {c.last_transition_time for c in found} == {NOW}


@KINDS
def test_a_success_that_another_release_reported_does_not_stay(kind: Announced) -> None:
    ready = [{"type": type_, "status": "True", "reason": "Ready"} for type_ in kind.conditions]
    decision = decide(kind, make(status={"conditions": ready}), NOW)
    assert decision.notes
    assert decision.status is not None
    assert {c["status"] for c in decision.status.status["conditions"]} == {"False"}


@KINDS
def test_nothing_is_written_to_what_is_being_deleted(kind: Announced) -> None:
    going = {"name": "x", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]}
    assert decide(kind, make(metadata=going), NOW) == NOTHING


@pytest.mark.parametrize("controller", announced_controllers(), ids=lambda c: c.name)
async def test_an_object_that_no_longer_fits_its_schema_is_answered_too(
    controller: AnnouncedController,
) -> None:
    odd = make(spec={"roles": "none", "replicas": -1}, metadata={"name": "x"})
    reader = FixedReader([(controller.kind.resource, [odd])])
    observed = await controller.observe(reader, Key("", "x"))
    assert observed is not None
    assert controller.decide(observed, NOW).status is not None
    assert await controller.observe(reader, Key("", "gone")) is None
