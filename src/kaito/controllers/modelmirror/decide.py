"""From what was observed of a ModelMirror to what to do about it. Pure.

A download that failed for good (the Job has tried three times more by itself) is tried anew after
one minute, two, four, up to half an hour. Each try is a Job of its own; the one before goes when
the next is made, so that what failed can be looked at until then.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from kaito.api import conditions
from kaito.api.core import JOBS, Job
from kaito.api.meta import Condition
from kaito.api.modelmirror import (
    MIRROR_READY,
    MODELMIRRORS,
    MirrorDownload,
    ModelMirrorStatus,
    bucket_of,
)
from kaito.api.report import StageReport
from kaito.api.validation.judging import broken
from kaito.api.validation.object_name import MODELMIRROR_NAME_RULE
from kaito.api.workspace import TransferStatus
from kaito.controllers.modelmirror.observed import Observed, is_own
from kaito.controllers.modelmirror.volumes import CLAIMS, Claim
from kaito.controllers.workspace.pod_progress import describe_transfer
from kaito.controllers.workspace.pod_reason import explain_pod
from kaito.kube.controller.decision import (
    NOTHING,
    Action,
    Create,
    Decision,
    Delete,
    Note,
    StatusWrite,
)
from kaito.render.bucket import bucket_url, is_bucket_named
from kaito.render.mirror import (
    access_mode,
    mirror_namespace,
    mirror_volume,
    render_claim,
    render_download,
)
from kaito.render.settings import RenderSettings

STORAGE_READY = "StorageReady"
_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(minutes=30)
_POD_WITHIN = timedelta(seconds=30)
"""A Job's first pod is made at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorSettings:
    """The controller's surroundings."""

    render: RenderSettings
    needs_class: bool = True
    """False where a claim is a folder of the machine, whatever its class."""
    storage_class: str = ""
    """Of the volumes of mirrors that name none; empty: each has to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What one look at a mirror comes to."""

    storage: Condition
    ready: Condition
    actions: tuple[Action, ...] = ()
    download: MirrorDownload | None = None
    failure: str = ""
    completed: datetime | None = None
    wait: float | None = None


def decide(observed: Observed, settings: MirrorSettings, now: datetime) -> Decision:
    """What is missing is made; what there is is told."""
    mirror = observed.mirror
    if mirror.metadata.is_deleting or mirror.spec is None:
        return NOTHING  # what it made is owned by it
    if named := _refuse_name(observed):
        found = named
    elif bucket_of(mirror) is not None:
        found = _in_bucket(observed, settings, now)
    elif mirror.spec.mode == "Static":
        found = _static(observed)
    else:
        found = _managed(observed, settings, now)
    return Decision(
        actions=found.actions,
        status=_status(observed, found, now),
        notes=_notes(observed, found),
        requeue_after=found.wait,
        why=tuple(f"{c.type}={c.status}: {c.reason}: {c.message}" for c in (found.ready,)),
    )


def _static(observed: Observed) -> _Found:
    volume, namespace = mirror_volume(observed.mirror), mirror_namespace(observed.mirror)
    name = f"PersistentVolumeClaim {namespace}/{volume.claim}"
    if observed.claim is None:
        message = (
            f"{name} does not exist; create it with the weights in it, or name another with the "
            "annotation kaito.sh/mirror-claim"
        )
        return _stuck("PVCNotFound", message)
    if lost := _refuse_claim(observed.claim):
        return lost
    storage = _lacks(STORAGE_READY, "PVCPending", f"{name} is {observed.claim.status.phase}")
    if observed.claim.status.phase == "Bound":
        message = f"{name} is bound{_reach(observed.claim)}"
        storage = _holds(STORAGE_READY, "PVCBound", message)
    ready = _holds(MIRROR_READY, "StaticMirror", f"{name}, folder {volume.path or '/'}")
    # Some classes bind a claim only when a pod mounts it, which is then the Workspace's.
    return _Found(storage=storage, ready=ready)


def _managed(observed: Observed, settings: MirrorSettings, now: datetime) -> _Found:
    if refused := _refuse(observed, settings):
        return refused
    mirror, claim = observed.mirror, observed.claim
    if claim is None:
        provisioner = observed.storage_class.provisioner if observed.storage_class else ""
        mode = access_mode(provisioner, mirror.metadata.annotations)
        manifest = render_claim(mirror, mode, default_class=settings.storage_class)
        create = Create(resource=CLAIMS, manifest=manifest)
        message = f"PersistentVolumeClaim {mirror.metadata.name} is being made"
        storage = _lacks(STORAGE_READY, "PVCPending", message)
        return _Found(
            storage=storage, ready=_lacks(MIRROR_READY, "PVCPending", message), actions=(create,)
        )
    if lost := _refuse_claim(claim):
        return lost
    storage = _storage(observed)
    if completed := _completed(observed):
        message = f"{mirror_volume(mirror).path} of PersistentVolumeClaim {claim.key} is complete"
        ready = _holds(MIRROR_READY, "DownloadSucceeded", message)
        return _Found(storage=storage, ready=ready, completed=completed)
    return _fill(observed, settings, storage, now)


def _in_bucket(observed: Observed, settings: MirrorSettings, now: datetime) -> _Found:
    """Whoever fills or looks at the bucket is the only one who has the login, and finds out."""
    mirror, url = observed.mirror, bucket_url(observed.mirror)
    if not is_bucket_named(mirror):
        return _stuck("InvalidSpec", f"{url!r} names no bucket; write s3://BUCKET/FOLDER")
    is_static = mirror.spec is not None and mirror.spec.mode == "Static"
    if refused := None if is_static else _refuse_source(observed):
        return refused
    if completed := _completed(observed):
        reason = "StaticMirror" if is_static else "DownloadSucceeded"
        said = f"{url} has the model's files" if is_static else f"{url} is complete"
        return _Found(
            storage=_holds(STORAGE_READY, "BucketReady", f"{url} was read"),
            ready=_holds(MIRROR_READY, reason, said),
            completed=completed,
        )
    storage = _lacks(STORAGE_READY, "BucketPending", f"nobody has come to the end of {url} yet")
    return _fill(observed, settings, storage, now)


def _fill(
    observed: Observed, settings: MirrorSettings, storage: Condition, now: datetime
) -> _Found:
    if not observed.jobs or _condition(observed.jobs[-1], "Complete"):
        # What is complete filled a volume that is gone.
        message = "the download is being started"
        return _Found(
            storage=storage,
            ready=_lacks(MIRROR_READY, "Downloading", message),
            actions=_start(observed, settings),
        )
    if failed := _condition(observed.jobs[-1], "Failed"):
        return _retry(observed, settings, failed, storage, now)
    return _downloading(observed, storage, now)


def _refuse(observed: Observed, settings: MirrorSettings) -> _Found | None:
    """What only a person can mend."""
    if refused := _refuse_source(observed):
        return refused
    spec = observed.mirror.spec
    assert spec is not None
    assert spec.storage is not None
    if observed.claim is not None and not is_own(observed):
        return _stuck(
            "NameConflict",
            f"PersistentVolumeClaim {observed.claim.key} exists already and does not belong to "
            "this mirror; delete it, or use it as it is with mode: Static",
        )
    if observed.claim is None and settings.needs_class and observed.storage_class is None:
        name = spec.storage.storage_class_name or settings.storage_class
        return _stuck(
            "StorageClassNotFound",
            f"there is no StorageClass {name}; see: kubectl get storageclasses"
            if name
            else "spec.storage.storageClassName names no class, and the operator was told no "
            "default; name one of: kubectl get storageclasses",
        )
    return None


def _refuse_source(observed: Observed) -> _Found | None:
    spec, namespace = observed.mirror.spec, mirror_namespace(observed.mirror)
    assert spec is not None
    if spec.source is None or spec.storage is None:
        return _stuck("InvalidSpec", "spec.source and spec.storage are required with mode Managed")
    secret = spec.source.access_secret
    if secret is not None and secret.namespace not in ("", namespace):
        return _stuck(
            "InvalidSpec",
            f"Secret {secret.namespace}/{secret.name} cannot be mounted in {namespace}, where the "
            "download runs; copy it there, or set jobNamespace to its namespace",
        )
    return None


def _refuse_name(observed: Observed) -> _Found | None:
    """A name that was stored while nobody could be asked; what there is for it shows that it is."""
    if observed.claim is not None or observed.jobs:
        return None
    faults = broken((MODELMIRROR_NAME_RULE,), observed.mirror)
    said = next((f"{each}; create it anew under another name" for each in faults), "")
    return _stuck("InvalidSpec", said) if said else None


def _refuse_claim(claim: Claim) -> _Found | None:
    """A volume that no further pod can mount: it goes, or what was behind it is gone."""
    name, meta = f"PersistentVolumeClaim {claim.key}", claim.metadata
    if meta.is_deleting:
        return _stuck(
            "PVCTerminating",
            f"{name} is being deleted, and goes with the last pod that mounts it; what comes after "
            "it is empty",
        )
    if claim.status.phase == "Lost":
        look = f"kubectl describe pvc -n {meta.namespace} {meta.name}"
        return _stuck("PVCLost", f"{name} has lost its volume; restore that or delete it: {look}")
    return None


def _storage(observed: Observed) -> Condition:
    assert observed.claim is not None
    name, phase = f"PersistentVolumeClaim {observed.claim.key}", observed.claim.status.phase
    if phase == "Bound":
        return _holds(STORAGE_READY, "PVCBound", f"{name} is bound{_reach(observed.claim)}")
    message = f"{name} is {phase}; see: kubectl describe pvc -n "
    message += f"{observed.claim.metadata.namespace} {observed.claim.metadata.name}"
    return _lacks(STORAGE_READY, f"PVC{phase}", message)


def _reach(claim: Claim) -> str:
    """What a volume for one node means to Workspaces; a claim's mode cannot be changed later."""
    if not claim.is_for_one_node:
        return ""
    return (
        " and serves the pods of one node at a time (ReadWriteOnce); for more nodes make the "
        "mirror anew on a storage class with ReadWriteMany, or a mirror for each node"
    )


def _completed(observed: Observed) -> datetime | None:
    """When the volume at hand was filled; a newer volume under its name is empty."""
    filled = observed.mirror.status.last_download_time
    if observed.jobs:
        done = _condition(observed.jobs[-1], "Complete")
        filled = (done.last_transition_time or filled) if done else None
    made = observed.claim.metadata.creation_timestamp if observed.claim else None
    return None if filled is None or (made is not None and made > filled) else filled


def _start(observed: Observed, settings: MirrorSettings) -> tuple[Action, ...]:
    """The next download, in the place of the last."""
    number = observed.number + 1
    manifest = render_download(observed.mirror, number, settings.render)
    text = f"download {number} of {_origin(observed)} started"
    note = Note(about=observed.mirror, reason="DownloadStarted", message=text)
    start = Create(resource=JOBS, manifest=manifest, note=note)
    ended = (Delete(resource=JOBS, key=j.key, uid=j.metadata.uid) for j in observed.jobs)
    return (start, *ended)


def _retry(
    observed: Observed,
    settings: MirrorSettings,
    failed: Condition,
    storage: Condition,
    now: datetime,
) -> _Found:
    reason, why = "DownloadFailed", _last_words(observed) or failed.message or "the download failed"
    if observed.pods:
        told, message = explain_pod(observed.pods[-1], is_preset=False)
        reason = {"ContainerOOMKilled": "DownloadOOMKilled", "PodEvicted": "DownloadEvicted"}.get(
            told, reason
        )
        why = message
    pause = min(_FIRST_PAUSE * 2 ** min(observed.number - 1, 10), _LONGEST_PAUSE)
    due = (failed.last_transition_time or now) + pause
    if now < due:
        message = f"{why}; it is tried again {round(pause.total_seconds() / 60)} min after it ended"
        ready = _lacks(MIRROR_READY, reason, message)
        wait = (due - now).total_seconds()
        return _Found(storage=storage, ready=ready, failure=why, wait=wait)
    ready = _lacks(MIRROR_READY, reason, f"{why}; it is being tried again")
    return _Found(storage=storage, ready=ready, failure=why, actions=_start(observed, settings))


def _last_words(observed: Observed) -> str:
    """What was told of a pod that was started again in its place, and went with its Job."""
    ready = conditions.find(observed.mirror.status.conditions, MIRROR_READY)
    before, _, said = ready.message.partition("; ") if ready is not None else ("", "", "")
    return said if before.endswith(_verb(observed)) else observed.mirror.status.failure_message


def _downloading(observed: Observed, storage: Condition, now: datetime) -> _Found:
    failure = observed.mirror.status.failure_message
    running = observed.report.stages[-1] if observed.report and observed.report.stages else None
    if running is not None and running.name in ("download", "push") and not running.is_over:
        return _transferring(observed, running, storage)
    message, wait = f"{_origin(observed)} is being {_verb(observed)}", None
    if not observed.pods and not _has_begun(observed.jobs[-1]):
        # A quota or a ServiceAccount that is missing is told to who asks for events only.
        if (wait := _until_late(observed, now)) is None:
            job = observed.jobs[-1].metadata
            message += f"; its pod is not created yet; see: kubectl describe job -n {job.namespace}"
            message += f" {job.name}"
    elif not observed.pods:
        # It has failed for the last time, which its Job will say in a moment.
        message = f"{message}; {said}" if (said := _last_words(observed)) else message
    elif not observed.pods[-1].is_ready:
        message = f"{message}; {explain_pod(observed.pods[-1], is_preset=False)[1]}"
    ready = _lacks(MIRROR_READY, "Downloading", message)
    return _Found(storage=storage, ready=ready, failure=failure, wait=wait)


def _has_begun(job: Job) -> bool:
    """Whether it has had a pod, which is gone now."""
    status = job.status
    counted = status.active or status.failed or status.succeeded
    uncounted = status.uncounted_terminated_pods
    return bool(counted or uncounted.failed or uncounted.succeeded or status.conditions)


def _until_late(observed: Observed, now: datetime) -> float | None:
    """Seconds after which a Job without a pod is worth a word; None: it is."""
    made = observed.jobs[-1].metadata.creation_timestamp
    left = (made + _POD_WITHIN - now).total_seconds() if made else 0.0
    return left if left > 0 else None


def _transferring(observed: Observed, running: StageReport, storage: Condition) -> _Found:
    left = running.eta_seconds
    speed = (running.total - running.done) // left if left > 0 else 0
    is_sent = running.name == "push"
    transfer = TransferStatus(
        done=running.done,
        total=running.total,
        eta_seconds=max(left, 0),
        source="" if is_sent else _origin(observed),
    )
    said = describe_transfer(transfer)
    if is_sent:
        said = f"{said}, to {bucket_url(observed.mirror)}"
    return _Found(
        storage=storage,
        ready=_lacks(MIRROR_READY, "Downloading", said),
        download=MirrorDownload(speed_bytes_per_second=speed, remaining_seconds=left),
        failure=observed.mirror.status.failure_message,
    )


def _status(observed: Observed, found: _Found, now: datetime) -> StatusWrite | None:
    mirror = observed.mirror
    old = mirror.status
    held = (found.storage, found.ready)
    new = ModelMirrorStatus(
        phase="Ready" if found.ready.is_true else "Pending",
        model_path=bucket_url(mirror) or mirror_volume(mirror).path,
        conditions=conditions.merge(
            old.conditions, held, now=now, generation=mirror.metadata.generation
        ),
        failure_message=found.failure,
        last_download_time=found.completed or old.last_download_time,
        download=found.download,
    )
    if new == old:
        return None
    return StatusWrite(
        resource=MODELMIRRORS,
        key=mirror.key,
        resource_version=mirror.metadata.resource_version,
        verdict=MIRROR_READY,
        status={
            "phase": new.phase,
            "modelPath": new.model_path or None,
            "conditions": [{"status": c.status, **msgspec.to_builtins(c)} for c in new.conditions],
            "failureMessage": new.failure_message or None,
            "lastDownloadTime": msgspec.to_builtins(new.last_download_time),
            "download": msgspec.to_builtins(new.download),
        },
    )


def _notes(observed: Observed, found: _Found) -> tuple[Note, ...]:
    """One event when it becomes usable, stops to be, or fails in another way."""
    before = conditions.find(observed.mirror.status.conditions, MIRROR_READY)
    new = found.ready
    if before is not None and (before.status, before.reason) == (new.status, new.reason):
        return ()
    if not new.is_true and new.reason in ("Downloading", "PVCPending"):
        return ()
    type_: Literal["Normal", "Warning"] = "Normal" if new.is_true else "Warning"
    return (Note(about=observed.mirror, reason=new.reason, message=new.message, type=type_),)


def _stuck(reason: str, message: str) -> _Found:
    return _Found(
        storage=_lacks(STORAGE_READY, reason, message),
        ready=_lacks(MIRROR_READY, reason, message),
    )


def _condition(job: Job, type_: str) -> Condition | None:
    found = conditions.find(job.status.conditions, type_)
    return found if found is not None and found.is_true else None


def _origin(observed: Observed) -> str:
    source = observed.mirror.spec.source if observed.mirror.spec else None
    return f"hub:{source.model_id}" if source else bucket_url(observed.mirror)


def _verb(observed: Observed) -> str:
    source = observed.mirror.spec.source if observed.mirror.spec else None
    return "downloaded" if source else "looked at"


def _holds(type_: str, reason: str, message: str) -> Condition:
    return Condition(type=type_, status="True", reason=reason, message=message)


def _lacks(type_: str, reason: str, message: str) -> Condition:
    return Condition(type=type_, status="False", reason=reason, message=message)
