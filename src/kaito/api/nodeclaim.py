"""`karpenter.sh/v1` NodeClaim: one machine that somebody asks for, as far as we read it.

The kind is the contract between who needs nodes and who provides them: Karpenter in a cluster, the
embedded plane's own provisioner on one machine. Field names and condition types are those of
https://karpenter.sh/docs/concepts/nodeclaims/.
"""

from msgspec import field

from kaito.api import labels
from kaito.api.core import ResourceRequirements, Taint
from kaito.api.meta import Condition, Object, Wire
from kaito.api.resources import Resource

LAUNCHED = "Launched"
REGISTERED = "Registered"
INITIALIZED = "Initialized"
READY = "Ready"
CONDITIONS = (LAUNCHED, REGISTERED, INITIALIZED, READY)
"""The condition types that lead to a usable node, in the order they come true."""

INSUFFICIENT_CAPACITY = "InsufficientCapacity"
"""Reason of Launched=False when the provider has no such machine to give now."""

TERMINATION_FINALIZER = f"{labels.KARPENTER_GROUP}/termination"
"""Holds a claim, and a node, until what runs there is gone."""


class NodeRequirement(Wire):
    """One label that the node must have: `key` `operator` `values`."""

    key: str
    operator: str = "In"
    values: tuple[str, ...] = ()


class NodeClassRef(Wire):
    """The provider's own settings for the machine."""

    group: str = ""
    kind: str = ""
    name: str = ""


class NodeClaimSpec(Wire):
    """What is wanted of the machine."""

    requirements: tuple[NodeRequirement, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    taints: tuple[Taint, ...] = ()
    node_class_ref: NodeClassRef = NodeClassRef()

    @property
    def instance_type(self) -> str:
        """The one instance type asked for; empty when none or several will do."""
        asked = {
            value
            for requirement in self.requirements
            if requirement.key == labels.INSTANCE_TYPE and requirement.operator == "In"
            for value in requirement.values
        }
        return asked.pop() if len(asked) == 1 else ""


class NodeClaimStatus(Wire):
    """What was provided."""

    node_name: str = ""
    provider_id: str = field(default="", name="providerID")
    image_id: str = field(default="", name="imageID")
    capacity: dict[str, str] = {}
    allocatable: dict[str, str] = {}
    conditions: tuple[Condition, ...] = ()


class NodeClaim(Object):
    """One machine asked for, and the node it became."""

    spec: NodeClaimSpec = NodeClaimSpec()
    status: NodeClaimStatus = NodeClaimStatus()

    def condition(self, type_: str) -> Condition | None:
        """The condition of that type, if it was ever reported."""
        return next((c for c in self.status.conditions if c.type == type_), None)

    @property
    def is_ready(self) -> bool:
        """Whether the node is there and usable."""
        found = self.condition(READY)
        return found is not None and found.is_true


NODECLAIMS = Resource(
    group=labels.KARPENTER_GROUP,
    version="v1",
    plural="nodeclaims",
    kind="NodeClaim",
    type=NodeClaim,
    namespaced=False,
)
