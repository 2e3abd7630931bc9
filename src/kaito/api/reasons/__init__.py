"""Every reason that a condition or an event of ours can have: the one table.

`kaito explain`, the split into waiting and failing, and docs/reference/conditions.md are made from
it. A test reads the controllers' code and fails on a reason that is not here, and on one here that
nobody writes.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from kaito.api.reasons.entry import ConditionType, EventReason, Reason
from kaito.api.reasons.events import EVENTS
from kaito.api.reasons.machines import MACHINE_REASONS, MACHINE_TYPES
from kaito.api.reasons.others import OTHER_REASONS, OTHER_TYPES
from kaito.api.reasons.workspace import WORKSPACE_REASONS, WORKSPACE_TYPES

__all__ = [
    "CONDITION_TYPES",
    "EVENTS",
    "REASONS",
    "WAITING",
    "ConditionType",
    "EventReason",
    "Reason",
    "find_reason",
    "is_known",
]

CONDITION_TYPES: Final = (*WORKSPACE_TYPES, *MACHINE_TYPES, *OTHER_TYPES)
REASONS: Final = (*WORKSPACE_REASONS, *MACHINE_REASONS, *OTHER_REASONS)
WAITING: Final = frozenset(reason.name for reason in WORKSPACE_REASONS if reason.waits)
"""Reasons of a Workspace that time alone resolves; any other of a False condition is a failure."""

_BY_NAME: Final[Mapping[str, Reason]] = MappingProxyType(
    # Of one name on several kinds, the Workspace's is the one to explain a Workspace with.
    {reason.name: reason for reason in reversed(REASONS)}
)
_EVENT_NAMES: Final = frozenset(event.name for event in EVENTS)


def find_reason(name: str) -> Reason | None:
    """The entry of that reason; `PodShutdown` is found under the family `Pod*`."""
    if (exact := _BY_NAME.get(name)) is not None:
        return exact
    families = (reason for reason in REASONS if reason.is_family)
    return next((reason for reason in families if name.startswith(reason.name[:-1])), None)


def is_known(name: str) -> bool:
    """Whether a condition or an event may have that reason."""
    return find_reason(name) is not None or name in _EVENT_NAMES
