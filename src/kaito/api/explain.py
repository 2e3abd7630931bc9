"""The one thing a Workspace waits for, or suffers from, in words. Pure."""

from dataclasses import dataclass
from datetime import datetime

from kaito.api import conditions
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


_ADVICE: dict[str, tuple[str, str]] = {
    "InsufficientMemory": ("kaito models list", "choose a model that fits this machine"),
    "InvalidDemand": (
        "kaito plan {preset}",
        "correct what the message names, in the ConfigMap or the Workspace",
    ),
    "UnsupportedAccelerator": (
        "kaito plan {preset} --all",
        "make a workspace with an instance type that the message names",
    ),
    "UnknownInstanceType": (
        "kaito plan {preset} --all",
        "make a workspace with an instance type of that list",
    ),
    "NonUniformNodes": (
        "kubectl get nodes -L nvidia.com/gpu.product,nvidia.com/gpu.count,nvidia.com/gpu.memory",
        "narrow resource.labelSelector to nodes of one kind",
    ),
    "UnknownNodes": (
        "kubectl get nodes -L nvidia.com/gpu.product,nvidia.com/gpu.count,nvidia.com/gpu.memory",
        "install NVIDIA's GPU feature discovery, or set the labels by hand",
    ),
    "PartitionNotOffered": (
        "kubectl describe nodes",
        "ask for what the nodes offer in resource.partition",
    ),
    "RemoteCodeNotAllowed": (
        "kaito models describe {preset}",
        "allow it in inference_config.yaml, or choose another model",
    ),
    "PeersUnreachable": (
        "kubectl get pods -n {namespace} -l kaito.sh/workspace={name} -o wide",
        "see why the pod that the message names is missing",
    ),
    "NodeNotReady": ("kubectl get nodes", ""),
    "InsufficientCapacity": (
        "kubectl get nodeclaims,workspaces -A",
        "delete a workspace that is not needed or use another instance type; it goes on by itself",
    ),
    "QuotaExceeded": (
        "kubectl describe nodeclaims -l kaito.sh/workspace={name}",
        "have the quota raised or use another instance type; it goes on by itself",
    ),
    "Unauthorized": (
        "kubectl describe nodeclaims -l kaito.sh/workspace={name}",
        "give the provisioner's identity the right that the message names; it goes on by itself",
    ),
    "NodePluginsNotReady": (
        "kubectl get daemonsets -A",
        "install NVIDIA's device plugin where it is missing",
    ),
    "UnknownPreset": ("kaito models list", "correct inference.preset.name"),
    "UnknownModel": ("kaito models list", "bring the model's files: kaito models import NAME PATH"),
    "ModelUnavailable": (
        "kubectl logs {name}-0 -n {namespace} -c weights",
        "bring the weights: kaito models import NAME PATH; it retries its sources by itself",
    ),
    "ConfigNotFound": ("kubectl get configmaps -n {namespace}", "create the ConfigMap"),
    "InvalidConfig": (
        "kubectl logs {name}-0 -n {namespace}",
        "correct inference_config.yaml; the pods are replaced by themselves",
    ),
    "ImagePullError": (
        "kubectl describe pod {name}-0 -n {namespace}",
        "name an image that can run here, or give the container a command",
    ),
    "ContainerStartError": (
        "kubectl describe pod {name}-0 -n {namespace}",
        "correct the pod template",
    ),
    "ContainerCrashLoopBackOff": (
        "kubectl logs {name}-0 -n {namespace} --previous",
        "correct what the log names; the container is restarted by itself",
    ),
    "ContainerNotReady": (
        "kubectl describe pod {name}-0 -n {namespace}",
        "see whether the readiness probe asks the right port and path",
    ),
    "ContainerOOMKilled": (
        "kubectl describe pod {name}-0 -n {namespace}",
        "give it more memory or choose a smaller model",
    ),
    "Unschedulable": (
        "kubectl describe pod {name}-0 -n {namespace}",
        "free what the message says is short",
    ),
    "NameConflict": ("kubectl get all -n {namespace}", "delete or rename one of the two"),
    "Tuning": ("kaito tune status {name} -n {namespace} --watch", ""),
    "TuningPaused": (
        "kaito tune status {name} -n {namespace}",
        "go on with: kaito tune resume {name} -n {namespace}",
    ),
    "InvalidData": (
        "kubectl logs job/{name} -n {namespace} -c tuning",
        "correct the data that the message names; an edit of the workspace starts it anew",
    ),
    "InvalidTrainingConfig": (
        "kubectl logs job/{name} -n {namespace} -c tuning",
        "correct training_config.yaml; the job is made anew by itself",
    ),
    "SourceUnavailable": (
        "kubectl logs job/{name} -n {namespace} -c tuning",
        "see whether what the message names can be reached from the pod; it tries again by itself",
    ),
    "TrainerFailed": (
        "kubectl logs job/{name} -n {namespace} -c tuning",
        "see what the log says; an edit of the workspace or its settings starts it anew",
    ),
}
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
    look, then = _ADVICE.get(reason, (_DEFAULT_LOOK, ""))
    name, namespace = workspace.metadata.name, workspace.metadata.namespace
    if reason == "Ready":
        then = f"kaito tune promote {name}" if workspace.tuning else f"kaito chat {name}"
    return Explanation(
        reason=reason,
        message=message,
        since=since,
        look=look.format(name=name, namespace=namespace, preset=workspace.preset_name),
        then=then,
    )
