"""Which way an operator gets nodes: the one place that knows them all.

| --node-provisioner | nodes come from |
|---|---|
| azure-gpu-provisioner | NodeClaims that we make, one a node, for whoever answers the node class |
| karpenter | one NodePool a Workspace, answered by Karpenter |
| byo | nodes that are there already |
"""

from dataclasses import dataclass, replace
from typing import Any

from kaito.api import labels
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.nodepool import NODEPOOLS
from kaito.api.resources import Resource
from kaito.app.operator.node_classes import FLAG, declare_classes
from kaito.app.operator.options import OperatorOptions
from kaito.base.errors import UsageError
from kaito.provision.claims import NodeClaims
from kaito.provision.existing import ExistingNodes
from kaito.provision.karpenter import KarpenterPools
from kaito.provision.node_classes import DeclaredClasses
from kaito.provision.port import Assessment, Made, NodeClass, NodeSource, Supply, Wanted

_CLAIMED = {
    "azure": NodeClass(group=labels.GROUP, kind="KaitoNodeClass"),
    "aws": NodeClass(group=labels.KARPENTER_AWS_GROUP, kind="EC2NodeClass"),
    "gcp": NodeClass(group=labels.GROUP, kind="KaitoNodeClass"),
}
"""Whose class answers NodeClaims that are made directly, by cloud (spec section 2.4)."""

_POOLED = {
    "azure": NodeClass(group=labels.KARPENTER_AZURE_GROUP, kind="AKSNodeClass"),
    "aws": NodeClass(group=labels.KARPENTER_AWS_GROUP, kind="EC2NodeClass"),
}
"""The class of each cloud's own Karpenter provider."""


_READS_FAMILY = ("azure-gpu-provisioner", "azure")
"""The way in which an image family of a node has a reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSupply:
    """Where nodes come from, and which kinds that needs to be watched."""

    source: NodeSource
    makes: tuple[Resource[Any], ...] = ()
    sweeps: tuple[Resource[Any], ...] = ()
    """Those of them that we make ourselves and have to give back, whatever happens."""
    classes: DeclaredClasses | None = None
    """Node classes to make before pools can refer to them."""


def choose_supply(options: OperatorOptions) -> NodeSupply:
    """The supply for these options.

    Raises:
        UsageError: this cloud has no such way.
    """
    if options.image_family and (options.provisioner, options.cloud) != _READS_FAMILY:
        raise UsageError(
            "--default-node-image-family is read by nobody with "
            f"--node-provisioner={options.provisioner} on CLOUD_PROVIDER={options.cloud}",
            hint="leave it out; the node class, or whoever made the nodes, says which image",
        )
    if options.provisioner == "karpenter":
        node_class = _pooled_class(options)
        declared = _declared(options, node_class)
        if declared is not None:
            node_class = replace(node_class, name=declared.default)
        return NodeSupply(
            source=KarpenterPools(node_class=node_class),
            makes=(NODECLAIMS, NODEPOOLS),
            sweeps=(NODEPOOLS,),
            classes=declared,
        )
    _refuse_unused(options)
    if options.provisioner == "byo":
        return NodeSupply(source=ExistingNodes())
    claimed = _CLAIMED.get(options.cloud)
    if claimed is None:
        raise UsageError(
            f"nobody answers NodeClaims on CLOUD_PROVIDER={options.cloud}",
            hint=f"use --node-provisioner=byo, or one of: {', '.join(_CLAIMED)}",
        )
    source: NodeSource = NodeClaims(node_class=claimed, has_image_family=options.cloud == "azure")
    if options.image_family:
        source = DefaultImage(source, options.image_family)
    return NodeSupply(source=source, makes=(NODECLAIMS,), sweeps=(NODECLAIMS,))


def _refuse_unused(options: OperatorOptions) -> None:
    """What only Karpenter's provisioner reads."""
    given = {
        FLAG: bool(options.node_classes),
        "--karpenter-node-class-group": bool(options.node_class_group),
        "--karpenter-node-class-kind": bool(options.node_class_kind),
    }
    for flag in (flag for flag, is_given in given.items() if is_given):
        raise UsageError(
            f"{flag} has no meaning with --node-provisioner={options.provisioner}",
            hint="leave it out, or use --node-provisioner=karpenter",
        )


def _declared(options: OperatorOptions, node_class: NodeClass) -> DeclaredClasses | None:
    return declare_classes(
        options.node_classes,
        node_class,
        version=options.node_class_version,
        resource_name=options.node_class_resource,
    )


def _pooled_class(options: OperatorOptions) -> NodeClass:
    usual = _POOLED.get(options.cloud)
    group = options.node_class_group or (usual.group if usual else "")
    kind = options.node_class_kind or (usual.kind if usual else "")
    if not group or not kind:
        raise UsageError(
            f"Karpenter's node class on CLOUD_PROVIDER={options.cloud} is not known",
            hint="name it with --karpenter-node-class-group and --karpenter-node-class-kind",
        )
    return NodeClass(group=group, kind=kind)


@dataclass(frozen=True, slots=True)
class DefaultImage:
    """Another source, with an operating system image for owners that ask for none."""

    source: NodeSource
    family: str

    def render(self, wanted: Wanted, supply: Supply) -> tuple[Made, ...]:
        """What the source renders."""
        return self.source.render(self._with_image(wanted), supply)

    def surplus(self, wanted: Wanted, supply: Supply) -> tuple[Made, ...]:
        """What the source has too many of."""
        return self.source.surplus(self._with_image(wanted), supply)

    def belongings(self, supply: Supply) -> tuple[Made, ...]:
        """What the source made."""
        return self.source.belongings(supply)

    def assess(self, wanted: Wanted, supply: Supply) -> Assessment:
        """How far the source's nodes are."""
        return self.source.assess(self._with_image(wanted), supply)

    def tell_spare(self, wanted: Wanted, supply: Supply) -> str | None:
        """How far the source's machine for an update is."""
        return self.source.tell_spare(self._with_image(wanted), supply)

    def _with_image(self, wanted: Wanted) -> Wanted:
        return wanted if wanted.image_family else replace(wanted, image_family=self.family)
