"""NodeClaimReady, NodesReady and their sum ResourceReady."""

from kaito.api.meta import Condition
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import NODE_CLAIM_READY, NODES_READY, RESOURCE_READY
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.controllers.workspace.step import Step, holds, lacks
from kaito.kube.controller.decision import Action, Create, Delete, Note
from kaito.provision.port import Assessment, Provisioner, Wanted


def decide_resources(observed: Observed, wanted: Wanted, settings: WorkspaceSettings) -> Step:
    """Ask for the missing nodes, give back the surplus, and say how far the rest are."""
    found = settings.provisioner.assess(wanted, observed.claims, observed.nodes)
    return Step(
        actions=_actions(observed, wanted, settings.provisioner),
        conditions=_conditions(found),
        blocks=found.state != "ready",
    )


def decide_refused(reason: str, message: str) -> Step:
    """There is no plan, so no node is asked for."""
    return Step(conditions=(lacks(RESOURCE_READY, reason, message),), blocks=True)


def _actions(observed: Observed, wanted: Wanted, provisioner: Provisioner) -> tuple[Action, ...]:
    known = {claim.metadata.name for claim in observed.claims}
    deletes = (
        Delete(resource=NODECLAIMS, key=claim.key, uid=claim.metadata.uid)
        for claim in provisioner.surplus(wanted, observed.claims)
    )
    creates = (
        Create(resource=NODECLAIMS, manifest=manifest, note=_asked(observed, wanted, manifest))
        for manifest in provisioner.render_claims(wanted)
        if manifest["metadata"]["name"] not in known
    )
    return (*deletes, *creates)


def _asked(observed: Observed, wanted: Wanted, manifest: dict[str, dict[str, str]]) -> Note:
    name = manifest["metadata"]["name"]
    return Note(
        about=observed.workspace,
        reason="NodeClaimCreated",
        message=f"asked for a {wanted.instance_type} node: NodeClaim {name}",
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
