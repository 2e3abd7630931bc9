"""InferenceReady: the Services and the StatefulSet are there, up to date, and every pod answers."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

import msgspec

from kaito.api import labels, runtime
from kaito.api.core import SERVICES, Pod, Service, StatefulSet
from kaito.api.inference_config import InferenceConfig, knows_engine, parse_inference_config
from kaito.api.meta import Condition, Manifest, Object
from kaito.api.workspace import INFERENCE_READY
from kaito.controllers.workspace.adapters import (
    adapters_condition,
    decide_adapters_config,
    tell_adapters,
    tell_failed,
)
from kaito.controllers.workspace.by_hand import is_redirected
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.pod_progress import describe_progress
from kaito.controllers.workspace.pod_reason import explain_pod
from kaito.controllers.workspace.predecessor import retire_deployment
from kaito.controllers.workspace.step import Step, holds, lacks, say_taken
from kaito.controllers.workspace.surge import FAILING, Rollout
from kaito.controllers.workspace.workload import NOBODY_ANSWERS, decide_workload
from kaito.kube.controller.decision import Action, Apply, Note
from kaito.render.services import render_services
from kaito.render.stamp import is_current

_PENDING = "WorkspaceInferenceStatusPending"


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
        text = observed.config.data[runtime.CONFIG_KEY]
        return parse_inference_config(text, knows_engine=knows_engine(observed.workspace))
    except ValueError as error:
        return _lacks("InvalidConfig", f"{name}, {runtime.CONFIG_KEY}: {error}")


def decide_inference(
    observed: Observed, statefulset: Manifest, *, find_shortage: Callable[[], str], now: datetime
) -> Step:
    """Write what differs from the rendered manifests, and report on the pods."""
    stranger = _stranger(observed)
    if stranger is not None:
        return _lacks("NameConflict", say_taken(stranger.kind, stranger.key))
    rollout = decide_workload(observed, statefulset, find_shortage=find_shortage, now=now)
    adapters = tell_adapters(observed)
    # The list of adapters first: a pod waits for it. A step of a surge goes alone, for it is valid
    # only for the Service that was seen.
    services = () if rollout.is_step else _services(observed, rollout.ordinal)
    return Step(
        actions=(
            *decide_adapters_config(observed, statefulset),
            *rollout.actions,
            *retire_deployment(observed),
            *services,
        ),
        conditions=(
            _with_failed(_ready(observed, statefulset, rollout), tell_failed(adapters)),
            *adapters_condition(adapters),
        ),
        requeue_after=rollout.requeue_after,
    )


def keep_serving(observed: Observed, step: Step) -> Step:
    """A change that cannot be made does not count as down while the pod from before answers."""
    ready = next((pod for pod in _own_pods(observed) if pod.is_ready), None)
    if observed.owned is None or ready is None:
        return step
    why = "; ".join(condition.message for condition in step.conditions)
    message = f"pod {ready.metadata.name} answers as before; the update fails: {why}"
    return replace(step, conditions=(holds(INFERENCE_READY, FAILING, message),))


def _lacks(reason: str, message: str) -> Step:
    return Step(conditions=(lacks(INFERENCE_READY, reason, message),), blocks=True)


def _stranger(observed: Observed) -> Object | None:
    """An object under one of our names that we did not make: it is neither adopted nor deleted."""
    uid = observed.workspace.metadata.uid
    mine = (*observed.services, observed.statefulset, _named_adapters(observed))
    for item in mine:
        owner = item.metadata.controller if item else None
        if item is not None and (owner is None or owner.uid != uid):
            return item
    return None


def _named_adapters(observed: Observed) -> Object | None:
    """The ConfigMap under the name of our list of adapters, where there is a list."""
    inference = observed.workspace.inference
    return observed.adapters_config if inference is not None and inference.adapters else None


def _services(observed: Observed, ordinal: int) -> tuple[Action, ...]:
    services = {service.metadata.name: service for service in observed.services}
    found = []
    for manifest in render_services(observed.workspace, ordinal=ordinal):
        live = services.get(manifest["metadata"]["name"])
        if not is_current(live, manifest) or is_redirected(live, manifest):
            found.append(_apply_service(observed, manifest, live))
    return tuple(found)


def _apply_service(observed: Observed, manifest: Manifest, live: Service | None) -> Apply:
    if live is None:
        return Apply(resource=SERVICES, manifest=manifest)
    meta, spec = manifest["metadata"], manifest["spec"]
    # Which pod it selects was read from what may be outdated.
    meta["resourceVersion"] = live.metadata.resource_version
    if switched := live.metadata.annotations.get(labels.SWITCHED_AT):
        meta["annotations"][labels.SWITCHED_AT] = switched
    ports = ", ".join(f"{p['port']} -> {p['targetPort']}" for p in spec.get("ports", ()))
    text = f"Service {meta['name']} updated: {spec.get('type', 'headless')} {ports}"
    note = Note(about=observed.workspace, reason="ServiceUpdated", message=text.strip())
    return Apply(resource=SERVICES, manifest=manifest, note=note)


def _ready(observed: Observed, statefulset: Manifest, rollout: Rollout) -> Condition:
    live = observed.statefulset
    replicas = int(statefulset["spec"]["replicas"])
    # Of a single pod's two, while an update starts beside it, the one that answers counts.
    pods = _own_pods(observed, range(rollout.ordinal, rollout.ordinal + replicas))
    if rollout.reason and any(pod.is_ready for pod in pods):
        return holds(INFERENCE_READY, rollout.reason, rollout.message)
    if live is None or not pods:
        name = f"{observed.workspace.metadata.name}-{rollout.ordinal}"
        # What is said of a pod that is only just being made holds a moment later, too.
        is_late = live is not None and live.status.observed_generation >= live.metadata.generation
        where = f"-n {observed.workspace.metadata.namespace} {observed.workspace.metadata.name}"
        # A quota or a ServiceAccount that is missing is told to who asks for events only.
        late = f"not created yet; see: kubectl describe statefulset {where}"
        what = late if is_late else "being started"
        return lacks(INFERENCE_READY, _PENDING, f"pod {name} is {what}")
    if not is_current(live, statefulset) or _is_replacing(live, statefulset, pods):
        return lacks(INFERENCE_READY, _PENDING, _tell_replaced(observed, replicas))
    waiting = [pod for pod in pods if not pod.is_ready]
    if waiting or len(pods) < replicas:
        pod, is_preset = (waiting or pods)[0], observed.preset is not None
        progress = describe_progress(observed, pod)
        reason, message = explain_pod(pod, is_preset=is_preset, progress=progress)
        return lacks(INFERENCE_READY, reason, message)
    message = f"{len(pods)} of {replicas} pods answer"
    return holds(INFERENCE_READY, "WorkspaceInferenceStatusSuccess", message)


def _is_replacing(live: StatefulSet, statefulset: Manifest, pods: tuple[Pod, ...]) -> bool:
    """Whether pods of an earlier template are left; those of a start are all of this one."""
    if live.status.updated_replicas >= int(statefulset["spec"]["replicas"]):
        return False
    wanted = statefulset["spec"]["template"]["metadata"]["annotations"][labels.TEMPLATE_HASH]
    return any(pod.metadata.annotations.get(labels.TEMPLATE_HASH) != wanted for pod in pods)


def _tell_replaced(observed: Observed, replicas: int) -> str:
    if replicas == 1 or observed.preset is None:
        return "the pods are being replaced by updated ones"
    return f"the {replicas} pods of the model are being replaced; {NOBODY_ANSWERS}"


def _own_pods(observed: Observed, ordinals: Iterable[int] = (0, 1)) -> tuple[Pod, ...]:
    """The StatefulSet's pods; others may carry the workspace's label too."""
    names = {f"{observed.workspace.metadata.name}-{ordinal}" for ordinal in ordinals}
    return tuple(pod for pod in observed.pods if pod.metadata.name in names)


def _with_failed(condition: Condition, failed: str) -> Condition:
    """The base model answers, whatever its adapters do; which of them do not is said with it."""
    if not failed or not condition.is_true:
        return condition
    return msgspec.structs.replace(condition, message=f"{condition.message}; {failed}")
