"""When something recurs, as five cron fields in UTC, and for how long, as Go writes durations.

What is accepted is what KAITO 0.12 accepts, without its time zones and `@every`: see
https://pkg.go.dev/github.com/robfig/cron/v3#hdr-CRON_Expression_Format and
https://pkg.go.dev/time#ParseDuration. Both parsers raise `ValueError` with one line.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

_LONGEST = 256
"""Characters; nobody needs more, and a bound keeps hostile text cheap."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FORMS = "is not *, a number, a range a-b, or one of these with /step"
_PART = re.compile(r"(?P<first>[^-/]+)(-(?P<last>[^-/]+))?(/(?P<step>[^-/]+))?\Z", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,4}\Z")
_AMOUNT = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_MOST_SECONDS = Decimal(2**63 - 1) / 10**9
"""What Go's time.Duration holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The minutes at which something begins, in UTC."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    """Of the month, from 1."""
    months: frozenset[int]
    """From 1."""
    weekdays: frozenset[int]
    """From Sunday, which is 0."""
    any_day: bool
    """Whether the day of the month does not matter."""
    any_weekday: bool
    """Whether the day of the week does not matter; if both matter, either will do, as in cron."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """One of the five: its range, and names for its numbers."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    hint: str = ""


_MINUTE = _Field(name="minute", low=0, high=59)
_HOUR = _Field(name="hour", low=0, high=23)
_DAY = _Field(name="day of month", low=1, high=31)
_MONTH = _Field(name="month", low=1, high=12, names=_MONTHS)
_WEEKDAY = _Field(name="day of week", low=0, high=6, names=_WEEKDAYS, hint="; Sunday is 0")


def parse_schedule(text: str) -> Schedule:
    """The schedule of five cron fields, or of a shorthand such as `@daily`.

    Raises:
        ValueError: it is none, or names a day that no month has; the message says which field.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"a schedule has at most {_LONGEST} characters")
    fields = _SHORTHANDS.get(text, text).split()
    if fields and fields[0].startswith(("TZ=", "CRON_TZ=")):
        raise ValueError("schedules are in UTC: remove the time zone and convert the hour")
    if len(fields) != 5:
        raise ValueError(
            f"expected 5 fields (minute, hour, day of month, month, day of week), found "
            f"{len(fields)}; for example 0 2 * * 6"
        )
    minute, hour, day, month, weekday = fields
    schedule = Schedule(
        minutes=_parse_field(minute, _MINUTE),
        hours=_parse_field(hour, _HOUR),
        days=_parse_field(day, _DAY),
        months=_parse_field(month, _MONTH),
        weekdays=_parse_field(weekday, _WEEKDAY),
        any_day=_is_any(day),
        any_weekday=_is_any(weekday),
    )
    longest = max(_LONGEST_MONTHS[month - 1] for month in schedule.months)
    if schedule.any_weekday and min(schedule.days) > longest:
        raise ValueError(f"day of month {day!r} never comes in month {month!r}")
    return schedule


def _is_any(field: str) -> bool:
    return any(part in {"*", "?"} for part in field.split(","))


def _parse_field(text: str, field: _Field) -> frozenset[int]:
    return frozenset(value for part in text.split(",") for value in _parse_part(part, field))


def _parse_part(part: str, field: _Field) -> range:
    found = _PART.match(part)
    if found is None:
        raise ValueError(
            f"{field.name} {part!r} is not *, a number, a range a-b, or one with /step"
        )
    step = _parse_step(found["step"], part, field)
    if found["first"] in {"*", "?"}:
        if found["last"] is not None:
            raise ValueError(f"{field.name} {part!r} has a range that begins with *")
        return range(field.low, field.high + 1, step)
    first = _parse_value(found["first"], part, field)
    if found["last"] is not None:
        last = _parse_value(found["last"], part, field)
    else:
        # As in cron, a step without an end runs on: 5/15 is 5-59/15.
        last = first if found["step"] is None else field.high
    if last < first:
        raise ValueError(f"{field.name} {part!r} ends before it begins")
    return range(first, last + 1, step)


def _parse_step(text: str | None, part: str, field: _Field) -> int:
    if text is None:
        return 1
    if not _NUMBER.match(text) or int(text) == 0:
        raise ValueError(f"{field.name} {part!r} has a step that is not a number above 0")
    return int(text)


def _parse_value(text: str, part: str, field: _Field) -> int:
    if text.lower() in field.names:
        return field.names.index(text.lower()) + field.low
    if not _NUMBER.match(text):
        raise ValueError(
            f"{field.name} {part!r} is not *, a number, a range a-b, or one with /step"
        )
    value = int(text)
    if not field.low <= value <= field.high:
        raise ValueError(
            f"{field.name} {part!r} is not from {field.low} to {field.high}{field.hint}"
        )
    return value


def parse_window(text: str) -> float:
    """Seconds of a duration such as `4h` or `1h30m`.

    Raises:
        ValueError: it is none, or not above zero.
    """
    amounts = _AMOUNT.findall(text) if len(text) <= _LONGEST else []
    unsigned = text[1:] if text[:1] in {"+", "-"} else text
    if unsigned != "0" and (not amounts or "".join(n + unit for n, unit in amounts) != unsigned):
        raise ValueError(f"{text[:_LONGEST]!r} is not a duration such as 4h, 90m or 1h30m")
    seconds = sum((Decimal(number) * _SECONDS[unit] for number, unit in amounts), Decimal(0))
    if text.startswith("-") or seconds == 0:
        raise ValueError(f"{text!r} must be a positive duration")
    if seconds > _MOST_SECONDS:
        raise ValueError(f"{text!r} is longer than durations can be; write 4h, 90m or 1h30m")
    return float(seconds)
