"""Adapters of a Workspace: the list that its server watches, and what the server says of each.

A change of the list is one write and restarts nothing. A broken adapter is told of and never makes
the base model count as down.
"""

import msgspec

from kaito.api import labels
from kaito.api.adapters import ADAPTERS_KEY, AdapterWish, AdapterWishes, parse_adapter_wishes
from kaito.api.core import CONFIGMAPS, PODS, ConfigMap, Pod
from kaito.api.meta import Condition, Manifest
from kaito.api.report import AdapterReport
from kaito.api.workspace import ADAPTERS_READY, AdapterStatus
from kaito.base.errors import UsageError
from kaito.controllers.workspace.by_hand import is_rewritten
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.step import holds, lacks
from kaito.kube.controller.decision import Action, Apply, Delete, Note, Patch
from kaito.render.adapters import render_adapters_config, wish_for
from kaito.render.stamp import is_current

FAILED, PENDING = "AdapterFailed", "AdaptersPending"


def decide_adapters_config(observed: Observed, statefulset: Manifest) -> tuple[Action, ...]:
    """Write the list where it differs, and wake the nodes that have pods with it."""
    live = observed.adapters_config
    if labels.ADAPTER_MOUNTS not in statefulset["metadata"]["annotations"]:
        return _give_up(observed, statefulset)
    wanted = render_adapters_config(observed.workspace)
    if is_current(live, wanted) and not is_rewritten(live, wanted):
        return ()
    if live is None:
        return (Apply(resource=CONFIGMAPS, manifest=wanted),)
    text = _what_changed(_wishes_of(live), wish_for(observed.workspace))
    note = Note(about=observed.workspace, reason="AdaptersUpdated", message=text)
    return (Apply(resource=CONFIGMAPS, manifest=wanted, note=note), *_wake(observed, wanted))


def tell_adapters(observed: Observed) -> tuple[AdapterStatus, ...]:
    """Each adapter as the pod that answers reports it."""
    reported = _reported(observed)
    return tuple(
        _status_of(wish, reported.get(wish.name)) for wish in wish_for(observed.workspace).adapters
    )


def adapters_condition(found: tuple[AdapterStatus, ...]) -> tuple[Condition, ...]:
    """AdaptersReady, where there are any."""
    if not found:
        return ()
    ready = sum(status.state == "Ready" for status in found)
    if failed := tell_failed(found):
        return (lacks(ADAPTERS_READY, FAILED, failed),)
    counted = f"{ready} of {len(found)} adapters answer"
    if ready == len(found):
        return (holds(ADAPTERS_READY, "AdaptersReady", counted),)
    waiting = next(status for status in found if status.state != "Ready")
    # Without how far it is: a condition that changes all the time says nothing new.
    return (lacks(ADAPTERS_READY, PENDING, f"{counted}; {waiting.name} is {waiting.state}"),)


def tell_failed(found: tuple[AdapterStatus, ...]) -> str:
    """`adapter a: why`, for each that failed."""
    failed = [status for status in found if status.state == "Failed"]
    return "; ".join(f"adapter {s.name}: {s.message or 'failed'}" for s in failed)


def keeps_mounts(observed: Observed) -> bool:
    """Whether a pod runs with what the StatefulSet has for adapters.

    Until one does, nothing is lost by taking an adapter back, and all is gained where its volume
    is what the pod waits for.
    """
    live = observed.owned
    if live is None:
        return False
    template = live.spec.template.metadata.get("annotations") or {}
    return any(
        pod.metadata.annotations.get(labels.TEMPLATE_HASH) == template.get(labels.TEMPLATE_HASH)
        and _has_run(pod)
        for pod in observed.pods
    )


def _has_run(pod: Pod) -> bool:
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    return pod.is_ready or any(
        s.state.running or s.state.terminated or s.last_state.terminated for s in statuses
    )


def _give_up(observed: Observed, statefulset: Manifest) -> tuple[Action, ...]:
    """Delete the list once no pod mounts it any more."""
    live, wanted = observed.adapters_config, statefulset["spec"]["template"]["metadata"]
    if live is None or live.metadata.is_deleting or not _is_own(observed, live):
        return ()
    template = wanted["annotations"][labels.TEMPLATE_HASH]
    pods = (pod.metadata.annotations.get(labels.TEMPLATE_HASH) for pod in observed.pods)
    if any(made_from != template for made_from in pods):
        return ()
    return (Delete(resource=CONFIGMAPS, key=live.key, uid=live.metadata.uid),)


def _is_own(observed: Observed, live: ConfigMap) -> bool:
    owner = live.metadata.controller
    return owner is not None and owner.uid == observed.workspace.metadata.uid


def _wake(observed: Observed, config: Manifest) -> tuple[Action, ...]:
    """A node looks at a pod's ConfigMaps every minute or so, and when the pod changes."""
    told = config["metadata"]["annotations"][labels.TEMPLATE_HASH]
    patch: Manifest = {"metadata": {"annotations": {labels.ADAPTERS_HASH: told}}}
    return tuple(
        Patch(resource=PODS, key=pod.key, patch=patch)
        for pod in observed.pods
        if pod.spec.node_name and not pod.metadata.is_deleting
    )


def _wishes_of(live: ConfigMap) -> AdapterWishes:
    try:
        return parse_adapter_wishes(live.data.get(ADAPTERS_KEY, "{}"))
    except UsageError:
        return AdapterWishes()


def _what_changed(old: AdapterWishes, new: AdapterWishes) -> str:
    """`adapters: a added, b changed, c removed`."""
    before, after = _by_name(old), _by_name(new)
    parts = [
        *(f"{name} added" for name in after if name not in before),
        *(f"{name} changed" for name in after if before.get(name, after[name]) != after[name]),
        *(f"{name} removed" for name in before if name not in after),
    ]
    return f"adapters: {', '.join(parts) or 'written anew'}; the engine is not restarted for it"


def _by_name(wishes: AdapterWishes) -> dict[str, AdapterWish]:
    return {wish.name: wish for wish in wishes.adapters}


def _reported(observed: Observed) -> dict[str, AdapterReport]:
    front = observed.workspace.metadata.name
    service = next((s for s in observed.services if s.metadata.name == front), None)
    answering = service.spec.selector.get(labels.POD_NAME, "") if service else ""
    report = next((r for r in observed.reports if r.metadata.name == answering), None)
    return {adapter.name: adapter for adapter in report.adapters} if report else {}


def _status_of(wish: AdapterWish, report: AdapterReport | None) -> AdapterStatus:
    if report is None or (report.source and report.source != wish.source):
        # Another version of it may be served; this one was not looked at yet.
        return AdapterStatus(name=wish.name, state="Pending")
    told = AdapterStatus(
        name=wish.name, state=report.state, message=report.message, digest=report.digest
    )
    # How far a download is changes every second; that it goes on is enough.
    return told if told.state in ("Ready", "Failed") else msgspec.structs.replace(told, message="")
