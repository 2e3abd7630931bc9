"""Durations as people type them: `30m`, `1h30m`, `90s`, or a bare number of seconds."""

import re

from kaito.base.errors import UsageError

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> float:
    """Seconds; `UsageError` where the text is no duration above zero."""
    parts = _PART.findall(text)
    if text.isdigit():
        seconds = float(text)
    elif parts and "".join(number + unit for number, unit in parts) == text:
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    else:
        seconds = 0.0
    if seconds <= 0:
        raise UsageError(f"{text!r} is not a duration", hint="write 90s, 30m or 1h30m")
    return seconds
