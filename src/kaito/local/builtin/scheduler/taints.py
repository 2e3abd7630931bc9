"""Taints, and which pods bear them.

Semantics: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/.
"""

from collections.abc import Iterator

from kaito.api.core import Node, Pod, Taint, Toleration

_NOT_READY = Taint(key="node.kubernetes.io/not-ready", effect="NoSchedule")


def repelling(pod: Pod, node: Node) -> Taint | None:
    """The first taint that keeps the pod off the node."""
    return next(_untolerated(pod, node, ("NoSchedule", "NoExecute")), None)


def disliked(pod: Pod, node: Node) -> int:
    """How many taints would rather not have the pod."""
    return sum(1 for _ in _untolerated(pod, node, ("PreferNoSchedule",)))


def _untolerated(pod: Pod, node: Node, effects: tuple[str, ...]) -> Iterator[Taint]:
    return (
        taint
        for taint in _taints(node)
        if taint.effect in effects
        and not any(_tolerates(toleration, taint) for toleration in pod.spec.tolerations)
    )


def _taints(node: Node) -> tuple[Taint, ...]:
    """The node's own taints, and the one that Kubernetes puts on a node that is not ready."""
    return node.spec.taints if node.is_ready else (*node.spec.taints, _NOT_READY)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.operator == "Exists":
        return not toleration.key or toleration.key == taint.key
    return toleration.key == taint.key and toleration.value == taint.value
