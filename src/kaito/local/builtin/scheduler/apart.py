"""Which pods must not be beside which: required podAntiAffinity, of a new pod and of those there.

A term keeps its pod out of every topology domain (all nodes with one value of the label
`topologyKey`) that holds a pod which its selector matches. It holds both ways: a pod that is there
keeps new ones out, too. Of namespaces only names are known here, so a `namespaceSelector` that
asks for labels matches none. Semantics:
https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity.
"""

from dataclasses import dataclass, field

import msgspec

from kaito.api.core import Node, Pod
from kaito.api.meta import Wire
from kaito.api.selectors import LabelSelector, matches_labels

OWN = "node(s) didn't match pod anti-affinity rules"
THEIRS = "node(s) didn't satisfy existing pods anti-affinity rules"


class PodTerm(Wire):
    """Pods to keep away from, and how far."""

    topology_key: str = ""
    label_selector: LabelSelector | None = None
    """None matches no pod; an empty one all."""
    namespaces: tuple[str, ...] = ()
    namespace_selector: LabelSelector | None = None
    """Empty: every namespace. None, and no `namespaces`: the pod's own."""

    def matches(self, pod: Pod, home: str) -> bool:
        """Whether the term, of a pod in the namespace `home`, is about that pod."""
        if self.label_selector is None or not self._is_in(pod.metadata.namespace, home):
            return False
        return matches_labels(self.label_selector.terms, pod.metadata.labels)

    def _is_in(self, namespace: str, home: str) -> bool:
        if self.namespace_selector is not None and not self.namespace_selector.terms:
            return True
        is_own = not self.namespaces and self.namespace_selector is None
        return namespace == home if is_own else namespace in self.namespaces


class PodAntiAffinity(Wire):
    """What must not be near. What should not be is left to the load."""

    required_during_scheduling_ignored_during_execution: tuple[PodTerm, ...] = ()


Domain = tuple[str, str]
"""The key and the value of the label that its nodes have in common."""


@dataclass(slots=True)
class Neighbours:
    """Who is where, in one pass. Mutable, but never outlives the pass."""

    _placed: list[tuple[Pod, Node]] = field(default_factory=list)
    _kept_out: list[tuple[PodTerm, str, Domain]] = field(default_factory=list)
    """Of the pods that are there: their terms, with the namespace and the domain of each."""

    def add(self, pod: Pod, node: Node) -> None:
        """Note that the pod is on that node."""
        self._placed.append((pod, node))
        for term in _terms(pod):
            if (value := node.metadata.labels.get(term.topology_key)) is not None:
                domain = (term.topology_key, value)
                self._kept_out.append((term, pod.metadata.namespace, domain))

    def forbidden(self, pod: Pod) -> dict[Domain, str]:
        """The domains that the pod must keep out of, and why in Kubernetes' words."""
        found = {domain: THEIRS for term, home, domain in self._kept_out if term.matches(pod, home)}
        home = pod.metadata.namespace
        for term in _terms(pod):
            for other, node in self._placed:
                value = node.metadata.labels.get(term.topology_key)
                if value is not None and term.matches(other, home):
                    found[term.topology_key, value] = OWN
        return found


def tell_forbidden(node: Node, forbidden: dict[Domain, str]) -> tuple[str, ...]:
    """Why the node is none for the pod, once; empty where it lies in no forbidden domain."""
    held = node.metadata.labels
    reasons = {why for (key, value), why in forbidden.items() if held.get(key) == value}
    return tuple(sorted(reasons)[:1])


def _terms(pod: Pod) -> tuple[PodTerm, ...]:
    given = pod.spec.affinity.get("podAntiAffinity")
    if not given:
        return ()
    parsed = msgspec.convert(given, PodAntiAffinity)
    return parsed.required_during_scheduling_ignored_during_execution
