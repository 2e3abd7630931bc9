"""Weights from a ModelMirror: which one a Workspace uses, and whether it may. Pure.

A volume is mounted, a bucket is read by the pod's weights program; the rest is alike.

The annotation `kaito.sh/model-mirror` names one, or says `auto`: then one is used where it is ready
at the start, and nobody waits for one. What runs keeps the volume that it started with, also when
its mirror is no longer ready or is gone: a pod's end and a new download would mend nothing.

A mirror that is named is waited for while it fills. Once its download has failed it is passed over:
the pod fetches the weights by itself, and does not change over when the mirror is ready after all.
"""

from dataclasses import replace

from kaito.api import conditions, labels
from kaito.api.meta import Condition
from kaito.api.modelmirror import MIRROR_READY, ModelMirror, bucket_of
from kaito.api.workspace import MODEL_MIRROR_READY
from kaito.controllers.workspace.observed import AUTO_MIRROR, Observed
from kaito.controllers.workspace.step import Step, holds, lacks
from kaito.render.bucket import (
    bucket_source,
    is_bucket_named,
    read_bucket,
    read_only_bucket,
    reader_login,
)
from kaito.render.mirror import mirror_namespace, mirror_volume, mounted_volume
from kaito.render.served_model import MirrorBucket, MirrorVolume, ServedModel
from kaito.render.settings import RenderSettings

NOT_READY, PASSED_OVER = "ModelMirrorNotReady", "ModelMirrorPassedOver"


def choose_mirror(observed: Observed) -> Step | None:
    """What the condition says of the mirror that is used; None where there is none."""
    wanted = observed.workspace.metadata.annotations.get(labels.MODEL_MIRROR, "")
    if not wanted or observed.preset is None:
        return None
    if wanted == AUTO_MIRROR:
        if (kept := _kept(observed)) is not None:
            return _keeps(observed, kept)
        mirror = _choose(observed)
        return _uses(observed, mirror) if mirror is not None else None
    if not observed.mirrors:
        why = f"there is no ModelMirror {wanted}, named by the annotation {labels.MODEL_MIRROR}"
        return _lacks("ModelMirrorNotFound", f"{why}; create it, or remove the annotation")
    return _named(observed, observed.mirrors[0])


def with_mirror(
    model: ServedModel, observed: Observed, step: Step | None, settings: RenderSettings
) -> ServedModel:
    """The model with the volume or bucket of the mirror that `step` found to be good."""
    is_used = step is not None and not step.blocks and not _is_passed_over(step.conditions)
    found = _storage(observed, settings) if is_used else None
    if isinstance(found, MirrorBucket):
        return replace(model, bucket=found)
    return model if found is None else replace(model, mirror=found, nvme=None)


def _named(observed: Observed, mirror: ModelMirror) -> Step:
    refused = _refuse(observed, mirror)
    if _kept(observed) is not None:
        return refused or _uses(observed, mirror)
    if refused is None:
        is_settled = observed.owned is not None and _is_passed_over(
            observed.workspace.status.conditions
        )
        if is_settled:
            return _passes_over(mirror, "was not ready in time")
        return _uses(observed, mirror)
    failure = mirror.status.failure_message
    is_waiting = refused.conditions[0].reason == NOT_READY
    return _passes_over(mirror, f"failed: {failure}") if failure and is_waiting else refused


def _is_passed_over(found: tuple[Condition, ...]) -> bool:
    condition = conditions.find(found, MODEL_MIRROR_READY)
    return condition is not None and condition.reason == PASSED_OVER


def _passes_over(mirror: ModelMirror, why: str) -> Step:
    message = f"ModelMirror {mirror.metadata.name} {why}; the weights are fetched without it"
    return Step(conditions=(holds(MODEL_MIRROR_READY, PASSED_OVER, message),))


def _storage(observed: Observed, settings: RenderSettings) -> MirrorVolume | MirrorBucket | None:
    wanted = observed.workspace.metadata.annotations.get(labels.MODEL_MIRROR, "")
    if wanted == AUTO_MIRROR and (kept := _kept(observed)) is not None:
        return kept
    mirror = _choose(observed) if wanted == AUTO_MIRROR else observed.mirrors[0]
    if mirror is None:
        return None
    return read_only_bucket(mirror, settings) or mirror_volume(mirror)


def _kept(observed: Observed) -> MirrorVolume | MirrorBucket | None:
    """What the pods have the weights from, by the template they are made from."""
    if observed.owned is None or observed.preset is None:
        return None
    pod = observed.owned.spec.template.spec
    return mounted_volume(pod, observed.preset.name) or read_bucket(pod)


def _choose(observed: Observed) -> ModelMirror | None:
    """One that may be used now; what runs already does not begin with one."""
    if observed.owned is not None:
        return None
    found = [mirror for mirror in observed.mirrors if _refuse(observed, mirror) is None]
    at_hand = [mirror for mirror in found if _model(mirror) and _is_at_home(observed, mirror)]
    # A volume needs no fetching.
    return min(at_hand, key=lambda mirror: bucket_of(mirror) is not None, default=None)


def _is_at_home(observed: Observed, mirror: ModelMirror) -> bool:
    """Elsewhere the Secret or account of a bucket may be missing, and the pod would never start."""
    return mirror_namespace(mirror) == observed.workspace.metadata.namespace


def _refuse(observed: Observed, mirror: ModelMirror) -> Step | None:
    """Why the mirror cannot be used, now or ever."""
    name, workspace = f"ModelMirror {mirror.metadata.name}", observed.workspace
    namespace, model = mirror_namespace(mirror), _model(mirror)
    assert observed.preset is not None
    is_mounted = bucket_of(mirror) is None
    if is_mounted and namespace != workspace.metadata.namespace:
        return _lacks(
            "ModelMirrorElsewhere",
            f"{name} keeps its volume in namespace {namespace}, and a pod mounts only volumes of "
            f"its own; make a mirror with jobNamespace: {workspace.metadata.namespace}",
        )
    if model and model.lower() != observed.preset.hub_id.lower():
        return _lacks(
            "ModelMirrorMismatch",
            f"{name} has {model}, and {observed.preset.name} is {observed.preset.hub_id}; "
            "name another mirror",
        )
    if _is_gated(mirror) and not _access_secret(observed):
        return _lacks(
            "ModelMirrorAccess",
            f"{name} has weights that only who has access to may use; name your own Secret in "
            "inference.preset.presetOptions.modelAccessSecret",
        )
    ready = conditions.find(mirror.status.conditions, MIRROR_READY)
    if ready is None or not ready.is_true:
        said = f": {ready.message}" if ready is not None and ready.message else ""
        return _lacks(NOT_READY, f"{name} is not ready{said}")
    return None


def _is_gated(mirror: ModelMirror) -> bool:
    source = mirror.spec.source if mirror.spec else None
    return source is not None and source.access_secret is not None


def _access_secret(observed: Observed) -> str:
    inference = observed.workspace.inference
    preset = inference.preset if inference is not None else None
    return preset.preset_options.model_access_secret if preset is not None else ""


def _model(mirror: ModelMirror) -> str:
    """The model it was made of; empty for a static one, which nobody can tell of."""
    source = mirror.spec.source if mirror.spec else None
    return source.model_id if source is not None else ""


def _keeps(observed: Observed, kept: MirrorVolume | MirrorBucket) -> Step:
    """What runs goes on, whatever became of the mirror behind its volume or bucket."""
    namespace = observed.workspace.metadata.namespace
    for mirror in observed.mirrors:
        if _is_of(mirror, kept, namespace):
            return _uses(observed, mirror)
    named = (
        f"PersistentVolumeClaim {namespace}/{kept.claim}"
        if isinstance(kept, MirrorVolume)
        else kept.source.partition("?")[0]
    )
    message = (
        f"the weights are those of {named}, whose "
        f"ModelMirror is gone; to fetch them instead remove the annotation {labels.MODEL_MIRROR}"
    )
    return Step(conditions=(holds(MODEL_MIRROR_READY, "ModelMirrorReady", message),))


def _is_of(mirror: ModelMirror, kept: MirrorVolume | MirrorBucket, namespace: str) -> bool:
    if isinstance(kept, MirrorBucket):
        return is_bucket_named(mirror) and bucket_source(mirror) == kept.source
    is_here = bucket_of(mirror) is None and mirror_namespace(mirror) == namespace
    return is_here and mirror_volume(mirror).claim == kept.claim


def _uses(observed: Observed, mirror: ModelMirror) -> Step:
    message = f"the weights are those of ModelMirror {mirror.metadata.name}"
    if login := reader_login(mirror, observed.workspace.metadata.namespace):
        message = f"{message}, read with {login}"
    return Step(conditions=(holds(MODEL_MIRROR_READY, "ModelMirrorReady", message),))


def _lacks(reason: str, message: str) -> Step:
    return Step(conditions=(lacks(MODEL_MIRROR_READY, reason, message),), blocks=True)
