"""ReplicaSet: as many pods as asked for, none in particular."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from kaito.api.core import PODS, Pod
from kaito.api.meta import Key
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import NOTHING, Action, Decision
from kaito.kube.controller.runner import Watch, its_own_key, key_of_controller
from kaito.local.builtin import adoption, pods, templates
from kaito.local.builtin.kinds import REPLICASETS, ReplicaSet, ReplicaSetStatus
from kaito.local.builtin.status import status_write


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A ReplicaSet and the pods that are, or should be, its own."""

    replicaset: ReplicaSet
    pods: tuple[Pod, ...]
    orphans: tuple[Pod, ...] = ()


class ReplicaSetController:
    """Watches ReplicaSets and their pods."""

    name = "replicaset-controller"
    watches = (
        Watch(REPLICASETS, its_own_key),
        Watch(PODS, key_of_controller("ReplicaSet")),
    )

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """The ReplicaSet with its pods."""
        found = reader.get(REPLICASETS, key)
        if found is None:
            return None
        return Observed(
            replicaset=found,
            pods=reader.owned(PODS, found.metadata.uid),
            orphans=adoption.observe_orphans(reader, PODS, found, found.spec.selector),
        )

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """Adopt first, then create or delete; the status is written in any case."""
        return decide_replicaset(observed, now)


def decide_replicaset(observed: Observed, now: datetime) -> Decision:
    """What to do about one ReplicaSet."""
    owner = observed.replicaset
    if owner.metadata.is_deleting:
        return NOTHING
    if observed.orphans:
        return Decision(
            actions=tuple(adoption.adopt(PODS, owner, orphan) for orphan in observed.orphans),
            why=(f"{len(observed.orphans)} pods match the selector and belong to nobody",),
        )
    min_ready = owner.spec.min_ready_seconds
    return Decision(
        actions=_plan_pods(observed),
        status=status_write(REPLICASETS, owner, _observe_status(observed, now)),
        requeue_after=pods.seconds_to_available(observed.pods, min_ready, now),
    )


def _plan_pods(observed: Observed) -> tuple[Action, ...]:
    owner = observed.replicaset
    ended = [pod for pod in observed.pods if pod.is_finished and not pod.metadata.is_deleting]
    active = [pod for pod in observed.pods if pods.is_active(pod)]
    missing = owner.spec.replicas - len(active)
    taken = (pod.metadata.name for pod in observed.pods)
    names = islice(templates.free_names(owner, taken), max(missing, 0))
    surplus = sorted(active, key=pods.by_dispensability)[: max(-missing, 0)]
    return (
        *(pods.delete_pod(owner, pod) for pod in ended),
        *(
            pods.create_pod(owner, templates.render_pod(owner, owner.spec.template, name), name)
            for name in names
        ),
        *(pods.delete_pod(owner, pod) for pod in surplus),
    )


def _observe_status(observed: Observed, now: datetime) -> ReplicaSetStatus:
    owner = observed.replicaset
    active = [pod for pod in observed.pods if pods.is_active(pod)]
    wanted = owner.spec.template.metadata.get("labels") or {}
    labelled = (pod for pod in active if wanted.items() <= pod.metadata.labels.items())
    min_ready = owner.spec.min_ready_seconds
    return ReplicaSetStatus(
        observed_generation=owner.metadata.generation,
        replicas=len(active),
        fully_labeled_replicas=sum(1 for _ in labelled),
        ready_replicas=sum(pod.is_ready for pod in active),
        available_replicas=sum(pods.is_available(pod, min_ready, now) for pod in active),
    )
