"""What one step of a claim's life has come to."""

from dataclasses import dataclass

from kaito.api.conditions import Truth
from kaito.api.meta import Condition
from kaito.cloud.failure import CloudFailure
from kaito.kube.controller.decision import Action

_WAITING = "AwaitingReconciliation"
"""Karpenter's reason of a condition whose turn has not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One condition, and what to do for it."""

    condition: Condition
    actions: tuple[Action, ...] = ()
    effects: tuple[object, ...] = ()
    requeue_after: float | None = None


def done(type_: str, *, actions: tuple[Action, ...] = ()) -> Step:
    """The step is behind us."""
    return Step(condition=Condition(type=type_, status="True", reason=type_), actions=actions)


def waiting(type_: str, reason: str, message: str, *, status: Truth = "Unknown") -> Step:
    """The step waits, or has failed."""
    return Step(condition=Condition(type=type_, status=status, reason=reason, message=message))


def untouched(type_: str) -> Condition:
    """A step that is not due yet."""
    return Condition(type=type_, reason=_WAITING, message="object is awaiting reconciliation")


def to_condition(type_: str, failure: CloudFailure) -> Condition:
    """A cloud's failure; one that says nothing about the machine leaves the condition open."""
    return Condition(
        type=type_,
        status="Unknown" if failure.kind.is_passing else "False",
        reason=failure.reason,
        message=failure.line,
    )
