"""Conditions of a Workspace: types, and every reason with its meaning and next step."""

from functools import partial
from typing import Final

from kaito.api import workspace as types
from kaito.api.reasons.entry import ConditionType, Reason

_KIND = "Workspace"
_workspace = partial(Reason, kind=_KIND)
_type = partial(ConditionType, kind=_KIND)

_CLAIM = (types.NODE_CLAIM_READY,)
_NODES = (types.NODES_READY,)
_RESOURCE = (types.RESOURCE_READY,)
_MIRROR = (types.MODEL_MIRROR_READY,)
_JOB = (types.JOB_STARTED,)
_INFERENCE = (types.INFERENCE_READY,)
_ADAPTERS = (types.ADAPTERS_READY,)
_READY = (types.WORKSPACE_READY,)
_SUMMARIES = (types.WORKSPACE_READY, types.WORKSPACE_SUCCEEDED)
_POD = (*_INFERENCE, *_READY)
"""A tuning Workspace has no InferenceReady: its trainer's pod is told by the summary."""

_SEE_POD = "kubectl describe pod {name}-0 -n {namespace}"
_SEE_GPUS = "kubectl get nodes -L nvidia.com/gpu.product,nvidia.com/gpu.count,nvidia.com/gpu.memory"
_SEE_CLAIMS = "kubectl describe nodeclaims -l kaito.sh/workspace={name}"
_SEE_TRAINER = "kubectl logs job/{name} -n {namespace} -c tuning"
_SEE_MIRROR = "kubectl get modelmirrors"

WORKSPACE_TYPES: Final = (
    _type(type=types.NODE_CLAIM_READY, holds="every machine that was asked for is there"),
    _type(type=types.NODES_READY, holds="enough nodes are Ready and offer what pods ask for"),
    _type(type=types.RESOURCE_READY, holds="both: there is a plan, and the nodes for it"),
    _type(type=types.MODEL_MIRROR_READY, holds="weights come from a ModelMirror; only where asked"),
    _type(type=types.JOB_STARTED, holds="the tuning Job's pod has started; only with tuning"),
    _type(type=types.INFERENCE_READY, holds="every pod answers; only with inference"),
    _type(type=types.ADAPTERS_READY, holds="every adapter answers; only where there are any"),
    _type(type=types.WORKSPACE_READY, holds="it can be used; else the first reason that blocks"),
    _type(type=types.WORKSPACE_SUCCEEDED, holds="the same, as KAITO 0.12 words it"),
    _type(type=types.WORKSPACE_DELETING, holds="it is being deleted; what is left is named"),
)

_GOOD = (
    _workspace(
        name="NodeClaimsReady",
        on=_CLAIM,
        good=True,
        meaning="every machine is there",
    ),
    _workspace(
        name="NodesReady", on=_NODES, good=True, meaning="the nodes, by name; and pressure on them"
    ),
    _workspace(
        name="workspaceResourceStatusSuccess",
        on=_RESOURCE,
        good=True,
        meaning="the nodes of the plan are ready",
    ),
    _workspace(
        name="ModelMirrorReady",
        on=_MIRROR,
        good=True,
        meaning="the weights are those of the mirror that is named",
    ),
    _workspace(
        name="ModelMirrorPassedOver",
        on=_MIRROR,
        good=True,
        meaning="the mirror's download failed, so the pod fetches the weights by itself",
    ),
    _workspace(
        name="WorkspaceTuningJobStatusStarted",
        on=_JOB,
        good=True,
        meaning="the trainer's pod has started",
    ),
    _workspace(
        name="WorkspaceInferenceStatusSuccess",
        on=_INFERENCE,
        good=True,
        meaning="every pod answers",
    ),
    _workspace(name="AdaptersReady", on=_ADAPTERS, good=True, meaning="every adapter answers"),
    _workspace(
        name="workspaceSucceeded",
        on=_SUMMARIES,
        good=True,
        meaning="it answers, or the tuning is done",
        look="kaito status",
    ),
    _workspace(
        name="RolloutProgressing",
        on=_INFERENCE,
        good=True,
        meaning="the pod from before answers while the update starts beside it",
        look="kubectl get pods -n {namespace} -l kaito.sh/workspace={name}",
    ),
    _workspace(
        name="RolloutFailing",
        on=_INFERENCE,
        good=True,
        meaning="the pod from before answers, and the update does not start",
        look="kubectl describe workspace {name} -n {namespace}",
        then="correct what the message names, or undo the edit",
    ),
    _workspace(
        name="RolloutWaitingForRoom",
        on=_INFERENCE,
        good=True,
        meaning="the pod from before answers, and no node has room for a second one",
        look="kubectl describe nodes",
        then="make room, or allow a short stop with the annotation kaito.sh/rollout: replace",
    ),
)

_WAITING = (
    _workspace(
        name="NodeClaimNotReady",
        on=_CLAIM,
        waits=True,
        meaning="machines are on their way; how many, and what the first one lacks",
        look=_SEE_CLAIMS,
    ),
    _workspace(
        name="NodeNotReady",
        on=_NODES,
        waits=True,
        meaning="a node is not Ready, or fewer nodes match than are needed",
        look="kubectl get nodes",
    ),
    _workspace(
        name="NodePluginsNotReady",
        on=_NODES,
        waits=True,
        meaning="the node is there and offers no GPU yet",
        look="kubectl get daemonsets -A",
        then="install NVIDIA's device plugin where it is missing",
    ),
    _workspace(
        name="ModelMirrorNotReady",
        on=_MIRROR,
        waits=True,
        meaning="the mirror is not ready, in its own words",
        look=_SEE_MIRROR,
    ),
    _workspace(
        name="WorkspaceInferenceStatusPending",
        on=_INFERENCE,
        waits=True,
        meaning="pods are being made or replaced",
        look="kubectl get pods -n {namespace} -l kaito.sh/workspace={name}",
    ),
    _workspace(
        name="FetchingWeights",
        on=_POD,
        waits=True,
        meaning="the weights are on their way; the message and status.startUp say how far",
        look="kubectl logs {name}-0 -n {namespace} -c weights",
    ),
    _workspace(
        name="StartingEngine",
        on=_INFERENCE,
        waits=True,
        meaning="the engine is loading the model; the message says which stage it is in",
        look="kubectl logs {name}-0 -n {namespace}",
    ),
    _workspace(
        name="ContainerNotReady",
        on=_POD,
        waits=True,
        meaning="a container of the template runs and its readiness probe does not pass",
        look=_SEE_POD,
        then="see whether the readiness probe asks the right port and path",
    ),
    _workspace(
        name="AdaptersPending",
        on=_ADAPTERS,
        waits=True,
        meaning="adapters are on their way; the base model answers",
        look="kubectl get workspace {name} -n {namespace} -o yaml",
    ),
    _workspace(
        name="WorkspaceTuningJobStatusPending",
        on=(*_JOB, *_READY),
        waits=True,
        meaning="the Job or its pod is being made, or the earlier one has to end first",
        look="kaito tune status {name} -n {namespace}",
    ),
    _workspace(
        name="Tuning",
        on=_READY,
        waits=True,
        meaning="the trainer runs",
        look="kaito tune status {name} -n {namespace} --watch",
    ),
    _workspace(
        name="TuningPaused",
        on=_READY,
        waits=True,
        meaning="it was paused; what becomes of its checkpoints is said",
        look="kaito tune status {name} -n {namespace}",
        then="go on with: kaito tune resume {name} -n {namespace}",
    ),
    _workspace(
        name="workspacePending",
        on=(types.WORKSPACE_SUCCEEDED,),
        waits=True,
        meaning="WorkspaceReady says what it waits for",
    ),
    _workspace(
        name="workspaceDeleted",
        on=(types.WORKSPACE_DELETING,),
        waits=True,
        meaning="it is being deleted; the message names what is still there",
    ),
)

_REFUSED = (
    _workspace(
        name="WriteRefused",
        on=(types.WORKSPACE_READY,),
        meaning="what it needs may not be written; the right, quota or policy is named",
        look="kubectl describe workspace {name} -n {namespace}",
        then="grant what is missing; it is tried again by itself",
    ),
    _workspace(
        name="InvalidWorkspace",
        on=_RESOURCE,
        meaning="the object breaks a rule that admission would have refused",
        look="kaito validate -f FILE",
        then="correct what the message names; for a name create it anew",
    ),
    _workspace(
        name="UnknownPreset",
        on=_RESOURCE,
        meaning="no model of that name is in the catalogue",
        look="kaito models list",
        then="correct inference.preset.name",
    ),
    _workspace(
        name="UnknownModel",
        on=_RESOURCE,
        meaning="nothing is known of that model and its files are not at hand",
        look="kaito models list",
        then="bring the model's files: kaito models import NAME PATH",
    ),
    _workspace(
        name="RemoteCodeNotAllowed",
        on=_RESOURCE,
        meaning="the model runs code of its own, and nobody has allowed that",
        look="kaito models describe {preset}",
        then="allow it in inference_config.yaml, or choose another model",
    ),
    _workspace(
        name="ConfigNotFound",
        on=(*_INFERENCE, *_RESOURCE),
        meaning="the ConfigMap that the workspace names does not exist",
        look="kubectl get configmaps -n {namespace}",
        then="create the ConfigMap",
    ),
    _workspace(
        name="InvalidConfig",
        on=(*_INFERENCE, *_RESOURCE),
        meaning="the ConfigMap cannot be read, or the engine does not accept it",
        look="kubectl logs {name}-0 -n {namespace}",
        then="correct inference_config.yaml; the pods are replaced by themselves",
    ),
    _workspace(
        name="InsufficientMemory",
        on=_RESOURCE,
        meaning="the model does not fit, with the arithmetic",
        look="kaito models list",
        then="choose a model that fits this machine",
    ),
    _workspace(
        name="InvalidDemand",
        on=_RESOURCE,
        meaning="what is asked contradicts itself, the model or the machine",
        look="kaito plan {preset}",
        then="correct what the message names, in the ConfigMap or the Workspace",
    ),
    _workspace(
        name="UnsupportedAccelerator",
        on=_RESOURCE,
        meaning="no runtime here uses that accelerator for that model",
        look="kaito plan {preset} --all",
        then="make a workspace with an instance type that the message names",
    ),
    _workspace(
        name="UnknownInstanceType",
        on=_RESOURCE,
        meaning="no cloud that is known has such a machine",
        look="kaito plan {preset} --all",
        then="make a workspace with an instance type of that list",
    ),
    _workspace(
        name="NonUniformNodes",
        on=_RESOURCE,
        meaning="the nodes that match have different GPUs",
        look=_SEE_GPUS,
        then="narrow resource.labelSelector to nodes of one kind",
    ),
    _workspace(
        name="UnknownNodes",
        on=_RESOURCE,
        meaning="the nodes do not say which GPUs they have",
        look=_SEE_GPUS,
        then="install NVIDIA's GPU feature discovery, or set the labels by hand",
    ),
    _workspace(
        name="PartitionNotOffered",
        on=_RESOURCE,
        meaning="the nodes have no such part of a GPU",
        look="kubectl describe nodes",
        then="ask for what the nodes offer in resource.partition",
    ),
    _workspace(
        name="NameConflict",
        on=(*_INFERENCE, *_READY),
        meaning="an object of that name exists and is somebody else's; it is not touched",
        look="kubectl get all -n {namespace}",
        then="delete or rename one of the two",
    ),
    _workspace(
        name="ModelMirrorNotFound",
        on=_MIRROR,
        meaning="there is no mirror of that name",
        look=_SEE_MIRROR,
        then="create it, or remove the annotation kaito.sh/model-mirror",
    ),
    _workspace(
        name="ModelMirrorElsewhere",
        on=_MIRROR,
        meaning="the mirror's volume is in another namespace, where pods cannot mount it",
        look=_SEE_MIRROR,
        then="make a mirror with jobNamespace: {namespace}",
    ),
    _workspace(
        name="ModelMirrorMismatch",
        on=_MIRROR,
        meaning="the mirror has another model",
        look=_SEE_MIRROR,
        then="name another mirror in the annotation kaito.sh/model-mirror",
    ),
    _workspace(
        name="ModelMirrorAccess",
        on=_MIRROR,
        meaning="the weights are gated, and the workspace has no access of its own",
        look=_SEE_MIRROR,
        then="name your Secret in inference.preset.presetOptions.modelAccessSecret",
    ),
)

_MACHINES = (
    _workspace(
        name="InsufficientCapacity",
        on=_CLAIM,
        meaning="the provider has no such machine to give now, in its words",
        look="kubectl get nodeclaims,workspaces -A",
        then="delete a workspace that is not needed or use another instance type; it goes on by "
        "itself",
    ),
    _workspace(
        name="NodesIncomplete",
        on=_CLAIM,
        meaning="not all of the nodes that the model is spread over came in time; those that did "
        "are given back, and all are asked for again at the moment that the message names",
        look=_SEE_CLAIMS,
        then="have the quota raised, or use another instance type; it goes on by itself",
    ),
    _workspace(
        name="QuotaExceeded",
        on=_CLAIM,
        meaning="the account may not have so many machines, in the cloud's words",
        look=_SEE_CLAIMS,
        then="have the quota raised or use another instance type; it goes on by itself",
    ),
    _workspace(
        name="Unauthorized",
        on=_CLAIM,
        meaning="the provisioner may not make machines, in the cloud's words",
        look=_SEE_CLAIMS,
        then="give the provisioner's identity the right that the message names; it goes on by "
        "itself",
    ),
)

_PODS = (
    _workspace(
        name="Unschedulable",
        on=_POD,
        meaning="no node takes the pod, in the scheduler's words",
        look=_SEE_POD,
        then="free what the message says is short",
    ),
    _workspace(
        name="Pod*",
        on=_POD,
        meaning="Kubernetes ended the pod, and why: PodEvicted, PodNodeLost, ...",
        look=_SEE_POD,
        then="mend what the message names; the pod is made anew by itself",
    ),
    _workspace(
        name="ImagePullError",
        on=_POD,
        meaning="the image cannot be had, in the registry's words",
        look=_SEE_POD,
        then="name an image that can run here, or give the container a command",
    ),
    _workspace(
        name="ContainerStartError",
        on=_POD,
        meaning="the container cannot be made: a missing Secret, a command that is not there",
        look=_SEE_POD,
        then="correct the pod template",
    ),
    _workspace(
        name="ModelUnavailable",
        on=_INFERENCE,
        meaning="no source has the weights, with what each of them said",
        look="kubectl logs {name}-0 -n {namespace} -c weights",
        then="bring the weights: kaito models import NAME PATH; it retries its sources by itself",
    ),
    _workspace(
        name="PeersUnreachable",
        on=_INFERENCE,
        meaning="a pod of a model over several nodes does not reach the others",
        look="kubectl get pods -n {namespace} -l kaito.sh/workspace={name} -o wide",
        then="see why the pod that the message names is missing",
    ),
    _workspace(
        name="ContainerOOMKilled",
        on=_POD,
        meaning="the container took more memory than it may",
        look=_SEE_POD,
        then="give it more memory or choose a smaller model",
    ),
    _workspace(
        name="ContainerCrashLoopBackOff",
        on=_POD,
        meaning="the container ends again and again; the message is its last line",
        look="kubectl logs {name}-0 -n {namespace} --previous",
        then="correct what the log names; the container is restarted by itself",
    ),
    _workspace(
        name="AdapterFailed",
        on=_ADAPTERS,
        meaning="adapters that cannot be served, and why; the base model answers",
        look="kubectl get workspace {name} -n {namespace} -o yaml",
        then="correct or remove the adapter that the message names",
    ),
    _workspace(
        name="workspaceFailed",
        on=(types.WORKSPACE_SUCCEEDED,),
        meaning="WorkspaceReady says what it suffers from",
    ),
)

_TUNING = (
    _workspace(
        name="InvalidData",
        on=_READY,
        meaning="the training data cannot be used, by file and row",
        look=_SEE_TRAINER,
        then="correct the data that the message names; an edit of the workspace starts it anew",
    ),
    _workspace(
        name="InvalidTrainingConfig",
        on=_READY,
        meaning="the trainer does not accept training_config.yaml",
        look=_SEE_TRAINER,
        then="correct training_config.yaml; the job is made anew by itself",
    ),
    _workspace(
        name="SourceUnavailable",
        on=_READY,
        meaning="data, weights or the registry cannot be reached",
        look=_SEE_TRAINER,
        then="see whether what the message names can be reached from the pod; it tries again by "
        "itself",
    ),
    _workspace(
        name="DiskFull",
        on=_READY,
        meaning="the trainer's disk is full; the message names the file",
        look=_SEE_TRAINER,
        then="give tuning.output.volumeSource a larger volume, or the node more disk",
    ),
    _workspace(
        name="PushFailed",
        on=_READY,
        meaning="training is done and the registry does not take the adapter; the pod tries again",
        look=_SEE_TRAINER,
        then="correct the Secret or the registry that the message names; nothing is lost till then",
    ),
    _workspace(
        name="TrainerStartError",
        on=_READY,
        meaning="the trainer was started in a way that it does not know",
        look=_SEE_TRAINER,
        then="see whether operator and runtime image are of the same release",
    ),
    _workspace(
        name="TrainerFailed",
        on=_READY,
        meaning="the trainer ended badly, with its last line",
        look=_SEE_TRAINER,
        then="see what the log says; an edit of the workspace or its settings starts it anew",
    ),
    _workspace(
        name="WorkspaceTuningJobStatusFailed",
        on=_JOB,
        meaning="the Job failed for good; WorkspaceReady says why",
        look=_SEE_TRAINER,
    ),
)

WORKSPACE_REASONS: Final = (
    *(*_GOOD, *_WAITING, *_REFUSED, *_MACHINES),
    *(*_PODS, *_TUNING),
)
