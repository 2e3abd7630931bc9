"""How many requests, in how many rounds."""

import pytest

from kaito.base.errors import UsageError
from kaito.cli.bench.plan import Level, parse_concurrency, plan_levels


def test_levels_have_enough_requests_to_be_full_most_of_the_time() -> None:
    one, many = plan_levels((1, 32))
    assert one == Level(concurrency=1, rounds=3, requests=4)
    assert many.requests * many.rounds >= 128


def test_a_round_never_has_fewer_requests_than_may_be_under_way() -> None:
    (level,) = plan_levels((8,), requests=12)
    assert level == Level(concurrency=8, rounds=1, requests=12)
    (level,) = plan_levels((8,), requests=16)
    assert level == Level(concurrency=8, rounds=2, requests=8)


def test_a_duration_is_shared_by_the_rounds() -> None:
    assert plan_levels((8,), seconds=30) == (Level(concurrency=8, rounds=3, seconds=10),)


def test_a_list_of_concurrencies_is_sorted_and_without_repetition() -> None:
    assert parse_concurrency("8, 1,8") == (1, 8)


@pytest.mark.parametrize("text", ["", "0", "1,,2", "many", "-1", "5000", "1.5"])
def test_what_is_no_list_of_concurrencies_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no list of concurrencies"):
        parse_concurrency(text)
