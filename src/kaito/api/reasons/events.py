"""Reasons of events that are no condition's: what was done, told once."""

from typing import Final

from kaito.api.reasons.entry import EventReason

_WORKSPACE = ("Workspace",)

EVENTS: Final = (
    EventReason(name="Planned", about=_WORKSPACE, meaning="the first plan, in one line"),
    EventReason(name="PlanChanged", about=_WORKSPACE, meaning="another plan, and what differs"),
    EventReason(
        name="ContextReduced",
        about=_WORKSPACE,
        type="Warning",
        meaning="the context is cut to what fits; how much it is and what would hold more",
    ),
    EventReason(name="NodeClaimCreated", about=_WORKSPACE, meaning="a machine was asked for"),
    EventReason(
        name="NodePoolApplied",
        about=_WORKSPACE,
        meaning="Karpenter was asked for machines, or for another number of them",
    ),
    EventReason(name="WorkloadCreated", about=_WORKSPACE, meaning="the StatefulSet was made"),
    EventReason(
        name="WorkloadUpdated",
        about=_WORKSPACE,
        meaning="the StatefulSet was changed, and which parts; its pods follow",
    ),
    EventReason(
        name="WorkloadReplaced",
        about=_WORKSPACE,
        meaning="the StatefulSet is made anew: a field differs that Kubernetes never changes",
    ),
    EventReason(
        name="WorkloadMigration",
        about=_WORKSPACE,
        meaning="the Deployment of an earlier release is replaced by a StatefulSet",
    ),
    EventReason(name="ServiceUpdated", about=_WORKSPACE, meaning="a Service was changed"),
    EventReason(
        name="WriteRefused",
        about=("Workspace", "ModelMirror", "NodeClaim"),
        type="Warning",
        meaning="what has to be written was refused, and by which right, quota or policy",
    ),
    EventReason(
        name="AdaptersUpdated",
        about=_WORKSPACE,
        meaning="adapters were added, changed or removed; the engine is not restarted for it",
    ),
    EventReason(
        name="RolloutStarted",
        about=_WORKSPACE,
        meaning="a second pod starts from the update beside the one that answers",
    ),
    EventReason(
        name="RolloutSwitched", about=_WORKSPACE, meaning="requests go to the other pod from now on"
    ),
    EventReason(
        name="RolloutFinished", about=_WORKSPACE, meaning="the update is in place, one pod is left"
    ),
    EventReason(name="JobCreated", about=_WORKSPACE, meaning="the tuning Job was made"),
    EventReason(
        name="JobReplaced", about=_WORKSPACE, meaning="what the Job was made from has changed"
    ),
    EventReason(
        name="TuningResumed", about=_WORKSPACE, meaning="it goes on from its last checkpoint"
    ),
    EventReason(
        name="TuningSucceeded", about=_WORKSPACE, meaning="it is done, and where the result is"
    ),
    EventReason(
        name="Emulated",
        about=("Workspace", "NodeClaim"),
        meaning="embedded plane: this machine stands for the one that was asked for",
    ),
    EventReason(
        name="Orphaned",
        about=("NodeClaim", "NodePool"),
        meaning="its Workspace is gone, so it is deleted",
    ),
    EventReason(
        name="OrphanedMachine",
        about=("NodeClaim",),
        type="Warning",
        meaning="the cloud has a machine whose NodeClaim is gone; the machine is ended",
    ),
    EventReason(
        name="DownloadStarted", about=("ModelMirror",), meaning="a download, counted, was started"
    ),
)
