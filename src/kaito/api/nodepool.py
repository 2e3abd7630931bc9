"""Karpenter's NodePool, as far as we write and read it: one pool of equal nodes for a Workspace.

Shape: https://karpenter.sh/docs/concepts/nodepools/. `spec.replicas` needs Karpenter's feature gate
StaticCapacity.
"""

from kaito.api import labels
from kaito.api.core import Taint
from kaito.api.meta import Condition, Object, Wire
from kaito.api.nodeclaim import NodeClassRef, NodeRequirement
from kaito.api.resources import Resource


class NodePoolTemplateSpec(Wire):
    """What every node of the pool is made of."""

    requirements: tuple[NodeRequirement, ...] = ()
    taints: tuple[Taint, ...] = ()
    node_class_ref: NodeClassRef = NodeClassRef()


class NodePoolTemplate(Wire):
    """The template of the pool's NodeClaims."""

    spec: NodePoolTemplateSpec = NodePoolTemplateSpec()


class NodePoolSpec(Wire):
    """How many nodes of which kind."""

    replicas: int = 0
    template: NodePoolTemplate = NodePoolTemplate()


class NodePoolStatus(Wire):
    """What Karpenter says of the pool."""

    conditions: tuple[Condition, ...] = ()


class NodePool(Object):
    """Nodes of one kind that Karpenter makes and keeps."""

    spec: NodePoolSpec = NodePoolSpec()
    status: NodePoolStatus = NodePoolStatus()


NODEPOOLS = Resource(
    group=labels.KARPENTER_GROUP,
    version="v1",
    plural="nodepools",
    kind="NodePool",
    type=NodePool,
    namespaced=False,
)
