"""What a client's requests pass on their way: a rate limit, a right to write, a count.

A `Client` without any of these sends everything at once. Nothing here knows what is requested for.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from kaito.base.clock import Clock

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Sent:
    """One request, by its method and path."""

    method: str
    path: str
    is_watch: bool = False

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.method} {self.path}"

    @property
    def is_write(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"

    @property
    def verb(self) -> str:
        """As RBAC names it."""
        if self.method in _VERBS:
            return _VERBS[self.method]
        return "watch" if self.is_watch else "get" if self._has_name else "list"

    @property
    def resource(self) -> str:
        """`plural.group`, and `/status` or another subresource where the request is for one."""
        parts = self._below_version
        if not parts:
            return ""
        words = self.path.strip("/").split("/")
        group = f".{words[1]}" if words[0] == "apis" else ""
        return f"{parts[0]}{group}" + (f"/{parts[2]}" if len(parts) > 2 else "")

    @property
    def _has_name(self) -> bool:
        return len(self._below_version) > 1

    @property
    def _below_version(self) -> tuple[str, ...]:
        """The words from the plural on."""
        words = tuple(self.path.strip("/").split("/"))
        rest = words[3:] if words[0] == "apis" else words[2:] if words[0] == "api" else ()
        # `namespaces/NAME` alone is the Namespace itself.
        return rest[2:] if len(rest) > 2 and rest[0] == "namespaces" else rest


class Traffic(Protocol):
    """Stands in the way of a client's requests."""

    async def admit(self, sent: Sent) -> None:
        """Return when the request may go out; raise one of `kube.errors` when it may not."""
        ...

    def answered(self, sent: Sent, status: int) -> None:
        """Hear of an HTTP status; 0 when there was no answer."""
        ...


class RateLimit:
    """So many requests a second on average, and so many at once after a quiet time."""

    def __init__(self, *, per_second: float, burst: int, clock: Clock) -> None:
        self._spacing = 1.0 / per_second
        self._slack = self._spacing * (burst - 1)
        self._clock = clock
        self._next = float("-inf")

    async def admit(self, sent: Sent) -> None:
        """Wait for this request's turn; turns are given in the order of arrival."""
        del sent
        now = self._clock.monotonic()
        turn = max(self._next, now - self._slack)
        self._next = turn + self._spacing
        if turn > now:
            await self._clock.sleep(turn - now)

    def answered(self, sent: Sent, status: int) -> None:
        """Nothing."""


class Fence:
    """Lets writes pass only while `require` does."""

    def __init__(self, require: Callable[[], None]) -> None:
        self._require = require

    async def admit(self, sent: Sent) -> None:
        """Ask, for a write."""
        if sent.is_write:
            self._require()

    def answered(self, sent: Sent, status: int) -> None:
        """Nothing."""


class Count:
    """Tells somebody of every answer."""

    def __init__(self, tell: Callable[[Sent, int], None]) -> None:
        self._tell = tell

    async def admit(self, sent: Sent) -> None:
        """Nothing."""

    def answered(self, sent: Sent, status: int) -> None:
        """Pass it on."""
        self._tell(sent, status)


class Each:
    """Several, one after the other."""

    def __init__(self, parts: Iterable[Traffic]) -> None:
        self._parts = tuple(parts)

    async def admit(self, sent: Sent) -> None:
        """Ask each in turn."""
        for part in self._parts:
            await part.admit(sent)

    def answered(self, sent: Sent, status: int) -> None:
        """Tell each."""
        for part in self._parts:
            part.answered(sent, status)
