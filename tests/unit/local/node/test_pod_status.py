"""What is written of a status, and what is taken for the last one."""

from kaito.local.node.pod_status import merge_last, parse_last, plan_patch

READY = {"type": "Ready", "status": "True"}
GATE = {"type": "example.com/lb", "status": "True"}


def test_nothing_is_written_when_nothing_is_new() -> None:
    status = {"phase": "Running", "podIP": "127.64.0.1", "qosClass": "BestEffort"}
    assert plan_patch(status, {"phase": "Running", "podIP": "127.64.0.1"}) == {}


def test_only_what_differs_is_written_and_what_is_gone_is_removed() -> None:
    last = {"phase": "Running", "reason": "Evicted", "podIP": "127.64.0.1"}
    wanted = {"phase": "Failed", "podIP": "127.64.0.1"}
    assert plan_patch(last, wanted) == {"phase": "Failed", "reason": None}


def test_our_own_writes_are_newer_than_what_was_watched() -> None:
    merged = merge_last({"phase": "Pending", "qosClass": "Burstable"}, {"phase": "Running"})
    assert merged == {"phase": "Running", "qosClass": "Burstable", "conditions": []}


def test_a_phase_that_ends_the_pod_counts_wherever_it_comes_from() -> None:
    assert merge_last({"phase": "Failed"}, {"phase": "Running"})["phase"] == "Failed"


def test_conditions_of_others_come_from_the_watch() -> None:
    merged = merge_last(
        {"conditions": [{**READY, "status": "False"}, GATE]}, {"conditions": [READY]}
    )
    assert merged["conditions"] == [READY, GATE]


def test_a_status_that_cannot_be_read_counts_as_none() -> None:
    assert parse_last({"phase": "Strange"}).phase == ""
