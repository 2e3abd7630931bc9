"""A rollout that fails no request: the new pod starts beside the old one and takes over. Pure.

    begin     two replicas, partition 1: pod 1 is made from the new template, pod 0 stays
    switch    pod 1 is ready: the Service selects it
    release   partition 0: pod 0 is replaced
    return    pod 0 is ready: the Service selects it again
    end       one replica: pod 1 finishes what it answers and goes

Which of these is next follows from the StatefulSet, the Service and what template each pod says it
was made from, so any operator can go on from anywhere. Caches lag, each for itself: a step that
would end a pod is valid only for the very StatefulSet and Service that were seen.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from kaito.api import conditions, labels
from kaito.api.core import SERVICES, STATEFULSETS, Pod, Service, StatefulSet
from kaito.api.meta import Manifest
from kaito.api.runtime import ExitCode
from kaito.base.clock import to_rfc3339
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.pod_reason import explain_pod
from kaito.controllers.workspace.rollout import Mode, what_changed
from kaito.controllers.workspace.step import WAITING_REASONS
from kaito.kube.controller.decision import Action, Apply, Note, Patch
from kaito.render.services import render_services

SETTLE_SECONDS = 5.0
"""From a Service's change until every node knows: no pod that it left is ended before."""
GIVE_UP_SECONDS = 60.0
"""How long `auto` waits for a pod that no node takes, before it replaces the old one in place."""
START_SECONDS = 600.0
"""The same for a pod that a node has taken and of which nothing runs: its volumes may never come
while the old pod has them, and large images take minutes."""
SURGE = "surge"
PROGRESSING, FAILING, NO_ROOM = "RolloutProgressing", "RolloutFailing", "RolloutWaitingForRoom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One step of a rollout."""

    ordinal: int = 0
    """The pod that requests are to go to."""
    actions: tuple[Action, ...] = ()
    reason: str = ""
    """Empty where no rollout needs telling."""
    message: str = ""
    requeue_after: float | None = None

    @property
    def is_step(self) -> bool:
        """Whether the actions are a step of a surge."""
        return any(isinstance(action, Patch) for action in self.actions)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A single pod's workload as it is, and as it should become."""

    observed: Observed
    live: StatefulSet
    wanted: Manifest
    mode: Mode
    now: datetime

    @property
    def is_surging(self) -> bool:
        """Whether a second pod was asked for."""
        return is_surge(self.live)

    @property
    def keeps_old(self) -> bool:
        """Whether the first pod is safe from the StatefulSet."""
        return self.live.spec.update_strategy.rolling_update.partition > 0

    @property
    def live_hash(self) -> str:
        """Of the template that the StatefulSet has."""
        return _hash_of(self.live.spec.template.metadata)

    @property
    def wanted_hash(self) -> str:
        """Of the template it should have."""
        return _hash_of(self.wanted["spec"]["template"]["metadata"])

    @property
    def service(self) -> Service | None:
        """The one in front."""
        name = self.live.metadata.name
        return next((s for s in self.observed.services if s.metadata.name == name), None)

    @property
    def target(self) -> int:
        """The pod that it selects."""
        selected = self.service.spec.selector.get(labels.POD_NAME, "") if self.service else ""
        return 1 if selected == self.name_of(1) else 0

    def name_of(self, ordinal: int) -> str:
        """A pod's name."""
        return f"{self.live.metadata.name}-{ordinal}"

    def pod(self, ordinal: int) -> Pod | None:
        """One of the two pods."""
        name = self.name_of(ordinal)
        return next((p for p in self.observed.pods if p.metadata.name == name), None)

    def serves(self, ordinal: int) -> bool:
        """Whether it may get requests, and stays."""
        pod = self.pod(ordinal)
        return pod is not None and pod.is_ready and not pod.metadata.is_deleting

    def serves_as(self, ordinal: int, template: str) -> bool:
        """Whether it serves and was made from that template."""
        pod = self.pod(ordinal)
        return (
            pod is not None
            and self.serves(ordinal)
            and pod.metadata.annotations.get(labels.TEMPLATE_HASH, "") == template
        )

    @property
    def unsettled_seconds(self) -> float:
        """How long some node may still send requests to the pod that was selected before."""
        text = self.service.metadata.annotations.get(labels.SWITCHED_AT) if self.service else None
        try:
            at = datetime.fromisoformat(text) if text else None
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            return 0.0
        return min(max(SETTLE_SECONDS - (self.now - at).total_seconds(), 0.0), SETTLE_SECONDS)


def is_surge(live: StatefulSet) -> bool:
    """Whether a second pod was asked for."""
    return live.metadata.annotations.get(labels.ROLLOUT) == SURGE


def is_other_template(live: StatefulSet, wanted: Manifest) -> bool:
    """Whether its pods would be made from another template."""
    return _hash_of(live.spec.template.metadata) != _hash_of(wanted["spec"]["template"]["metadata"])


def begin_surge(view: View) -> Rollout:
    """Ask for a second pod, made from the new template."""
    changed = what_changed(view.live, view.wanted)
    text = f"pod {view.name_of(1)} starts beside {view.name_of(0)}: {changed}"
    note = Note(about=view.observed.workspace, reason="RolloutStarted", message=text)
    return Rollout(
        actions=(_same_service(view), _write(view, replicas=2, partition=1, note=note)),
        reason=PROGRESSING,
        message=f"pod {view.name_of(0)} answers; {text}",
    )


def go_on(view: View) -> Rollout:
    """The next step of a surge that has begun."""
    if view.keeps_old:
        return _before_switch(view) if view.target == 0 else _after_switch(view)
    return _before_return(view) if view.target == 1 else _after_return(view)


def end_surge(view: View, *, why: str = "") -> Rollout:
    """Let the second pod go; where the first is not up to date it is replaced now, and why."""
    note = Note(
        about=view.observed.workspace,
        reason="RolloutFinished",
        message=f"pod {view.name_of(0)} answers; pod {view.name_of(1)} goes",
    )
    if not view.serves_as(0, view.wanted_hash):
        text = f"pod {view.name_of(0)} is replaced in place, pod {view.name_of(1)} goes{why}"
        note = Note(about=view.observed.workspace, reason="WorkloadUpdated", message=text)
    return Rollout(actions=(_same_service(view), _write(view, replicas=1, partition=0, note=note)))


def _before_switch(view: View) -> Rollout:
    """The old pod serves; the new one is on its way."""
    if view.live_hash != view.wanted_hash:
        if view.serves_as(0, view.wanted_hash) or view.mode == "replace":
            return end_surge(view)
        return begin_surge(view)
    patience = _patience(view)
    if view.mode == "replace" or patience == 0.0:
        return end_surge(view, why="" if view.mode == "replace" else _why_given_up(view))
    if _is_counted(view) and view.serves_as(1, view.wanted_hash):
        return _switch(view, 1)
    return replace(_waiting_for(view, 1, answering=0), requeue_after=patience)


def _after_switch(view: View) -> Rollout:
    """The new pod serves. From here the update goes to its end, also when a newer one waits."""
    if _is_hopeless(view):
        return end_surge(view)
    if not view.serves(1):
        if view.serves(0):
            return _switch(view, 0)
        return _waiting_for(view, 1, answering=1)
    message = f"pod {view.name_of(1)} answers with the update; {view.name_of(0)} is replaced next"
    if left := view.unsettled_seconds:
        return Rollout(ordinal=1, reason=PROGRESSING, message=message, requeue_after=left)
    patch: Manifest = {
        "metadata": {"resourceVersion": view.live.metadata.resource_version},
        "spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}},
    }
    release = Patch(resource=STATEFULSETS, key=view.live.key, patch=patch)
    return Rollout(
        ordinal=1, actions=(_same_service(view), release), reason=PROGRESSING, message=message
    )


def _before_return(view: View) -> Rollout:
    """The first pod is being replaced; the second serves."""
    if view.serves_as(0, view.live_hash) or (view.serves(0) and not view.serves(1)):
        return _switch(view, 0)
    if view.mode == "replace" or _is_hopeless(view):
        return end_surge(view)
    return _waiting_for(view, 0, answering=1)


def _is_hopeless(view: View) -> bool:
    """Whether nothing serves that a newer change could interrupt."""
    return view.live_hash != view.wanted_hash and not (view.serves(0) or view.serves(1))


def _after_return(view: View) -> Rollout:
    """The first pod serves what the second does; a newer update may begin."""
    if not view.serves(0) and view.serves_as(1, view.live_hash):
        return _switch(view, 1)
    message = f"pod {view.name_of(0)} answers with the update"
    if left := view.unsettled_seconds:
        return Rollout(reason=PROGRESSING, message=message, requeue_after=left)
    is_done = view.wanted_hash == view.live_hash or view.serves_as(0, view.wanted_hash)
    return end_surge(view) if is_done or view.mode == "replace" else begin_surge(view)


def _switch(view: View, ordinal: int) -> Rollout:
    """Point the Service at the other pod, and remember when."""
    front = render_services(view.observed.workspace, ordinal=ordinal)[0]
    meta = front["metadata"]
    if view.service is not None:
        meta["resourceVersion"] = view.service.metadata.resource_version
    meta["annotations"][labels.SWITCHED_AT] = to_rfc3339(view.now)
    text = f"requests go to pod {view.name_of(ordinal)}"
    note = Note(about=view.observed.workspace, reason="RolloutSwitched", message=text)
    return Rollout(
        ordinal=ordinal,
        actions=(_same_workload(view), Apply(resource=SERVICES, manifest=front, note=note)),
        reason=PROGRESSING,
        message=f"{text}, which is ready",
        requeue_after=SETTLE_SECONDS,
    )


def _write(view: View, *, replicas: int, partition: int, note: Note) -> Apply:
    """The wanted StatefulSet in one stage of a surge, valid only for the one that was seen."""
    meta = {**view.wanted["metadata"], "resourceVersion": view.live.metadata.resource_version}
    if replicas > 1:
        meta["annotations"] = {**meta["annotations"], labels.ROLLOUT: SURGE}
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
    spec = {**view.wanted["spec"], "replicas": replicas, "updateStrategy": strategy}
    manifest = {**view.wanted, "metadata": meta, "spec": spec}
    return Apply(resource=STATEFULSETS, manifest=manifest, note=note)


def _same_service(view: View) -> Patch:
    """Changes nothing, and fails where the Service is not the one that was seen."""
    assert view.service is not None, "a surge needs the Service it switches"
    version = view.service.metadata.resource_version
    patch = {"metadata": {"resourceVersion": version}}
    return Patch(resource=SERVICES, key=view.service.key, patch=patch)


def _same_workload(view: View) -> Patch:
    patch = {"metadata": {"resourceVersion": view.live.metadata.resource_version}}
    return Patch(resource=STATEFULSETS, key=view.live.key, patch=patch)


def _is_counted(view: View) -> bool:
    """Whether the StatefulSet's controller has seen both pods ready since the last change."""
    status = view.live.status
    return status.observed_generation >= view.live.metadata.generation and status.ready_replicas > 1


def _patience(view: View) -> float | None:
    """Seconds for which `auto` goes on waiting for a pod that does not start; None: for ever."""
    pod = view.pod(1)
    if pod is None or view.mode != "auto":
        return None
    bound = conditions.find(pod.status.conditions, "PodScheduled")
    if bound is None or (bound.is_true and not _is_unstarted(view, pod)):
        return None
    limit = START_SECONDS if bound.is_true else GIVE_UP_SECONDS
    since = bound.last_transition_time or view.now
    return max(limit - (view.now - since).total_seconds(), 0.0)


def _is_unstarted(view: View, pod: Pod) -> bool:
    """Whether nothing of it has run, and Kubernetes names no fault that comes again in place."""
    is_this = pod.metadata.annotations.get(labels.TEMPLATE_HASH, "") == view.live_hash
    if pod.is_ready or pod.metadata.is_deleting or not is_this:
        return False
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    if any(s.state.running or s.state.terminated or s.last_state.terminated for s in statuses):
        return False
    return explain_pod(pod, is_preset=view.observed.preset is not None)[0] in WAITING_REASONS


def _why_given_up(view: View) -> str:
    pod = view.pod(1)
    if pod is None or not _is_unstarted(view, pod):
        return ""
    name = view.name_of(0)
    waited = f"nothing of it started in {START_SECONDS / 60:.0f} minutes"
    return f": {waited}, for want of its volumes or its image; see: kubectl describe pod {name}"


def _waiting_for(view: View, ordinal: int, *, answering: int) -> Rollout:
    """Nothing to do but to say how far a pod is."""
    pod, answers = view.pod(ordinal), f"pod {view.name_of(answering)} answers"
    if pod is None or pod.metadata.is_deleting or pod.is_ready:
        message = f"{answers}; pod {view.name_of(ordinal)} is being made from the update"
        return Rollout(ordinal=answering, reason=PROGRESSING, message=message)
    reason, why = explain_pod(pod, is_preset=view.observed.preset is not None)
    crash = _last_crash(pod)
    if reason in WAITING_REASONS and not crash:
        # Of volumes that are not there, only the pod's events tell.
        hint = (
            f"; see: kubectl describe pod {pod.metadata.name}" if _is_unstarted(view, pod) else ""
        )
        told = PROGRESSING, f"{answers}; the update starts: {why}{hint}"
    elif reason == "Unschedulable":
        told = NO_ROOM, f"{answers}; the update waits for room: {why}; {WITHOUT_ROOM}"
    else:
        told = FAILING, _tell_failure(view, ordinal, crash or why)
    return Rollout(ordinal=answering, reason=told[0], message=told[1])


def _last_crash(pod: Pod) -> str:
    """How a container ended before it was started again: it did not get better by that alone."""
    for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        ended = status.state.terminated or status.last_state.terminated
        if ended is None or ended.exit_code in (ExitCode.OK, ExitCode.UNAVAILABLE):
            continue
        said = ended.message.strip() or f"ended with exit code {ended.exit_code} ({ended.reason})"
        return f"pod {pod.metadata.name}, container {status.name}: {said}"
    return ""


def _tell_failure(view: View, ordinal: int, cause: str) -> str:
    """What still answers, and what helps; after the switch a correction comes after the update."""
    if ordinal == 1:
        return f"pod {view.name_of(0)} answers as before; the update fails: {cause}; {_CORRECT}"
    serving = f"pod {view.name_of(1)} answers with the update; pod {view.name_of(0)} fails"
    waits = "the newer change waits" if view.live_hash != view.wanted_hash else "a correction waits"
    now = f"to apply it now, with a pause, annotate the workspace {labels.ROLLOUT}=replace"
    return f"{serving}: {cause}; {waits} for this pod; {now}"


_CORRECT = "correct the change or take it back"
WITHOUT_ROOM = f"make room, or annotate the workspace {labels.ROLLOUT}=replace to replace in place"


def _hash_of(metadata: Manifest) -> str:
    return str((metadata.get("annotations") or {}).get(labels.TEMPLATE_HASH, ""))
