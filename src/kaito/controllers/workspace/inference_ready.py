"""InferenceReady: the Services and the StatefulSet are there, up to date, and every pod answers."""

from kaito.api import runtime
from kaito.api.core import SERVICES, STATEFULSETS
from kaito.api.meta import Condition, Manifest, Object
from kaito.api.workspace import INFERENCE_READY
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.pod_reason import explain_pod
from kaito.controllers.workspace.step import Step, holds, lacks
from kaito.kube.controller.decision import Apply, Note
from kaito.render.services import render_services
from kaito.render.stamp import is_current


def decide_config(observed: Observed) -> Step:
    """The ConfigMap that `inference.config` names must be there with its one key."""
    inference = observed.workspace.inference
    if inference is None or not inference.config:
        return Step()
    name = f"ConfigMap {observed.workspace.metadata.namespace}/{inference.config}"
    if observed.config is None:
        message = f"{name}, named by inference.config, does not exist; create it"
        return Step(conditions=(lacks(INFERENCE_READY, "ConfigNotFound", message),), blocks=True)
    if runtime.CONFIG_KEY not in observed.config.data:
        message = f"{name} has no key {runtime.CONFIG_KEY}; add it"
        return Step(conditions=(lacks(INFERENCE_READY, "InvalidConfig", message),), blocks=True)
    return Step()


def decide_inference(observed: Observed, statefulset: Manifest) -> Step:
    """Write what differs from the rendered manifests, and report on the pods."""
    stranger = _stranger(observed)
    if stranger is not None:
        message = (
            f"a {stranger.kind} {stranger.key} exists already and does not belong to this "
            "workspace; delete it, or rename the workspace"
        )
        return Step(conditions=(lacks(INFERENCE_READY, "NameConflict", message),), blocks=True)
    return Step(actions=_writes(observed, statefulset), conditions=(_ready(observed, statefulset),))


def _stranger(observed: Observed) -> Object | None:
    """An object under one of our names that we did not make: it is neither adopted nor deleted."""
    uid = observed.workspace.metadata.uid
    mine = (*observed.services, observed.statefulset)
    for item in mine:
        owner = item.metadata.controller if item else None
        if item is not None and (owner is None or owner.uid != uid):
            return item
    return None


def _writes(observed: Observed, statefulset: Manifest) -> tuple[Apply, ...]:
    """The workload first: its start is what people wait for."""
    workspace = observed.workspace
    wanted = []
    if not is_current(observed.statefulset, statefulset):
        made = observed.statefulset is None
        note = Note(
            about=workspace,
            reason="WorkloadCreated" if made else "WorkloadUpdated",
            message=f"StatefulSet {workspace.metadata.name} "
            + ("created" if made else "updated: its pods are replaced"),
        )
        wanted.append(Apply(resource=STATEFULSETS, manifest=statefulset, note=note))
    services = {service.metadata.name: service for service in observed.services}
    wanted += [
        Apply(resource=SERVICES, manifest=manifest)
        for manifest in render_services(workspace)
        if not is_current(services.get(manifest["metadata"]["name"]), manifest)
    ]
    return tuple(wanted)


def _ready(observed: Observed, statefulset: Manifest) -> Condition:
    live = observed.statefulset
    replicas = int(statefulset["spec"]["replicas"])
    if live is None or not observed.pods:
        message = f"pod {observed.workspace.metadata.name}-0 is not created yet"
        return lacks(INFERENCE_READY, "WorkspaceInferenceStatusPending", message)
    if not is_current(live, statefulset) or live.status.updated_replicas < replicas:
        message = "the pods are being replaced by updated ones"
        return lacks(INFERENCE_READY, "WorkspaceInferenceStatusPending", message)
    waiting = [pod for pod in observed.pods if not pod.is_ready]
    if waiting or len(observed.pods) < replicas:
        is_preset = observed.preset is not None
        reason, message = explain_pod((waiting or observed.pods)[0], is_preset=is_preset)
        return lacks(INFERENCE_READY, reason, message)
    message = f"{len(observed.pods)} of {replicas} pods answer"
    return holds(INFERENCE_READY, "WorkspaceInferenceStatusSuccess", message)
