"""One machine more while an update needs room: two places, and which of them has a machine. Pure.

Who runs on one node has places 0 and 1, each with an object under a name of its own. Place 0 has
the machine. An update that finds no room fills the other; when it is over the first pod is where
it was, with its weights, and place 1 is given back. Should the first pod have ended up on place 1,
it stays there and place 0 goes: nothing is ended that answers.
"""

from collections.abc import Iterable

from kaito.api import labels
from kaito.api.core import Pod
from kaito.provision.port import Supply, Wanted

SPARE = 1
"""The place that is usually empty."""


def choose_places(wanted: Wanted, needed: int, *, has_moved: bool) -> tuple[int, ...]:
    """Places that should have a machine. `needed`: how many without an update."""
    if wanted.count != 1:
        return tuple(range(needed))
    if not wanted.has_spare:
        return (SPARE,) if has_moved else tuple(range(needed))
    return (0, SPARE) if has_moved else (*range(needed), SPARE)


def is_home(wanted: Wanted, supply: Supply, nodes: Iterable[str]) -> bool:
    """Whether the first pod is on one of the nodes, and stays."""
    first = f"{wanted.owner.metadata.name}-0"
    return any(
        pod.metadata.name == first and not pod.metadata.is_deleting
        for pod in _own_pods(wanted, supply, nodes)
    )


def is_occupied(wanted: Wanted, supply: Supply, nodes: Iterable[str]) -> bool:
    """Whether a pod of the workspace is on one of the nodes, also one that is ending."""
    return any(True for _ in _own_pods(wanted, supply, nodes))


def _own_pods(wanted: Wanted, supply: Supply, nodes: Iterable[str]) -> Iterable[Pod]:
    names, owner = set(nodes) - {""}, wanted.owner.metadata
    return (
        pod
        for pod in supply.pods
        if pod.spec.node_name in names
        and not pod.is_finished
        and pod.metadata.namespace == owner.namespace
        and pod.metadata.labels.get(labels.WORKSPACE) == owner.name
    )
