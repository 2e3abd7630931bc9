"""What a provisioner is to the controllers: three questions about values, no effects."""

from dataclasses import dataclass
from typing import Literal, Protocol

from kaito.api.core import Node
from kaito.api.meta import Manifest, Object
from kaito.api.nodeclaim import NodeClaim


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The nodes one object needs."""

    owner: Object
    count: int
    instance_type: str
    labels: tuple[tuple[str, str], ...]
    """Labels the nodes must carry, sorted."""
    memory_bytes: int
    """Main memory of one node that the owner will use."""
    storage_bytes: int
    """Disk of one node that the owner will use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """How far the nodes are. `reason` and `message` say what is missing, or why it failed."""

    state: Literal["ready", "claims pending", "nodes pending", "failed"]
    reason: str
    message: str
    nodes: tuple[str, ...] = ()
    """Names of the nodes that are usable now."""


class Provisioner(Protocol):
    """Makes nodes appear by means of objects."""

    def render_claims(self, wanted: Wanted) -> tuple[Manifest, ...]:
        """Every claim that should exist, under names that never change for the same owner."""
        ...

    def assess(
        self, wanted: Wanted, claims: tuple[NodeClaim, ...], nodes: tuple[Node, ...]
    ) -> Assessment:
        """What the claims have come to."""
        ...

    def surplus(self, wanted: Wanted, claims: tuple[NodeClaim, ...]) -> tuple[NodeClaim, ...]:
        """Claims of this owner that should go."""
        ...
