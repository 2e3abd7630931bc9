"""Who wants to know how far a transfer is."""

from typing import Protocol


class Progress(Protocol):
    """Told of bytes as they arrive; bars, reports and log lines are its implementations."""

    def start(self, *, total: int, done: int) -> None:
        """A transfer of `total` bytes begins, of which `done` were there already."""
        ...

    def advance(self, size: int, *, item: str = "") -> None:
        """`size` more bytes of `item`; negative when some must come again."""
        ...


class Unwatched:
    """Nobody wants to know."""

    def start(self, *, total: int, done: int) -> None:
        """Nothing."""

    def advance(self, size: int, *, item: str = "") -> None:
        """Nothing."""
