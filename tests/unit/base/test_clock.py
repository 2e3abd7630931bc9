"""Time as an argument."""

import asyncio
from datetime import UTC, datetime

import pytest

from kaito.base.clock import ManualClock, format_age, parse_rfc3339, settle, to_rfc3339


async def test_a_manual_clock_wakes_sleepers_in_the_order_of_their_moments() -> None:
    clock = ManualClock()
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 5.0), ("early", 1.0)):
            group.create_task(sleep(name, seconds))
        await settle()
        await clock.advance(4.9)
        assert woken == [("early", 1.0)]
        await clock.advance(0.1)
    assert woken == [("early", 1.0), ("late", 5.0)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (190, "3m10s"),
        (3600, "60m"),
        (10800, "3h"),
        (11000, "3h3m"),
        (8 * 3600, "8h"),
        (47 * 3600, "47h"),
        (3 * 86400 + 3600, "3d1h"),
        (9 * 86400, "9d"),
        (800 * 86400, "2y"),
    ],
)
def test_ages_read_as_kubectl_prints_them(seconds: int, text: str) -> None:
    assert format_age(seconds) == text


def test_a_time_survives_its_text() -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert to_rfc3339(moment) == "2026-02-03T04:05:06Z"
    assert parse_rfc3339("2026-02-03T05:05:06+01:00") == moment


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="no offset"):
        parse_rfc3339("2026-02-03T04:05:06")
