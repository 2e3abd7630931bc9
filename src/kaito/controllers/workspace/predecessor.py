"""What KAITO's first releases ran a Workspace as: a Deployment under its name. Pure.

A StatefulSet takes its place. It is written first and the Deployment deleted right after it, in one
pass, so that something is wanted at every moment; whoever dies between the two finds both and
deletes the one. On a node without room for both, the new pod waits until the old one has ended. A
Deployment that is not the Workspace's own is told of, and left alone.
"""

from kaito.api.core import DEPLOYMENTS
from kaito.controllers.workspace.observed import Observed
from kaito.kube.controller.decision import Action, Delete, Note


def retire_deployment(observed: Observed) -> tuple[Action, ...]:
    """Delete the workspace's own Deployment; to follow whatever writes the StatefulSet."""
    name = observed.workspace.metadata.name
    text = f"Deployment {name} of an earlier release is replaced by a StatefulSet"
    note = Note(about=observed.workspace, reason="WorkloadMigration", message=text)
    return delete_deployment(observed, note)


def delete_deployment(observed: Observed, note: Note | None = None) -> tuple[Action, ...]:
    """Delete it if it is the workspace's own."""
    live = observed.owned_deployment
    if live is None or live.metadata.is_deleting:
        return ()
    uid = live.metadata.uid
    return (
        Delete(resource=DEPLOYMENTS, key=live.key, uid=uid, propagation="Foreground", note=note),
    )


def tell_stranger(observed: Observed) -> str:
    """What to say of somebody else's Deployment under our name; empty where there is none."""
    live = observed.deployment
    if live is None or observed.owned_deployment is not None:
        return ""
    return (
        f"; Deployment {live.metadata.name} does not belong to this workspace and is left alone: "
        "delete it if it is of no use any more"
    )
