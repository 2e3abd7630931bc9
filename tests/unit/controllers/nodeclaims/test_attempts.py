"""When a cloud that refused is asked again."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.cloud.failure import CloudFailure, FailureKind
from kaito.controllers.nodeclaims.attempts import Attempts

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def seconds(attempts: Attempts) -> float:
    found = attempts.of("ws1", "u")
    assert found is not None
    assert found.retry_at is not None
    return (found.retry_at - NOW).total_seconds()


@given(
    kind=st.sampled_from([k for k in FailureKind if not k.is_final]),
    failures=st.integers(1, 40),
    drawn=st.floats(0, 1),
)
def test_the_pause_never_shrinks_below_five_seconds_nor_grows_beyond_a_quarter_of_an_hour(
    kind: FailureKind, failures: int, drawn: float
) -> None:
    attempts = Attempts(lambda: drawn)
    for _ in range(failures):
        attempts.failed("ws1", "u", CloudFailure(kind, "no"), NOW)
    assert 5 <= seconds(attempts) <= 900


def test_a_quota_is_not_asked_about_for_minutes() -> None:
    attempts = Attempts(lambda: 0.0)
    attempts.failed("ws1", "u", CloudFailure(FailureKind.QUOTA, "no"), NOW)
    assert seconds(attempts) == 150


def test_the_clouds_own_pause_counts_where_it_is_longer() -> None:
    attempts = Attempts(lambda: 0.0)
    failure = CloudFailure(FailureKind.THROTTLED, "slow", retry_after=77.0)
    attempts.failed("ws1", "u", failure, NOW)
    assert seconds(attempts) == 77


def test_what_is_final_is_never_due() -> None:
    attempts = Attempts(lambda: 0.0)
    attempts.failed("ws1", "u", CloudFailure(FailureKind.INVALID, "no"), NOW)
    found = attempts.of("ws1", "u")
    assert found is not None
    assert found.retry_at is None


@pytest.mark.parametrize("forget", [True, False])
def test_a_new_claim_of_the_same_name_starts_afresh(forget: bool) -> None:
    attempts = Attempts(lambda: 0.0)
    attempts.accepted("ws1", "u", NOW)
    if forget:
        attempts.forget("ws1")
    assert attempts.of("ws1", "u" if forget else "other") is None
