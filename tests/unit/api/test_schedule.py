"""Cron fields and Go durations."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.api.schedule import parse_schedule, parse_window

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


def refusal(parse: Callable[[str], object], text: str) -> str:
    """What is said against the text; empty where it is accepted."""
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return ""


@st.composite
def parts(draw: st.DrawFn, low: int, high: int) -> tuple[str, frozenset[int]]:
    """One part of a field, as text and as what it means."""
    first = draw(st.integers(low, high))
    last = draw(st.integers(first, high))
    step = draw(st.integers(1, 70))
    forms = {
        "*": range(low, high + 1),
        f"*/{step}": range(low, high + 1, step),
        f"{first}": range(first, first + 1),
        f"{first}-{last}": range(first, last + 1),
        f"{first}-{last}/{step}": range(first, last + 1, step),
        f"{first}/{step}": range(first, high + 1, step),
    }
    text = draw(st.sampled_from(sorted(forms)))
    return text, frozenset(forms[text])


@given(st.data())
def test_every_form_of_every_field_means_what_it_says(data: st.DataObject) -> None:
    fields, meant = [], []
    for low, high in RANGES:
        chosen = data.draw(st.lists(parts(low, high), min_size=1, max_size=3))
        fields.append(",".join(text for text, _ in chosen))
        meant.append(frozenset().union(*(values for _, values in chosen)))
    text = " ".join(fields)
    if complaint := refusal(parse_schedule, text):
        assert re.fullmatch(r"day of month .* never comes in month .*", complaint)
        assert not any(value < 29 for value in meant[2])
        return
    found = parse_schedule(text)
    assert [found.minutes, found.hours, found.days, found.months, found.weekdays] == meant


@given(st.one_of(st.text(), st.text(alphabet="0123456789*/-,? @janMONfri", max_size=40)))
def test_whatever_is_wrong_is_said_in_one_line(text: str) -> None:
    for parse in (parse_schedule, parse_window):
        assert len(refusal(parse, text).splitlines()) <= 1


WRONG = {
    "": "found 0; for example 0 2 * * 6",
    "0 2 * *": "found 4",
    "0 0 2 * * 6": "found 6",
    "@every 1h": "found 2",
    "@reboot": "found 1",
    "60 * * * *": "minute '60' is not from 0 to 59",
    "* 24 * * *": "hour '24' is not from 0 to 23",
    "* * 0 * *": "day of month '0' is not from 1 to 31",
    "* * * 13 *": "month '13' is not from 1 to 12",
    "* * * * 7": "day of week '7' is not from 0 to 6; Sunday is 0",
    "* * * * saturday": "day of week 'saturday' is not *, a number",
    "-1 * * * *": "minute '-1' is not *, a number",
    "1,,2 * * * *": "minute '' is not *, a number",
    "9-3 * * * *": "minute '9-3' ends before it begins",
    "*/0 * * * *": "has a step that is not a number above 0",
    "*-5 * * * *": "has a range that begins with *",
    "TZ=Asia/Tokyo 0 2 * * 6": "schedules are in UTC",
    "0 0 31 4,feb *": "day of month '31' never comes in month '4,feb'",
    "٣ * * * *": "is not *, a number",
    "0 " * 500: "at most 256 characters",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(WRONG[text])):
        parse_schedule(text)


def test_names_and_shorthands_stand_for_numbers() -> None:
    assert parse_schedule("0 0 * Jan,DEC sat") == parse_schedule("0 0 * 1,12 6")
    assert parse_schedule("@weekly") == parse_schedule("0 0 * * sun")
    assert parse_schedule("0 0 1 * ?") == parse_schedule("0 0 1 * *")


def test_a_day_that_no_month_has_may_stand_beside_a_day_of_the_week() -> None:
    assert parse_schedule("0 0 31 2 1").weekdays == frozenset({1})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("4h", 14400), ("1h30m", 5400), ("1.5h", 5400), ("300ms", 0.3), (".5m", 30), ("+2s", 2)],
)
def test_durations_are_written_as_in_go(text: str, seconds: float) -> None:
    assert parse_window(text) == seconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("4", "is not a duration such as 4h"),
        ("1d", "is not a duration such as 4h"),
        ("h", "is not a duration such as 4h"),
        ("4h ", "is not a duration such as 4h"),
        ("", "is not a duration such as 4h"),
        ("0", "must be a positive duration"),
        ("0h0m", "must be a positive duration"),
        ("-4h", "must be a positive duration"),
        ("9999999h", "is longer than durations can be"),
    ],
)
def test_a_wrong_duration_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_window(text)


@given(st.integers(1, 10**6), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int) -> None:
    assert parse_window(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds
