"""NodeClaimReady, NodesReady and their sum ResourceReady."""

from kaito.api.meta import Condition, Key
from kaito.api.nodepool import NODEPOOLS
from kaito.api.workspace import NODE_CLAIM_READY, NODES_READY, RESOURCE_READY
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.controllers.workspace.step import Step, holds, lacks
from kaito.controllers.workspace.surge_machine import same_workload
from kaito.kube.controller.decision import Action, Apply, Create, Delete, Note
from kaito.provision.port import Assessment, Made, NodeSource, Supply, Wanted


def decide_resources(observed: Observed, wanted: Wanted, settings: WorkspaceSettings) -> Step:
    """Ask for the missing nodes, give back the surplus, and say how far the rest are."""
    found = settings.provisioner.assess(wanted, observed.supply)
    return Step(
        actions=_actions(observed, wanted, settings.provisioner),
        conditions=_conditions(found),
        blocks=found.state != "ready",
        nodes=found.nodes,
    )


def decide_refused(reason: str, message: str) -> Step:
    """There is no plan, so no node is asked for."""
    return Step(conditions=(lacks(RESOURCE_READY, reason, message),), blocks=True)


def delete_made(made: Made) -> Delete:
    """The deletion of that very object."""
    uid = str(made.manifest["metadata"]["uid"])
    return Delete(resource=made.resource, key=Key("", made.name), uid=uid)


def _actions(observed: Observed, wanted: Wanted, source: NodeSource) -> tuple[Action, ...]:
    supply = observed.supply
    deletes = [delete_made(made) for made in source.surplus(wanted, supply)]
    writes = (_write(observed, made, wanted) for made in source.render(wanted, supply))
    checked = same_workload(observed) if deletes else ()
    return (*checked, *deletes, *(write for write in writes if write is not None))


def _write(observed: Observed, made: Made, wanted: Wanted) -> Action | None:
    """Create what is not there; a pool is also resized, a claim never changes."""
    if made.resource != NODEPOOLS:
        known = {claim.metadata.name for claim in observed.supply.claims}
        if made.name in known:
            return None
        note = _asked(observed, made, wanted)
        return Create(resource=made.resource, manifest=made.manifest, note=note)
    replicas = _replicas(observed.supply, made.name)
    if replicas == made.manifest["spec"]["replicas"]:
        return None
    note = _asked(observed, made, wanted)
    return Apply(resource=made.resource, manifest=made.manifest, note=note)


def _replicas(supply: Supply, name: str) -> int | None:
    found = (pool.spec.replicas for pool in supply.pools if pool.metadata.name == name)
    return next(found, None)


def _asked(observed: Observed, made: Made, wanted: Wanted) -> Note:
    if made.resource == NODEPOOLS:
        count = made.manifest["spec"]["replicas"]
        return Note(
            about=observed.workspace,
            reason="NodePoolApplied",
            message=f"asked for {count} {wanted.instance_type} nodes: NodePool {made.name}",
        )
    return Note(
        about=observed.workspace,
        reason="NodeClaimCreated",
        message=f"asked for a {wanted.instance_type} node: NodeClaim {made.name}",
    )


def _conditions(found: Assessment) -> tuple[Condition, ...]:
    match found.state:
        case "ready":
            return (
                holds(NODE_CLAIM_READY, "NodeClaimsReady"),
                holds(NODES_READY, "NodesReady", found.message),
                holds(RESOURCE_READY, "workspaceResourceStatusSuccess", found.message),
            )
        case "nodes pending":
            return (
                holds(NODE_CLAIM_READY, "NodeClaimsReady"),
                lacks(NODES_READY, found.reason, found.message),
                lacks(RESOURCE_READY, found.reason, found.message),
            )
        case _:
            return (
                lacks(NODE_CLAIM_READY, found.reason, found.message),
                lacks(RESOURCE_READY, found.reason, found.message),
            )
