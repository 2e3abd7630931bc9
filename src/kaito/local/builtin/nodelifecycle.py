"""Pods whose node is gone: nobody is left to stop them gracefully, so they are removed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaito.api.core import NODES, PODS, Pod
from kaito.api.meta import Key, Object
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision, Delete
from kaito.kube.controller.runner import Watch, its_own_key
from kaito.local.builtin.live import Live


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The pods of a node that does not exist."""

    node: str
    pods: tuple[Pod, ...]


class NodeLifecycleController:
    """Watches nodes and the pods bound to them; keys are node names."""

    name = "node-lifecycle-controller"
    watches: tuple[Watch[Any], ...]

    def __init__(self, *, live: Live) -> None:
        self._live = live
        self.watches = (Watch(NODES, its_own_key), Watch(PODS, _key_of_node))

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """The pods left on the node, or None while it exists or has none."""
        if reader.get(NODES, key) is not None:
            return None
        pods = tuple(pod for pod in reader.list(PODS) if pod.spec.node_name == key.name)
        if not pods or await self._live.uid_of(NODES, key):
            return None
        return Observed(node=key.name, pods=pods)

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """Pure; see `decide_evacuation`."""
        del now
        return decide_evacuation(observed)


def decide_evacuation(observed: Observed) -> Decision:
    """Remove every pod at once."""
    return Decision(
        actions=tuple(
            Delete(resource=PODS, key=pod.key, uid=pod.metadata.uid, grace_seconds=0)
            for pod in observed.pods
        ),
        why=(f"node {observed.node} is gone",),
    )


def _key_of_node(item: Object) -> tuple[Key, ...]:
    assert isinstance(item, Pod)
    return (Key("", item.spec.node_name),) if item.spec.node_name else ()
