"""What one step of the decision finds."""

from dataclasses import dataclass

from kaito.api import reasons
from kaito.api.meta import Condition, Key
from kaito.api.workspace import GivenBackStatus
from kaito.kube.controller.decision import Action

WAITING_REASONS = reasons.WAITING
"""Reasons that time alone resolves; any other reason of a False condition is a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Conditions found and actions wanted; `blocks` ends the fold here."""

    conditions: tuple[Condition, ...] = ()
    actions: tuple[Action, ...] = ()
    blocks: bool = False
    requeue_after: float | None = None
    """Seconds until it has to be looked at again even if nothing changes."""
    nodes: tuple[str, ...] | None = None
    """Names of the nodes to run on, from the step that knows."""
    given_back: GivenBackStatus | None = None
    """What to remember of nodes that never became whole."""


def holds(type_: str, reason: str, message: str = "") -> Condition:
    """A condition that is true."""
    return Condition(type=type_, status="True", reason=reason, message=message)


def lacks(type_: str, reason: str, message: str) -> Condition:
    """A condition that is false, and why."""
    return Condition(type=type_, status="False", reason=reason, message=message)


def say_taken(kind: str, key: Key) -> str:
    """Why an object cannot be made: another one has its name, and it is left alone."""
    return (
        f"a {kind} {key} exists already and does not belong to this workspace; delete it, or "
        "rename the workspace"
    )
