"""Conditions as values: change one, find one, and derive the whole from its parts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from kaito.api.meta import Condition

Truth = Literal["True", "False", "Unknown"]
LONGEST_MESSAGE = 1024
"""Characters; enough for a reason with its arithmetic, little enough to print."""


def find(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """The condition of that type, if it is set."""
    return next((c for c in conditions if c.type == type_), None)


def is_true(conditions: Iterable[Condition], type_: str) -> bool:
    """Whether the condition is set and holds."""
    found = find(conditions, type_)
    return found is not None and found.is_true


def merge(
    old: Iterable[Condition], new: Iterable[Condition], *, now: datetime, generation: int
) -> tuple[Condition, ...]:
    """`old` with `new` written over it, in the order of `new` and then what else was there.

    `lastTransitionTime` moves only when the status does, so a condition's age is how long it has
    held; `observedGeneration` always moves, so a reader knows it is current.
    """
    known = {c.type: c for c in old}
    fresh = [_updated(known.pop(c.type, None), c, now, generation) for c in new]
    return (*fresh, *known.values())


def _updated(old: Condition | None, new: Condition, now: datetime, generation: int) -> Condition:
    same = old is not None and old.status == new.status
    since = old.last_transition_time if old is not None and same else now.replace(microsecond=0)
    return msgspec.structs.replace(
        new,
        message=new.message[:LONGEST_MESSAGE],
        last_transition_time=since,
        observed_generation=generation,
    )
