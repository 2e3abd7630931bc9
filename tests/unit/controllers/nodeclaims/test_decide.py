"""Decisions that no simulation comes upon by chance."""

from datetime import timedelta

from tests.unit.controllers.nodeclaims.claims import (
    NAME,
    NOW,
    SETTINGS,
    UID,
    claim,
    machine,
    node,
    observed,
)

from kaito.cloud.failure import CloudFailure, FailureKind
from kaito.controllers.nodeclaims.attempts import Attempt
from kaito.controllers.nodeclaims.decide import decide
from kaito.controllers.nodeclaims.effects import Launch, Terminate
from kaito.kube.controller.decision import Decision

FAILURE = CloudFailure(FailureKind.UNAVAILABLE, "an update failed")
ACCEPTED = Attempt(claim_uid=UID, retry_at=NOW + timedelta(seconds=5))


def said(decision: Decision, type_: str) -> tuple[str, str]:
    assert decision.status is not None
    found = next(c for c in decision.status.status["conditions"] if c["type"] == type_)
    return found["status"], found["reason"]


def test_a_claim_that_the_api_server_no_longer_has_gets_no_machine() -> None:
    gone = decide(observed(claim(), is_alive=False), SETTINGS, NOW)
    assert gone.effects == ()
    assert gone.requeue_after == 1.0
    there = decide(observed(claim()), SETTINGS, NOW)
    assert [type(effect) for effect in there.effects] == [Launch]


def test_a_claim_is_not_let_go_while_an_accepted_machine_may_still_show_up() -> None:
    leaving = observed(claim(is_deleting=True), attempt=ACCEPTED)
    assert decide(leaving, SETTINGS, NOW).actions == ()
    assert decide(leaving, SETTINGS, NOW + timedelta(seconds=6)).actions != ()


def test_an_accepted_machine_is_not_asked_for_again_before_it_must_be_listed() -> None:
    waiting = observed(claim(), attempt=ACCEPTED)
    assert decide(waiting, SETTINGS, NOW).effects == ()
    late = decide(waiting, SETTINGS, NOW + timedelta(seconds=6))
    assert [type(effect) for effect in late.effects] == [Launch]


def test_a_machine_that_serves_is_not_ended_because_the_cloud_calls_its_group_failed() -> None:
    serving = claim("Launched", "Registered", "Initialized", "Ready")
    found = decide(
        observed(serving, machine=machine("failed", failure=FAILURE), node=node()), SETTINGS, NOW
    )
    assert found.effects == ()


def test_a_machine_that_failed_before_it_had_a_node_is_ended_for_that_reason() -> None:
    found = decide(
        observed(claim("Launched"), machine=machine("failed", failure=FAILURE)), SETTINGS, NOW
    )
    assert found.effects == (Terminate(name=NAME, claim_uid=UID, because=FAILURE),)
    assert said(found, "Launched") == ("Unknown", "CloudUnavailable")


def test_what_holds_up_a_machine_is_told_in_the_clouds_words_while_it_is_made() -> None:
    held = CloudFailure(FailureKind.CAPACITY, "still looking for a p5")
    found = decide(
        observed(claim("Launched"), machine=machine("creating", failure=held)), SETTINGS, NOW
    )
    assert said(found, "Registered") == ("False", "InsufficientCapacity")
    assert found.effects == ()


def test_a_node_that_somebody_deleted_is_told_as_such() -> None:
    before = claim("Launched", "Registered", "Initialized", "Ready")
    found = decide(observed(before, machine=machine()), SETTINGS, NOW)
    assert said(found, "Registered") == ("Unknown", "NodeGone")
    assert said(found, "Ready") == ("Unknown", "NodeGone")


def test_a_machine_that_somebody_ends_is_told_before_it_is_gone() -> None:
    before = claim("Launched", "Registered", "Initialized", "Ready")
    found = decide(observed(before, machine=machine("deleting"), node=node()), SETTINGS, NOW)
    assert said(found, "Launched") == ("Unknown", "MachineEnding")
    assert found.effects == ()


def test_deleting_a_claim_never_ends_a_machine_that_is_not_its_own() -> None:
    for uid in ("", "another claim's"):
        leaving = observed(claim(is_deleting=True), machine=machine(uid=uid))
        found = decide(leaving, SETTINGS, NOW)
        assert found.effects == ()
        assert found.actions != ()
