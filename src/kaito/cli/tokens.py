"""Numbers of tokens as people type them (`32k`, `131072`) and as they read them."""

import re

from kaito.base.errors import UsageError

_TOKENS = re.compile(r"([0-9]{1,12})([kKmM]?)")
_UNITS = {"": 1, "k": 1024, "m": 1024**2}


def parse_tokens(text: str, option: str) -> int:
    """A number of tokens above zero; `k` and `m` count by 1024, as models' names do."""
    found = _TOKENS.fullmatch(text)
    tokens = int(found[1]) * _UNITS[found[2].lower()] if found else 0
    if tokens <= 0:
        raise UsageError(
            f"{option} {text!r} is not a number of tokens", hint="write 32768, 32k or 1m"
        )
    return tokens


def format_tokens(tokens: int) -> str:
    """Tokens for people: `16k` where it is exactly that many, else with thousands marked."""
    for unit in ("m", "k"):
        if tokens and tokens % _UNITS[unit] == 0:
            return f"{tokens // _UNITS[unit]}{unit}"
    return f"{tokens:,}"
