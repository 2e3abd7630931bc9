"""Watches nodes and pods; one pass places every pod that waits.

All pods share one key: a pass sees what the pass before it has taken, so two pods never get the
same room.
"""

from collections.abc import Mapping
from datetime import datetime

from kaito.api.core import NODES, PODS, Pod
from kaito.api.meta import Key, Object
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Watch
from kaito.local.builtin.scheduler.decide import decide_bindings
from kaito.local.builtin.scheduler.placement import (
    Observed,
    Placement,
    is_waiting,
    plan_placements,
)

_ONLY_KEY = Key("", "pods")


def _the_key(_: Object) -> tuple[Key, ...]:
    return (_ONLY_KEY,)


class SchedulerController:
    """Binds pods to nodes."""

    name = "default-scheduler"
    watches = (Watch(PODS, _the_key), Watch(NODES, _the_key))

    def __init__(self) -> None:
        self._last: Observed | None = None
        self._planned: tuple[Observed, tuple[Placement, ...]] | None = None

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """The whole cluster, or None when no pod waits."""
        del key
        pods = tuple(pod for pod in reader.list(PODS) if not pod.is_finished)
        if not any(is_waiting(pod) for pod in pods):
            self._last = self._planned = None
            return None
        self._last = Observed(
            nodes=reader.list(NODES), pods=pods, assumed=self._observe_unseen(pods)
        )
        return self._last

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """Pure; see `decide_bindings`."""
        return decide_bindings(self._plan(observed), now)

    def _observe_unseen(self, pods: tuple[Pod, ...]) -> Mapping[str, str]:
        """What the last pass decided and the cache does not show yet."""
        if self._last is None:
            return {}
        decided = {p.pod.metadata.uid: p.node for p in self._plan(self._last) if p.node}
        return {
            pod.metadata.uid: decided[pod.metadata.uid]
            for pod in pods
            if is_waiting(pod) and pod.metadata.uid in decided
        }

    def _plan(self, observed: Observed) -> tuple[Placement, ...]:
        """Where pods go by that reading; remembered, for the pass after this one asks again."""
        if self._planned is None or self._planned[0] is not observed:
            self._planned = (observed, plan_placements(observed))
        return self._planned[1]
