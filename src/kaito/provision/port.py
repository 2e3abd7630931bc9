"""What a provisioner is to the controllers: questions about values, no effects."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from kaito.api.core import Node, Pod
from kaito.api.labels import NVIDIA_GPU
from kaito.api.meta import Manifest, Object
from kaito.api.nodeclaim import NodeClaim
from kaito.api.nodepool import NodePool
from kaito.api.resources import Resource


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
    gpus_per_node: int = 0
    """GPUs of one node that the owner will use; a node may have more."""
    gpu_resource: str = NVIDIA_GPU
    """The resource they are counted by; a MIG slice has one of its own."""
    node_class: str = ""
    """Name of the provider's NodeClass; empty: the provisioner's own default."""
    image_family: str = ""
    """Operating system image that the node should have; empty: the provider's default."""
    has_spare: bool = False
    """Whether one machine more is wanted while an update lasts; only counts where `count` is 1."""
    takes_turns: bool = True
    """Whether a second pod may have taken over from the first: then its machine is kept, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """How far the nodes are. `reason` and `message` say what is missing, or why it failed."""

    state: Literal["ready", "claims pending", "nodes pending", "failed"]
    reason: str
    message: str
    nodes: tuple[str, ...] = ()
    """Names of the nodes that are usable now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What was observed around one owner."""

    claims: tuple[NodeClaim, ...] = ()
    """Those that were made for it, by itself or by its pool."""
    pools: tuple[NodePool, ...] = ()
    """Those that were made for it."""
    nodes: tuple[Node, ...] = ()
    """Those that its selector matches, and those of its claims."""
    pods: tuple[Pod, ...] = ()
    """Everybody's pods on those nodes."""


@dataclass(frozen=True, slots=True)
class Made:
    """An object that stands for nodes: to be written, or one that is there."""

    resource: Resource[Any]
    manifest: Manifest
    """With `metadata.name`, and `metadata.uid` where it is there already."""

    @classmethod
    def of(cls, resource: Resource[Any], found: Object) -> "Made":
        """One that is there, by its identity."""
        meta = found.metadata
        return cls(resource, {"metadata": {"name": meta.name, "uid": meta.uid}})

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.manifest["metadata"]["name"])


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeClass:
    """The provider's settings that claims and pools refer to."""

    group: str
    kind: str
    name: str = "default"

    def reference(self, wanted: Wanted) -> Manifest:
        """How a claim or a pool names it; the owner may choose another of the kind."""
        return {
            "group": self.group,
            "kind": self.kind,
            "name": wanted.node_class or self.name,
        }


class NodeSource(Protocol):
    """Where nodes come from: five questions about values, no effects."""

    def render(self, wanted: Wanted, supply: Supply) -> tuple[Made, ...]:
        """Every object that should exist, under names that never change for the same owner."""
        ...

    def surplus(self, wanted: Wanted, supply: Supply) -> tuple[Made, ...]:
        """Objects of this owner that should go."""
        ...

    def belongings(self, supply: Supply) -> tuple[Made, ...]:
        """Everything that was made for the owner and has to go with it."""
        ...

    def assess(self, wanted: Wanted, supply: Supply) -> Assessment:
        """How far the nodes are, and the one thing that is waited for; a spare one is not."""
        ...

    def tell_spare(self, wanted: Wanted, supply: Supply) -> str | None:
        """How far the machine for an update is; empty: none is asked for, None: none can be."""
        ...
