"""Which nodes a pod wants: nodeSelector, and required and preferred node affinity.

Semantics: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/.
"""

from functools import lru_cache

import msgspec

from kaito.api.core import Node, Pod
from kaito.api.meta import Wire
from kaito.api.selectors import Requirement, SelectorRequirement


class NodeSelectorTerm(Wire):
    """Requirements that must all hold; none at all match nothing."""

    match_expressions: tuple[SelectorRequirement, ...] = ()
    match_fields: tuple[SelectorRequirement, ...] = ()


class NodeSelector(Wire):
    """Terms of which one must hold."""

    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class PreferredTerm(Wire):
    """A term that adds its weight where it holds."""

    weight: int = 0
    preference: NodeSelectorTerm = NodeSelectorTerm()


class NodeAffinity(Wire):
    """What must and what should hold of the node."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredTerm, ...] = ()


def parse_affinity(pod: Pod) -> NodeAffinity:
    """The pod's node affinity; the API server has checked its shape."""
    return msgspec.convert(pod.spec.affinity.get("nodeAffinity") or {}, NodeAffinity)


def is_wanted(pod: Pod, affinity: NodeAffinity, node: Node) -> bool:
    """Whether the node has everything that the pod insists on."""
    labels = node.metadata.labels
    if not pod.spec.node_selector.items() <= labels.items():
        return False
    required = affinity.required_during_scheduling_ignored_during_execution
    return required is None or any(_holds(t, node) for t in required.node_selector_terms)


def preference(affinity: NodeAffinity, node: Node) -> int:
    """The sum of the weights of everything that the pod would like and the node has."""
    preferred = affinity.preferred_during_scheduling_ignored_during_execution
    return sum(term.weight for term in preferred if _holds(term.preference, node))


def _holds(term: NodeSelectorTerm, node: Node) -> bool:
    if not term.match_expressions and not term.match_fields:
        return False
    held = node.metadata.labels
    if not all(_matches(each, held) for each in term.match_expressions):
        return False
    fields = {"metadata.name": node.metadata.name}
    return all(_matches(each, fields) for each in term.match_fields)


def _matches(requirement: SelectorRequirement, labels: dict[str, str]) -> bool:
    if requirement.operator in ("Gt", "Lt"):
        return _compares(requirement, labels.get(requirement.key, ""))
    return _to_requirement(requirement.key, requirement.operator, requirement.values).matches(
        labels
    )


@lru_cache(1024)
def _to_requirement(key: str, operator: str, values: tuple[str, ...]) -> Requirement:
    """Remembered, since a pod's is asked of every node."""
    return Requirement(key, operator, frozenset(values))


def _compares(requirement: SelectorRequirement, value: str) -> bool:
    """Whether a label that reads as a whole number is greater or less than the one value."""
    try:
        have, bound = int(value), int(requirement.values[0])
    except (ValueError, IndexError):
        return False
    return have > bound if requirement.operator == "Gt" else have < bound
