"""What to do about a StatefulSet: its pods in order, its revisions, its status.

The order of work is Kubernetes' own: fill the ordinals from below, give up the surplus from above,
then replace outdated pods from above. With OrderedReady each step waits for the pod before it.

One deliberate difference: a pod that is outdated and not ready is replaced at once. Kubernetes
waits for it to become ready first, so a broken template stays broken after it has been corrected,
until somebody deletes the pod (https://github.com/kubernetes/kubernetes/issues/67250).
"""

from datetime import datetime

from kaito.api.core import PODS, STATEFULSETS, Pod, StatefulSetStatus
from kaito.kube.controller.decision import NOTHING, Action, Decision
from kaito.local.builtin import adoption, pods
from kaito.local.builtin.kinds import CONTROLLER_REVISIONS
from kaito.local.builtin.statefulset.observed import Observed
from kaito.local.builtin.statefulset.pods import REVISION_LABEL, plan_pod
from kaito.local.builtin.statefulset.revisions import Versions, derive_versions, plan_revisions
from kaito.local.builtin.status import status_write


def decide_statefulset(observed: Observed, now: datetime) -> Decision:
    """One pass over one set."""
    found = observed.statefulset
    if found.metadata.is_deleting:
        return NOTHING
    if adopted := _plan_adoption(observed):
        return Decision(actions=adopted, why=("pods or revisions of this set belong to nobody",))
    versions = derive_versions(observed)
    waiting = pods.seconds_to_available(observed.pods.values(), found.spec.min_ready_seconds, now)
    return Decision(
        actions=(
            *plan_revisions(observed, versions),
            *_Plan(observed, versions, now).actions(),
        ),
        status=status_write(STATEFULSETS, found, derive_status(observed, versions, now)),
        requeue_after=waiting,
    )


def derive_status(observed: Observed, versions: Versions, now: datetime) -> StatefulSetStatus:
    """The status that the pods amount to."""
    found = observed.statefulset
    counted = [pod for pod in observed.pods.values() if not pod.is_finished]
    active = [pod for pod in counted if pods.is_active(pod)]
    updated = sum(_revision(pod) == versions.update for pod in active)
    ready = sum(pod.is_ready for pod in active)
    wanted = found.spec.replicas
    complete = (
        found.spec.update_strategy.type == "RollingUpdate"
        and updated == ready == wanted == len(counted)
    )
    current = versions.update if complete else versions.current
    min_ready = found.spec.min_ready_seconds
    return StatefulSetStatus(
        observed_generation=found.metadata.generation,
        replicas=len(counted),
        ready_replicas=ready,
        current_replicas=sum(_revision(pod) == current for pod in active),
        updated_replicas=updated,
        available_replicas=sum(pods.is_available(pod, min_ready, now) for pod in active),
        current_revision=current,
        update_revision=versions.update,
    )


def _plan_adoption(observed: Observed) -> tuple[Action, ...]:
    found = observed.statefulset
    return (
        *(adoption.adopt(PODS, found, pod) for pod in observed.orphans),
        *(adoption.adopt(CONTROLLER_REVISIONS, found, r) for r in observed.orphan_revisions),
    )


def _revision(pod: Pod) -> str:
    return pod.metadata.labels.get(REVISION_LABEL, "")


class _Plan:
    """The pods of one set, and what each step would do next."""

    def __init__(self, observed: Observed, versions: Versions, now: datetime) -> None:
        self._observed = observed
        self._set = observed.statefulset
        self._versions = versions
        self._now = now
        self._ordered = self._set.spec.pod_management_policy != "Parallel"

    def actions(self) -> tuple[Action, ...]:
        """The first step that has something to do, or has to wait, ends an ordered pass."""
        filled, settled = self._fill()
        if self._ordered and (filled or not settled):
            return filled
        shrunk = self._shrink()
        if filled or shrunk:
            return (*filled, *shrunk)
        return self._update()

    def _fill(self) -> tuple[tuple[Action, ...], bool]:
        """Create what is missing from below, and whether all of it is there and available."""
        planned: list[Action] = []
        settled = True
        for ordinal in range(self._set.spec.replicas):
            step = self._fill_one(ordinal)
            planned += step or ()
            settled = settled and step is None
            if self._ordered and not settled:
                break
        return tuple(planned), settled

    def _fill_one(self, ordinal: int) -> tuple[Action, ...] | None:
        """What one ordinal needs; nothing to do but wait is empty, nothing at all is None."""
        pod = self._observed.pods.get(ordinal)
        if pod is None:
            old = ordinal < self._partition
            return plan_pod(
                self._observed,
                ordinal,
                template=self._versions.current_template if old else self._versions.update_template,
                revision=self._versions.current if old else self._versions.update,
            )
        if pod.metadata.is_deleting:
            return ()
        if pod.is_finished or self._is_stuck(ordinal, pod):
            return (pods.delete_pod(self._set, pod),)
        return None if self._is_available(pod) else ()

    def _shrink(self) -> tuple[Action, ...]:
        """Give up pods above the wanted number, from above."""
        surplus = [
            pod
            for ordinal, pod in sorted(self._observed.pods.items(), reverse=True)
            if ordinal >= self._set.spec.replicas
        ]
        if self._ordered:
            surplus = surplus[:1]
        return tuple(
            pods.delete_pod(self._set, pod) for pod in surplus if not pod.metadata.is_deleting
        )

    def _update(self) -> tuple[Action, ...]:
        """Replace the highest outdated pod, once everything above it is available again."""
        if self._set.spec.update_strategy.type != "RollingUpdate":
            return ()
        for ordinal in range(self._set.spec.replicas - 1, self._partition - 1, -1):
            pod = self._observed.pods.get(ordinal)
            if pod is None or pod.metadata.is_deleting:
                return ()
            if _revision(pod) != self._versions.update:
                return (pods.delete_pod(self._set, pod),)
            if not self._is_available(pod):
                return ()
        return ()

    def _is_stuck(self, ordinal: int, pod: Pod) -> bool:
        return (
            self._set.spec.update_strategy.type == "RollingUpdate"
            and ordinal >= self._partition
            and _revision(pod) != self._versions.update
            and not pod.is_ready
        )

    def _is_available(self, pod: Pod) -> bool:
        return pods.is_available(pod, self._set.spec.min_ready_seconds, self._now)

    @property
    def _partition(self) -> int:
        if self._set.spec.update_strategy.type != "RollingUpdate":
            return 0
        return self._set.spec.update_strategy.rolling_update.partition
