"""How often and when machines were asked for, so that a cloud that refuses is not pestered.

Kept in memory: a provisioner that starts anew asks once more, which is what people restart it for.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kaito.base.backoff import Backoff
from kaito.cloud.failure import CloudFailure, FailureKind

_ACCEPTED = timedelta(seconds=10)
"""After a launch was accepted, until the machine must be listed; then it is asked for again."""

_BACKOFFS = {
    FailureKind.CAPACITY: Backoff(base=60.0, cap=900.0),
    FailureKind.QUOTA: Backoff(base=300.0, cap=900.0),
    FailureKind.UNAUTHORIZED: Backoff(base=60.0, cap=300.0),
    FailureKind.NOT_FOUND: Backoff(base=60.0, cap=300.0),
    FailureKind.THROTTLED: Backoff(base=10.0, cap=120.0),
    FailureKind.UNAVAILABLE: Backoff(base=10.0, cap=300.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The last time a machine was asked for."""

    claim_uid: str
    failures: int = 0
    failure: CloudFailure | None = None
    """None: the cloud accepted."""
    retry_at: datetime | None = None
    """None: asking again cannot help."""


@dataclass(slots=True)
class Attempts:
    """The last attempt for each claim."""

    random: Callable[[], float]
    _last: dict[str, Attempt] = field(default_factory=dict)

    def of(self, name: str, uid: str) -> Attempt | None:
        """The last attempt for that very claim."""
        found = self._last.get(name)
        return found if found and found.claim_uid == uid else None

    def accepted(self, name: str, uid: str, now: datetime) -> None:
        """A launch was accepted."""
        before = self.of(name, uid)
        failures = before.failures if before else 0
        self._last[name] = Attempt(claim_uid=uid, failures=failures, retry_at=now + _ACCEPTED)

    def failed(self, name: str, uid: str, failure: CloudFailure, now: datetime) -> None:
        """A launch was refused, or its machine failed."""
        before = self.of(name, uid)
        failures = before.failures if before else 0
        self._last[name] = Attempt(
            claim_uid=uid,
            failures=failures + 1,
            failure=failure,
            retry_at=self._retry_at(failure, failures, now),
        )

    def forget(self, name: str) -> None:
        """The claim is served, or gone."""
        self._last.pop(name, None)

    def _retry_at(self, failure: CloudFailure, failures: int, now: datetime) -> datetime | None:
        if failure.kind.is_final:
            return None
        delay = _BACKOFFS[failure.kind].delay(failures, self.random)
        return now + timedelta(seconds=max(delay, failure.retry_after))
