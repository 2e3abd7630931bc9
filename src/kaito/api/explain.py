"""The one thing a Workspace waits for, or suffers from, in words. Pure."""

from dataclasses import dataclass
from datetime import datetime

from kaito.api import conditions
from kaito.api.reasons import find_reason
from kaito.api.workspace import WORKSPACE_DELETING, WORKSPACE_READY, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One blocking reason, since when, where to look, and what to do."""

    reason: str
    message: str
    since: datetime | None
    look: str
    """A command that shows more."""
    then: str
    """The next step; empty when waiting is all there is to do."""


_DEFAULT_LOOK = "kubectl describe workspace {name} -n {namespace}"


def explain_workspace(workspace: Workspace) -> Explanation:
    """What blocks the workspace; when nothing does, that it is ready and how to use it."""
    meta = workspace.metadata
    found = conditions.find(workspace.status.conditions, WORKSPACE_READY)
    if meta.is_deleting:
        deleting = conditions.find(workspace.status.conditions, WORKSPACE_DELETING)
        message = deleting.message if deleting else "deletion has begun"
        return _explanation(workspace, "Deleting", message, meta.deletion_timestamp)
    if found is None:
        message = "no controller has looked at it yet; is the operator running? see: kaito status"
        return _explanation(workspace, "NotObserved", message, meta.creation_timestamp)
    reason = "Ready" if found.is_true else found.reason
    return _explanation(workspace, reason, found.message, _since(workspace, reason))


def _since(workspace: Workspace, reason: str) -> datetime | None:
    """Since when the blocking condition has been what it is, not since when all was not ready."""
    times = [
        c.last_transition_time
        for c in workspace.status.conditions
        if c.last_transition_time is not None and (c.reason == reason or c.type == WORKSPACE_READY)
    ]
    return max(times, default=workspace.metadata.creation_timestamp)


def _explanation(
    workspace: Workspace, reason: str, message: str, since: datetime | None
) -> Explanation:
    entry = find_reason(reason)
    look, then = (entry.look, entry.then) if entry is not None else ("", "")
    name, namespace = workspace.metadata.name, workspace.metadata.namespace
    filled = {"name": name, "namespace": namespace, "preset": workspace.preset_name}
    if reason == "Ready":
        then = f"kaito tune promote {name}" if workspace.tuning else f"kaito chat {name}"
    return Explanation(
        reason=reason,
        message=message,
        since=since,
        look=(look or _DEFAULT_LOOK).format(**filled),
        then=then.format(**filled),
    )
