"""What a run is asked to do. Pure."""

from dataclasses import dataclass
from math import ceil

from kaito.base.errors import UsageError

ROUNDS = 3
_LEAST_REQUESTS = 12
_REQUESTS_PER_CLIENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One number of requests at once, measured in several rounds."""

    concurrency: int
    rounds: int
    requests: int = 0
    """In each round; 0: as many as fit in its seconds."""
    seconds: float = 0.0
    """Of each round; 0: until all its requests are answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What every request of a run asks for."""

    input_tokens: int
    output_tokens: int
    shared_prefix: int = 0
    """Tokens at the beginning that all prompts have in common."""
    seed: int = 0


def plan_levels(
    concurrency: tuple[int, ...], *, requests: int = 0, seconds: float = 0.0, rounds: int = ROUNDS
) -> tuple[Level, ...]:
    """A level for each concurrency. `requests` and `seconds` are of a level; not both."""
    return tuple(_plan_level(at_once, requests, seconds, rounds) for at_once in concurrency)


def _plan_level(at_once: int, requests: int, seconds: float, rounds: int) -> Level:
    if seconds:
        return Level(concurrency=at_once, rounds=rounds, seconds=seconds / rounds)
    wanted = requests or max(_LEAST_REQUESTS, _REQUESTS_PER_CLIENT * at_once)
    # A round with fewer requests than may be under way at once would measure another concurrency.
    rounds = min(rounds, max(wanted // at_once, 1))
    return Level(concurrency=at_once, rounds=rounds, requests=ceil(wanted / rounds))


def parse_concurrency(text: str) -> tuple[int, ...]:
    """`1,8,32` in ascending order; `UsageError` for anything else."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and 0 < int(word) <= 4096 for word in words):
        raise UsageError(
            f"{text!r} is no list of concurrencies", hint="write numbers from 1 to 4096: 1,8,32"
        )
    return tuple(sorted({int(word) for word in words}))
