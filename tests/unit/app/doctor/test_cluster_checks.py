"""What the doctor says of an API server."""

from datetime import timedelta

import pytest
from tests.unit.app.doctor.cases import NOW, cluster

from kaito.app.doctor.cluster_checks import check_clock, check_server, check_user
from kaito.app.doctor.finding import Unseen
from kaito.app.doctor.objects import ServerVersion


@pytest.mark.parametrize(
    ("major", "minor", "state"),
    [
        ("1", "29", "ok"),
        ("1", "29+", "ok"),
        ("1", "36", "ok"),
        ("2", "0", "ok"),
        ("1", "28", "missing"),
        ("1", "", "unknown"),
        ("", "", "unknown"),
    ],
)
def test_kubernetes_1_29_is_the_first_that_will_do(major: str, minor: str, state: str) -> None:
    facts = cluster(version=ServerVersion(major=major, minor=minor))
    assert check_server(facts).state == state


def test_what_could_not_be_asked_is_unknown_and_says_why() -> None:
    facts = cluster(version=Unseen("no answer"), user=Unseen("not permitted"), server_time=None)
    assert (check_server(facts).state, check_user(facts).state) == ("unknown", "unknown")
    assert "no answer" in check_server(facts).what
    assert check_clock(facts).state == "unknown"


@pytest.mark.parametrize(
    ("seconds", "state"), [(-9, "ok"), (9, "ok"), (-60, "warning"), (60, "warning")]
)
def test_clocks_that_disagree_are_told_either_way(seconds: int, state: str) -> None:
    facts = cluster(server_time=NOW + timedelta(seconds=seconds))
    assert check_clock(facts).state == state
