"""Conditions of the kinds beside the Workspace: ModelMirror, and those that are only stored."""

from typing import Final

from kaito.api.reasons.entry import ConditionType, Reason

_MIRROR = "ModelMirror"
_READY, _STORAGE = ("Ready",), ("StorageReady",)
_BOTH = ("StorageReady", "Ready")
_SEE_CLAIM = "kubectl describe pvc -n {namespace} {name}"
_SEE_JOB = "kubectl logs -n {namespace} -l kaito.sh/model-mirror-name={name} --tail=50"
_STORED = ("InferenceSet", "RAGEngine", "ModelMirror", "MultiRoleInference")

OTHER_TYPES: Final = (
    ConditionType(
        kind=_MIRROR, type="StorageReady", holds="the volume is bound, or the bucket can be used"
    ),
    ConditionType(kind=_MIRROR, type="Ready", holds="Workspaces may use the weights in it"),
    ConditionType(kind="InferenceSet", type="InferenceSetReady", holds="not in this release"),
    ConditionType(kind="RAGEngine", type="ServiceReady", holds="not in this release"),
    ConditionType(kind="RAGEngine", type="RAGEngineSucceeded", holds="not in this release"),
    ConditionType(kind="MultiRoleInference", type="Ready", holds="not in this release"),
)

OTHER_REASONS: Final = (
    Reason(
        name="PVCBound", kind=_MIRROR, on=_STORAGE, good=True, meaning="the volume claim is bound"
    ),
    Reason(
        name="BucketReady",
        kind=_MIRROR,
        on=_STORAGE,
        good=True,
        meaning="the bucket was read, or filled, with the login that the mirror names",
    ),
    Reason(
        name="BucketPending",
        kind=_MIRROR,
        on=_STORAGE,
        waits=True,
        meaning="whoever fills the bucket, or looks at it, has not come to the end",
        look="kubectl describe modelmirror {name}",
    ),
    Reason(
        name="StaticMirror",
        kind=_MIRROR,
        on=_READY,
        good=True,
        meaning="somebody else filled the volume or the bucket, and it is used as it is",
    ),
    Reason(
        name="DownloadSucceeded",
        kind=_MIRROR,
        on=_READY,
        good=True,
        meaning="all files are on the volume, or in the bucket, and verified",
    ),
    Reason(
        name="PVCPending",
        kind=_MIRROR,
        on=_BOTH,
        waits=True,
        meaning="the volume is being made, or is bound only when a pod mounts it",
        look=_SEE_CLAIM,
    ),
    Reason(
        name="PVCTerminating",
        kind=_MIRROR,
        on=_BOTH,
        meaning="the volume claim is being deleted; what mounts it may go on, nothing new begins",
        look=_SEE_CLAIM,
        then="end the pods that mount it; the mirror's own is then made and filled anew",
    ),
    Reason(
        name="PVCLost",
        kind=_MIRROR,
        on=_BOTH,
        meaning="the volume behind the claim is gone",
        look=_SEE_CLAIM,
        then="have the volume restored, or delete the claim; the mirror's own is made anew",
    ),
    Reason(
        name="PVC*",
        kind=_MIRROR,
        on=_STORAGE,
        meaning="the claim is in another phase of Kubernetes'",
        look=_SEE_CLAIM,
        then="have the volume restored, or delete the mirror and create it anew",
    ),
    Reason(
        name="PVCNotFound",
        kind=_MIRROR,
        on=_BOTH,
        meaning="a static mirror's volume claim does not exist",
        look="kubectl get pvc -n {namespace}",
        then="create it, or name another with the annotation kaito.sh/mirror-claim",
    ),
    Reason(
        name="Downloading",
        kind=_MIRROR,
        on=_READY,
        waits=True,
        meaning="the weights are on their way; the message and status.download say how far",
        look="kubectl describe modelmirror {name}",
    ),
    Reason(
        name="DownloadFailed",
        kind=_MIRROR,
        on=_READY,
        meaning="the download, or the look at a bucket, failed; the message is its own last line",
        look=_SEE_JOB,
        then="mend what the message names; it is tried again by itself",
    ),
    Reason(
        name="DownloadOOMKilled",
        kind=_MIRROR,
        on=_READY,
        meaning="the download took more memory than its pod may",
        look=_SEE_JOB,
        then="see what limits the pod, such as a LimitRange; it is tried again by itself",
    ),
    Reason(
        name="DownloadEvicted",
        kind=_MIRROR,
        on=_READY,
        meaning="the node was short of something and ended the pod",
        look="kubectl describe nodes",
        then="free the disk or the memory of that node; it is tried again by itself",
    ),
    Reason(
        name="WriteRefused",
        kind=_MIRROR,
        on=_READY,
        meaning="its volume or download may not be made, or its namespace is gone",
        look="kubectl describe modelmirror {name}",
        then="grant what is missing, or create the namespace; it is tried again by itself",
    ),
    Reason(
        name="InvalidSpec",
        kind=_MIRROR,
        on=_BOTH,
        meaning="the mirror contradicts itself",
        look="kubectl get modelmirror {name} -o yaml",
        then="correct what the message names",
    ),
    Reason(
        name="StorageClassNotFound",
        kind=_MIRROR,
        on=_BOTH,
        meaning="the cluster has no such StorageClass, or none is named and there is no default",
        look="kubectl get storageclasses",
        then="name one of those in spec.storage.storageClassName",
    ),
    Reason(
        name="NameConflict",
        kind=_MIRROR,
        on=_BOTH,
        meaning="an object of that name exists and is somebody else's; it is not touched",
        look="kubectl get pvc -n {namespace}",
        then="delete or rename one of the two, or use the volume with mode: Static",
    ),
    *(
        Reason(
            name="NotAvailable",
            kind=kind,
            on=("ServiceReady", "RAGEngineSucceeded")
            if kind == "RAGEngine"
            else (("InferenceSetReady",) if kind == "InferenceSet" else _READY),
            meaning="this release stores the object and does not run it"
            + (" unless the feature gate ModelMirror is on" if kind == _MIRROR else ""),
            then="do what the message names instead",
        )
        for kind in _STORED
    ),
)
