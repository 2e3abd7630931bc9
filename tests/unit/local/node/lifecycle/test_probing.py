"""Verdicts of probes: thresholds in a row, and what they begin with."""

import pytest

from kaito.local.node.lifecycle.facts import ProbeFacts, ProbeKind
from kaito.local.node.lifecycle.probing import update_probe
from kaito.local.node.pod import Probe


def after(results: str, kind: ProbeKind, *, successes: int = 1) -> ProbeFacts:
    """The facts after results such as `..x`: a dot is a success, an x a failure."""
    facts = ProbeFacts()
    for result in results:
        error = "" if result == "." else "refused"
        facts = update_probe(facts, Probe(success_threshold=successes), kind=kind, error=error)
    return facts


@pytest.mark.parametrize(
    ("results", "is_ready"),
    [("", False), (".", False), ("..", True), (".x.", False), ("..xx", True), ("..xxx", False)],
)
def test_readiness_changes_after_a_threshold_in_a_row(results: str, is_ready: bool) -> None:
    assert after(results, "readiness", successes=2).passing is is_ready


@pytest.mark.parametrize(
    ("results", "has_failed"), [("xx", False), ("xx.xx", False), ("xxx", True), (".xxx", True)]
)
def test_liveness_fails_after_a_threshold_in_a_row(results: str, has_failed: bool) -> None:
    assert after(results, "liveness").failed is has_failed


def test_a_ready_container_that_failed_needs_the_whole_threshold_again() -> None:
    assert not after("..xxx.", "readiness", successes=2).passing
    assert after("..xxx..", "readiness", successes=2).passing
