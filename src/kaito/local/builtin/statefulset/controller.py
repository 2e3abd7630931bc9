"""Watches StatefulSets with their pods, revisions and claims."""

from datetime import datetime

from kaito.api.core import PODS, STATEFULSETS
from kaito.api.meta import Key
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Watch, its_own_key, key_of_controller
from kaito.local.builtin.kinds import CLAIMS, CONTROLLER_REVISIONS, PersistentVolumeClaim
from kaito.local.builtin.statefulset.decide import decide_statefulset
from kaito.local.builtin.statefulset.observed import Observed, observe_statefulset


def _no_keys(_: PersistentVolumeClaim) -> tuple[Key, ...]:
    """Claims are read when a pod is to be made; a change of one calls for nothing."""
    return ()


class StatefulSetController:
    """One pass per set; see `decide` for what it does."""

    name = "statefulset-controller"
    watches = (
        Watch(STATEFULSETS, its_own_key),
        Watch(PODS, key_of_controller("StatefulSet")),
        Watch(CONTROLLER_REVISIONS, key_of_controller("StatefulSet")),
        Watch(CLAIMS, _no_keys),
    )

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """The set and what is its own."""
        return observe_statefulset(reader, key)

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """Pure; see `decide_statefulset`."""
        return decide_statefulset(observed, now)
