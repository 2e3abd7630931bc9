"""What happens between `kubectl delete` and the object's end: pods first, then nodes."""

from datetime import datetime

import msgspec

from kaito.api import conditions, labels
from kaito.api.core import STATEFULSETS
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import WORKSPACE_DELETING, WORKSPACES
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.step import holds
from kaito.kube.controller.decision import NOTHING, Action, Decision, Delete, Patch, StatusWrite


def decide_deletion(observed: Observed, now: datetime) -> Decision:
    """Delete what the garbage collector would leave, say what is still there, then let go."""
    workspace = observed.workspace
    if labels.WORKSPACE_FINALIZER not in workspace.metadata.finalizers:
        return NOTHING
    if not observed.pods and not observed.claims and not _owned_statefulset(observed):
        kept = [f for f in workspace.metadata.finalizers if f != labels.WORKSPACE_FINALIZER]
        # The revision makes sure that a finalizer added meanwhile by somebody else survives.
        meta = {"finalizers": kept, "resourceVersion": workspace.metadata.resource_version}
        letting_go = Patch(resource=WORKSPACES, key=workspace.key, patch={"metadata": meta})
        return Decision(actions=(letting_go,), why=("everything it owned is gone",))
    return Decision(actions=_deletes(observed), status=_status(observed, now))


def _deletes(observed: Observed) -> tuple[Action, ...]:
    found: list[Action] = []
    live = observed.statefulset
    if live is not None and _owned_statefulset(observed) and not live.metadata.is_deleting:
        found.append(Delete(resource=STATEFULSETS, key=live.key, uid=live.metadata.uid))
    if not observed.pods:
        # Nodes go last, so that processes end in their own time and not with the machine.
        found.extend(
            Delete(resource=NODECLAIMS, key=claim.key, uid=claim.metadata.uid)
            for claim in observed.claims
            if not claim.metadata.is_deleting
        )
    return tuple(found)


def _owned_statefulset(observed: Observed) -> bool:
    live = observed.statefulset
    owner = live.metadata.controller if live else None
    return owner is not None and owner.uid == observed.workspace.metadata.uid


def _status(observed: Observed, now: datetime) -> StatusWrite | None:
    workspace = observed.workspace
    left = [f"pod {pod.metadata.name}" for pod in observed.pods]
    left += [f"NodeClaim {claim.metadata.name}" for claim in observed.claims]
    found = holds(WORKSPACE_DELETING, "workspaceDeleted", f"waiting for {', '.join(left)} to end")
    merged = conditions.merge(
        workspace.status.conditions, (found,), now=now, generation=workspace.metadata.generation
    )
    if merged == workspace.status.conditions:
        return None
    return StatusWrite(
        resource=WORKSPACES,
        key=workspace.key,
        resource_version=workspace.metadata.resource_version,
        status={"conditions": msgspec.to_builtins(merged)},
    )
