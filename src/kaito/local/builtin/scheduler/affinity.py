"""Which nodes a pod wants: nodeSelector, and required and preferred node affinity.

Semantics: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/.
"""

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
    fields = {"metadata.name": node.metadata.name}
    return all(_matches(e, node.metadata.labels) for e in term.match_expressions) and all(
        _matches(f, fields) for f in term.match_fields
    )


def _matches(requirement: SelectorRequirement, labels: dict[str, str]) -> bool:
    if requirement.operator in ("Gt", "Lt"):
        return _compares(requirement, labels.get(requirement.key, ""))
    values = frozenset(requirement.values)
    return Requirement(requirement.key, requirement.operator, values).matches(labels)


def _compares(requirement: SelectorRequirement, value: str) -> bool:
    """Whether a label that reads as a whole number is greater or less than the one value."""
    try:
        have, bound = int(value), int(requirement.values[0])
    except (ValueError, IndexError):
        return False
    return have > bound if requirement.operator == "Gt" else have < bound
