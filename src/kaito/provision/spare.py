"""One machine more while an update needs room: two places, and which of them has a machine. Pure.

Who runs on one node has places 0 and 1, each with an object under a name of its own. Place 0 has
the machine. An update that finds no room fills the other; when it is over the first pod is where
it was, with its weights, and place 1 is given back. Should the first pod have ended up on place 1,
it stays there and place 0 goes: nothing is ended that answers.

A pod comes and goes, and its machine with the weights must outlast that. So where only one place
has a machine, that is the one in use, whether the pod is there or not; the pod is asked only where
both have one, and until it has been bound neither goes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from kaito.api import labels
from kaito.api.core import Pod
from kaito.provision.port import Supply, Wanted

SPARE = 1
"""The place that is usually empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What there is at the two places."""

    needed: int
    """How many machines to have without an update, were none at place 1."""
    has_home: bool
    """Whether place 0 has an object, and not one that is going."""
    home_nodes: frozenset[str]
    """Names of the nodes at place 0."""
    has_spare: bool
    """Whether place 1 has an object, and not one that is going."""
    spare_nodes: frozenset[str]
    """Names of the nodes at place 1."""

    @property
    def is_spare_alone(self) -> bool:
        """Whether all there is, or all there is a machine of, is at place 1."""
        return not self.has_home or bool(self.spare_nodes and not self.home_nodes)


def choose_places(wanted: Wanted, needed: int, *, has_moved: bool) -> tuple[int, ...]:
    """Places that should have a machine. `needed`: how many without an update."""
    if wanted.count != 1:
        return tuple(range(needed))
    if not wanted.has_spare:
        return (SPARE,) if has_moved else tuple(range(needed))
    return (0, SPARE) if has_moved else (*range(needed), SPARE)


def has_moved(wanted: Wanted, supply: Supply, places: Places) -> bool:
    """Whether the workspace lives on place 1."""
    if wanted.count != 1 or not places.has_spare:
        return False
    first = _find_first(wanted, supply)
    if first is None:
        # The second pod answers there, and the first needs a machine beside it.
        is_taken = is_occupied(wanted, supply, places.spare_nodes)
        is_free = places.is_spare_alone and not is_taken
        return is_free and (places.needed > 0 or not wanted.has_spare)
    if first.spec.node_name not in places.spare_nodes:
        return False
    return places.is_spare_alone or not first.metadata.is_deleting


def is_in_use(wanted: Wanted, supply: Supply, nodes: Iterable[str], *, is_spare: bool) -> bool:
    """Whether a place with these nodes must not go now. `is_spare`: whether it is place 1."""
    if wanted.count != 1:
        return False
    names = set(nodes) - {""}
    if is_spare and wanted.takes_turns and names and _find_first(wanted, supply) is None:
        return True
    return is_occupied(wanted, supply, names)


def is_occupied(wanted: Wanted, supply: Supply, nodes: Iterable[str]) -> bool:
    """Whether a pod of the workspace is on one of the nodes, also one that is ending."""
    names = set(nodes)
    return any(pod.spec.node_name in names for pod in _own_pods(wanted, supply))


def _find_first(wanted: Wanted, supply: Supply) -> Pod | None:
    """The first pod, where it is bound; also one that is ending."""
    name = f"{wanted.owner.metadata.name}-0"
    return next((p for p in _own_pods(wanted, supply) if p.metadata.name == name), None)


def _own_pods(wanted: Wanted, supply: Supply) -> Iterable[Pod]:
    owner = wanted.owner.metadata
    return (
        pod
        for pod in supply.pods
        if pod.spec.node_name
        and not pod.is_finished
        and pod.metadata.namespace == owner.namespace
        and pod.metadata.labels.get(labels.WORKSPACE) == owner.name
    )
