"""The rows of the table of reasons: a condition type, a reason on it, an event."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionType:
    """One type of condition on one kind."""

    kind: str
    type: str
    holds: str
    """What it means that it is True."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason, what it means and the next step.

    In `look` and `then` stand `{name}`, `{namespace}` and `{preset}` for the object's.
    """

    name: str
    """CamelCase; one that ends in `*` stands for all that begin so."""
    kind: str
    on: tuple[str, ...]
    """Types of the conditions that carry it first; summaries repeat it."""
    meaning: str
    look: str = ""
    """A command that shows more."""
    then: str = ""
    """The next step; empty where waiting is all there is to do, or nothing is wrong."""
    waits: bool = False
    """Whether time alone resolves it."""
    good: bool = False
    """Whether it says that something holds."""

    @property
    def is_family(self) -> bool:
        """Whether it stands for all reasons that begin so."""
        return self.name.endswith("*")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReason:
    """One reason that only events have."""

    name: str
    about: tuple[str, ...]
    """Kinds of the objects that it is written about."""
    meaning: str
    type: Literal["Normal", "Warning"] = "Normal"
