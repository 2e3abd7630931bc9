"""What the Workspace controller would do, decided by the controller itself and never carried out.

The facts go into a reader in the place of the caches; `decide` is the one that operators run.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from kaito.api import conditions, labels
from kaito.api.core import CONFIGMAPS, NODES, PODS, STORAGE_CLASSES
from kaito.api.meta import Condition, Object
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.nodepool import NODEPOOLS
from kaito.api.resources import Resource
from kaito.api.workspace import (
    INFERENCE_READY,
    JOB_STARTED,
    NODES_READY,
    RESOURCE_READY,
    WORKSPACES,
    PlanStatus,
    Workspace,
    WorkspaceStatus,
)
from kaito.app.doctor.cluster_facts import ClusterFacts, WorkspaceFacts
from kaito.app.doctor.finding import Unseen
from kaito.controllers.workspace.decide import decide
from kaito.controllers.workspace.observed import observe
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.kube.cache import FixedReader
from kaito.kube.controller.decision import Apply, Create, Decision

_UID = "00000000-0000-0000-0000-000000000000"
_MAKES_NODES = (NODECLAIMS, NODEPOOLS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What the first pass over a Workspace comes to."""

    plan: PlanStatus | None
    summary: str
    """The plan in one line; empty without one."""
    obstacle: Condition | None
    """The first condition that does not hold and is about more than waiting for new nodes."""
    made: int
    """Nodes that would be asked for."""
    nodes: tuple[str, ...] = ()
    """Nodes that are there and would be used."""


def rehearse(
    workspace: Workspace,
    facts: WorkspaceFacts,
    cluster: ClusterFacts | None,
    *,
    settings: WorkspaceSettings,
    now: datetime,
) -> Rehearsal:
    """The controller's first pass over the Workspace, in that cluster or in an empty one."""
    blank = _as_new(workspace)
    reader = FixedReader(_contents(blank, facts, cluster))
    observed = observe(reader, blank.key, settings)
    assert observed is not None, "the reader holds the workspace"
    return _to_rehearsal(decide(observed, settings, now))


def _as_new(workspace: Workspace) -> Workspace:
    """The object as an API server would have stored it, adopted, with nothing said of it yet."""
    meta = msgspec.structs.replace(
        workspace.metadata,
        namespace=workspace.metadata.namespace or "default",
        uid=workspace.metadata.uid or _UID,
        deletion_timestamp=None,
        finalizers=(labels.WORKSPACE_FINALIZER,),
    )
    return msgspec.structs.replace(workspace, metadata=meta, status=WorkspaceStatus())


def _contents(
    workspace: Workspace, facts: WorkspaceFacts, cluster: ClusterFacts | None
) -> list[tuple[Resource[Any], tuple[Object, ...]]]:
    found: list[tuple[Resource[Any], tuple[Object, ...]]] = [(WORKSPACES, (workspace,))]
    config = facts.config
    if config is not None and not isinstance(config, Unseen):
        meta = msgspec.structs.replace(config.metadata, namespace=workspace.metadata.namespace)
        found.append((CONFIGMAPS, (msgspec.structs.replace(config, metadata=meta),)))
    if cluster is None:
        return found
    seen: tuple[tuple[Resource[Any], tuple[Object, ...] | Unseen], ...] = (
        (NODES, cluster.nodes),
        (PODS, cluster.pods),
        (NODECLAIMS, cluster.claims),
        (NODEPOOLS, cluster.pools),
        (STORAGE_CLASSES, cluster.storage_classes),
    )
    return found + [(kind, items) for kind, items in seen if not isinstance(items, Unseen)]


def _to_rehearsal(decision: Decision) -> Rehearsal:
    status = decision.status.status if decision.status else {}
    found = msgspec.convert(status.get("conditions", []), tuple[Condition, ...])
    made = sum(_nodes_of(action) for action in decision.actions)
    plan = msgspec.convert(status.get("plan"), PlanStatus | None)
    return Rehearsal(
        plan=plan,
        summary=next((n.message for n in decision.notes if n.reason == "Planned"), ""),
        obstacle=None if made or conditions.is_true(found, RESOURCE_READY) else _obstacle(found),
        made=made,
        nodes=tuple(status.get("workerNodes", ())) if plan or not made else (),
    )


def _obstacle(found: tuple[Condition, ...]) -> Condition | None:
    for type_ in (NODES_READY, RESOURCE_READY, INFERENCE_READY, JOB_STARTED):
        condition = conditions.find(found, type_)
        if condition is not None and not condition.is_true:
            return condition
    return None


def _nodes_of(action: object) -> int:
    """A claim is one node; a pool says how many."""
    if not isinstance(action, Create | Apply) or action.resource not in _MAKES_NODES:
        return 0
    return int(action.manifest["spec"].get("replicas", 1))
