"""Failures: one line, bounded, with a next step."""

import pytest

from kaito.cloud.failure import CloudFailure, FailureKind


def test_the_clouds_words_become_one_line() -> None:
    assert str(CloudFailure(FailureKind.QUOTA, "a\n  b\tc ")) == "a b c"


def test_words_that_are_too_long_for_a_condition_are_cut() -> None:
    said = str(CloudFailure(FailureKind.QUOTA, "x" * 5000))
    assert len(said) == 900
    assert said.endswith("...")


@pytest.mark.parametrize("kind", FailureKind)
def test_every_kind_has_a_reason_a_next_step_and_a_way_to_be_retried(kind: FailureKind) -> None:
    failure = CloudFailure(kind, "")
    assert failure.reason == str(failure) == kind.value
    assert failure.hint
    assert not (kind.is_passing and kind.is_final)
