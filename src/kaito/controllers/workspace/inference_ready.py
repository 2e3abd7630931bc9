"""InferenceReady: the Services and the StatefulSet are there, up to date, and every pod answers."""

from kaito.api import runtime
from kaito.api.core import SERVICES, STATEFULSETS
from kaito.api.inference_config import InferenceConfig, parse_inference_config
from kaito.api.meta import Condition, Manifest, Object
from kaito.api.workspace import INFERENCE_READY
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.pod_reason import explain_pod
from kaito.controllers.workspace.rollout import is_replaced, what_changed
from kaito.controllers.workspace.step import Step, holds, lacks
from kaito.kube.controller.decision import Action, Apply, Delete, Note
from kaito.render.services import render_services
from kaito.render.stamp import is_current


def decide_config(observed: Observed) -> InferenceConfig | Step:
    """The user's options, or why they cannot be read: the plan depends on them."""
    inference = observed.workspace.inference
    if inference is None or not inference.config:
        return InferenceConfig()
    name = f"ConfigMap {observed.workspace.metadata.namespace}/{inference.config}"
    if observed.config is None:
        message = f"{name}, named by inference.config, does not exist; create it"
        return _lacks("ConfigNotFound", message)
    if runtime.CONFIG_KEY not in observed.config.data:
        return _lacks("InvalidConfig", f"{name} has no key {runtime.CONFIG_KEY}; add it")
    try:
        return parse_inference_config(observed.config.data[runtime.CONFIG_KEY])
    except ValueError as error:
        return _lacks("InvalidConfig", f"{name}, {runtime.CONFIG_KEY}: {error}")


def decide_inference(observed: Observed, statefulset: Manifest) -> Step:
    """Write what differs from the rendered manifests, and report on the pods."""
    stranger = _stranger(observed)
    if stranger is not None:
        message = (
            f"a {stranger.kind} {stranger.key} exists already and does not belong to this "
            "workspace; delete it, or rename the workspace"
        )
        return _lacks("NameConflict", message)
    writes = (*_workload(observed, statefulset), *_services(observed))
    return Step(actions=writes, conditions=(_ready(observed, statefulset),))


def _lacks(reason: str, message: str) -> Step:
    return Step(conditions=(lacks(INFERENCE_READY, reason, message),), blocks=True)


def _stranger(observed: Observed) -> Object | None:
    """An object under one of our names that we did not make: it is neither adopted nor deleted."""
    uid = observed.workspace.metadata.uid
    mine = (*observed.services, observed.statefulset)
    for item in mine:
        owner = item.metadata.controller if item else None
        if item is not None and (owner is None or owner.uid != uid):
            return item
    return None


def _workload(observed: Observed, statefulset: Manifest) -> tuple[Action, ...]:
    """The workload first: its start is what people wait for."""
    live, workspace = observed.statefulset, observed.workspace
    if live is not None and (live.metadata.is_deleting or is_current(live, statefulset)):
        return ()
    if live is None:
        text = f"StatefulSet {workspace.metadata.name} created"
        note = Note(about=workspace, reason="WorkloadCreated", message=text)
        return (Apply(resource=STATEFULSETS, manifest=statefulset, note=note),)
    changed = what_changed(live, statefulset)
    if is_replaced(live, statefulset):
        text = f"StatefulSet {workspace.metadata.name} is made anew: {changed}"
        note = Note(about=workspace, reason="WorkloadReplaced", message=text)
        uid = live.metadata.uid
        return (Delete(resource=STATEFULSETS, key=live.key, uid=uid, note=note),)
    text = f"StatefulSet {workspace.metadata.name} updated: {changed}"
    note = Note(about=workspace, reason="WorkloadUpdated", message=text)
    return (Apply(resource=STATEFULSETS, manifest=statefulset, note=note),)


def _services(observed: Observed) -> tuple[Action, ...]:
    services = {service.metadata.name: service for service in observed.services}
    found = []
    for manifest in render_services(observed.workspace):
        live = services.get(manifest["metadata"]["name"])
        if not is_current(live, manifest):
            found.append(_apply_service(observed, manifest, is_new=live is None))
    return tuple(found)


def _apply_service(observed: Observed, manifest: Manifest, *, is_new: bool) -> Apply:
    if is_new:
        return Apply(resource=SERVICES, manifest=manifest)
    spec = manifest["spec"]
    ports = ", ".join(f"{p['port']} -> {p['targetPort']}" for p in spec.get("ports", ()))
    text = f"Service {manifest['metadata']['name']} updated: {spec.get('type', 'headless')} {ports}"
    note = Note(about=observed.workspace, reason="ServiceUpdated", message=text.strip())
    return Apply(resource=SERVICES, manifest=manifest, note=note)


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
