"""What happens between `kubectl delete` and the object's end: pods first, then nodes."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from kaito.api import conditions, labels
from kaito.api.core import JOBS, STATEFULSETS
from kaito.api.meta import Object, ObjectMeta
from kaito.api.workspace import WORKSPACE_DELETING, WORKSPACES
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.predecessor import delete_deployment
from kaito.controllers.workspace.resource_ready import delete_made
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.controllers.workspace.step import holds
from kaito.kube.controller.decision import NOTHING, Action, Decision, Delete, Patch, StatusWrite


def decide_deletion(observed: Observed, settings: WorkspaceSettings, now: datetime) -> Decision:
    """Delete what the garbage collector would leave, say what is still there, then let go."""
    workspace = observed.workspace
    if labels.WORKSPACE_FINALIZER not in workspace.metadata.finalizers:
        return NOTHING
    supply = observed.supply
    owned = observed.owned or observed.owned_job or observed.owned_deployment
    if not (observed.pods or supply.claims or supply.pools or owned):
        kept = [f for f in workspace.metadata.finalizers if f != labels.WORKSPACE_FINALIZER]
        # The revision makes sure that a finalizer added meanwhile by somebody else survives.
        meta = {"finalizers": kept, "resourceVersion": workspace.metadata.resource_version}
        letting_go = Patch(resource=WORKSPACES, key=workspace.key, patch={"metadata": meta})
        return Decision(actions=(letting_go,), why=("everything it owned is gone",))
    return Decision(actions=_deletes(observed, settings), status=_status(observed, now))


def _deletes(observed: Observed, settings: WorkspaceSettings) -> tuple[Action, ...]:
    found: list[Action] = []
    live = observed.owned
    if live is not None and not live.metadata.is_deleting:
        found.append(Delete(resource=STATEFULSETS, key=live.key, uid=live.metadata.uid))
    job = observed.owned_job
    if job is not None and not job.metadata.is_deleting:
        found.append(Delete(resource=JOBS, key=job.key, uid=job.metadata.uid))
    found.extend(delete_deployment(observed))
    if not observed.pods:
        # Nodes go last, so that processes end in their own time and not with the machine.
        supply = observed.supply
        going = {m.name for m in (*_meta(supply.claims), *_meta(supply.pools)) if m.is_deleting}
        found.extend(
            delete_made(made)
            for made in settings.provisioner.belongings(supply)
            if made.name not in going
        )
    return tuple(found)


def _meta(items: Iterable[Object]) -> Iterator[ObjectMeta]:
    return (item.metadata for item in items)


def _status(observed: Observed, now: datetime) -> StatusWrite | None:
    workspace = observed.workspace
    left = [f"pod {pod.metadata.name}" for pod in observed.pods]
    left += [f"NodeClaim {claim.metadata.name}" for claim in observed.supply.claims]
    left += [f"NodePool {pool.metadata.name}" for pool in observed.supply.pools]
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
