"""Nodes that are there already and match the workspace's selector. Nothing is made or deleted.

KAITO's bring-your-own mode (spec section 2.4), with each GPU counted: two workspaces on one node
are told apart by what is free, not by how many nodes match.
"""

from dataclasses import dataclass

from kaito.api.core import Node
from kaito.provision.port import Assessment, Made, Supply, Wanted
from kaito.provision.room import Room, choose, find_room, pressure_on

_NAMED = 3
"""Nodes whose problem is told; the rest is a number."""


@dataclass(frozen=True, slots=True)
class ExistingNodes:
    """Whatever matches and has room."""

    def render(self, wanted: Wanted, supply: Supply) -> tuple[Made, ...]:  # noqa: ARG002
        """Nothing is asked of anybody."""
        return ()

    def surplus(self, wanted: Wanted, supply: Supply) -> tuple[Made, ...]:  # noqa: ARG002
        """Nothing was made, so nothing is to go."""
        return ()

    def belongings(self, supply: Supply) -> tuple[Made, ...]:  # noqa: ARG002
        """Nothing that would outlive the workspace."""
        return ()

    def assess(self, wanted: Wanted, supply: Supply) -> Assessment:
        """Ready when enough matching nodes have room for one pod each."""
        rooms = find_room(wanted, supply)
        chosen = choose(wanted, rooms, supply.pods)
        names = tuple(sorted(room.name for room in chosen))
        if len(chosen) == wanted.count:
            return assess_ready(tuple(room.node for room in chosen))
        return Assessment(
            state="nodes pending", reason="NodeNotReady", message=_short(wanted, rooms), nodes=names
        )

    def tell_spare(self, wanted: Wanted, supply: Supply) -> str | None:  # noqa: ARG002
        """No machine can be had here that is not there."""
        return None


def assess_ready(nodes: tuple[Node, ...]) -> Assessment:
    """The nodes are there; pressure on them is worth a warning, as KAITO words it."""
    names = tuple(sorted(node.metadata.name for node in nodes))
    warning = pressure_on(nodes)
    message = f"nodes: {', '.join(names)}"
    if warning:
        message += f"; warning: worker node(s) under resource pressure: {warning}"
    return Assessment(state="ready", reason="NodesReady", message=message, nodes=names)


def _short(wanted: Wanted, rooms: tuple[Room, ...]) -> str:
    selector = ", ".join(f"{key}={value}" for key, value in wanted.labels)
    if not rooms:
        return (
            f"No nodes found matching the specified label selector {selector}; "
            f"label {wanted.count} of them: kubectl label node NODE {selector.replace(', ', ' ')}"
        )
    usable = sum(not room.problem for room in rooms)
    said = f"{usable} of {wanted.count} nodes that match {selector} can be used"
    problems = [f"{room.name} {room.problem}" for room in rooms if room.problem]
    rest = len(problems) - _NAMED
    told = "; ".join(problems[:_NAMED]) + (f"; and {rest} more" if rest > 0 else "")
    return f"{said}: {told}" if told else said
