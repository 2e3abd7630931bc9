"""What happened to each request: when it left, when each piece came, and how it ended."""

from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["done", "cut", "busy", "failed"]
"""cut: we left before the end; busy: the server answered 429."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One request. Times are seconds of the run's monotonic clock."""

    outcome: Outcome
    started: float
    ended: float
    pieces: tuple[float, ...] = ()
    """When each piece of the answer came."""
    input_tokens: int = 0
    output_tokens: int = 0
    """As the server counted; of a cut request, its pieces."""
    message: str = ""
    """Why it failed."""
    retry_after: float = 0.0


@dataclass(slots=True, kw_only=True)
class Round:
    """The requests of one round, while it goes on and afterwards."""

    started: float
    ended: float = 0.0
    """0 while it goes on."""
    samples: list[Sample] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(self.ended - self.started, 0.0)


@dataclass(slots=True, kw_only=True)
class LevelRun:
    """What has been measured at one concurrency so far."""

    concurrency: int
    rounds: list[Round] = field(default_factory=list)
