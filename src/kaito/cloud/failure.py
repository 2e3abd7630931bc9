"""Why a cloud did not do what it was asked: a closed set of kinds, and the cloud's own words.

Each cloud's folder sorts its error codes into these kinds; nobody else reads codes. The kind
decides the condition's reason and when to try again, the words are for people.
"""

from enum import Enum

from kaito.base.errors import KaitoError

_LONGEST = 900
"""Characters of the cloud's words that are kept: a condition's message holds 1024."""


class FailureKind(Enum):
    """What went wrong. The value is the reason that conditions show."""

    CAPACITY = "InsufficientCapacity"
    """There is no such machine to give now."""
    QUOTA = "QuotaExceeded"
    """The account may not have so many."""
    UNAUTHORIZED = "Unauthorized"
    """Our identity may not do that, or is not believed."""
    NOT_FOUND = "CloudResourceNotFound"
    """Something that the machine needs is not there: the cluster, a subnet, a role."""
    INVALID = "InvalidMachineRequest"
    """The cloud does not accept the request as it is, and will not later."""
    THROTTLED = "Throttled"
    """Too many requests, or another operation has to end first."""
    UNAVAILABLE = "CloudUnavailable"
    """No answer, or an error of the cloud's own."""

    @property
    def is_passing(self) -> bool:
        """Whether it says nothing about the machine: asking again soon is all there is to do."""
        return self in (FailureKind.THROTTLED, FailureKind.UNAVAILABLE)

    @property
    def is_final(self) -> bool:
        """Whether asking again for the same cannot help."""
        return self is FailureKind.INVALID


_NEXT_STEPS = {
    FailureKind.CAPACITY: "asked again by itself; another zone or instance type may have it",
    FailureKind.QUOTA: "raise the quota of this machine family; asked again by itself",
    FailureKind.UNAUTHORIZED: "give the provisioner's identity the right that is missing",
    FailureKind.NOT_FOUND: "check the names in the provisioner's settings",
    FailureKind.INVALID: "correct the Workspace, or delete the NodeClaim to have it asked again",
    FailureKind.THROTTLED: "asked again by itself",
    FailureKind.UNAVAILABLE: "asked again by itself",
}


class CloudFailure(KaitoError):
    """A cloud refused, or a machine of it failed. `str()` is the cloud's own words on one line."""

    def __init__(self, kind: FailureKind, words: str, *, retry_after: float = 0.0) -> None:
        """`retry_after`: seconds, where the cloud said so."""
        super().__init__(_one_line(words) or kind.value, hint=_NEXT_STEPS[kind])
        self.kind = kind
        self.retry_after = retry_after

    @property
    def reason(self) -> str:
        """The reason for a condition."""
        return self.kind.value


def _one_line(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."
