"""The machine that is offered to the planner: the instance type asked for, or the nodes at hand.

Existing nodes are known by the labels that NVIDIA's feature discovery puts on them. They have to be
alike, for one plan stands for all of them (spec section 2.3).
"""

from dataclasses import replace

from kaito.api.core import Node
from kaito.api.workspace import GpuPartition
from kaito.base.quantity import GIB
from kaito.catalog import node_labels
from kaito.catalog.accelerator import MigProfile
from kaito.catalog.instance_type import InstanceType
from kaito.catalog.instances import check_instance_type, find_instance_type
from kaito.controllers.workspace.observed import Observed
from kaito.planner.plan import Refusal
from kaito.render import placement

_TRAITS = (
    ("product", node_labels.PRODUCT),
    ("count", node_labels.COUNT),
    ("memory", node_labels.MEMORY),
)


def choose_machine(observed: Observed) -> InstanceType | Refusal:
    """The kind of machine that the workspace's pods will run on, or why that is not known."""
    resource = observed.workspace.resource
    name = resource.instance_type if resource else ""
    if name:
        known = find_instance_type(name)
        return known or Refusal("UnknownInstanceType", f"{name}: {check_instance_type(name)}")
    found = _of_nodes(observed)
    if isinstance(found, Refusal) or resource is None or resource.partition is None:
        return found
    return _part_of(found, resource.partition)


def slice_resource(observed: Observed) -> str:
    """The resource of the slice that the workspace names; empty where it takes whole GPUs."""
    resource = observed.workspace.resource
    part = resource.partition if resource else None
    if part is None or part.mode != "mig":
        return ""
    return MigProfile(part.profile).resource


def _of_nodes(observed: Observed) -> InstanceType | Refusal:
    """What the ready nodes that match are, when they are all the same."""
    nodes = sorted(
        (n for n in observed.matching if n.is_ready and not n.metadata.is_deleting),
        key=lambda node: node.metadata.name,
    )
    if not nodes:
        wanted = ",".join(f"{k}={v}" for k, v in placement.node_labels(observed.workspace))
        return Refusal(
            "NodeNotReady",
            f"no ready node matches {wanted or 'the label selector'} yet; label one: "
            f"kubectl label node NODE {wanted.replace(',', ' ')}",
        )
    if different := _difference(nodes):
        return different
    try:
        return node_labels.from_node_labels(nodes[0].metadata.labels)
    except ValueError as error:
        return Refusal("UnknownNodes", f"node {nodes[0].metadata.name}: {error}")


def _difference(nodes: list[Node]) -> Refusal | None:
    first = nodes[0].metadata
    for node in nodes[1:]:
        for what, label in _TRAITS:
            one, other = first.labels.get(label, "none"), node.metadata.labels.get(label, "none")
            if one != other:
                return Refusal(
                    "NonUniformNodes",
                    f"Non-uniform GPU {what}: {first.name} has {one}, {node.metadata.name} has "
                    f"{other}; narrow resource.labelSelector to nodes of one kind",
                )
    return None


def _part_of(whole: InstanceType, part: GpuPartition) -> InstanceType | Refusal:
    """The share of a node's GPUs that the workspace may have."""
    if part.mode == "mig":
        return _slice_of(whole, part.profile)
    count = part.count or 1
    if count > whole.gpus:
        return Refusal(
            "PartitionNotOffered",
            f"resource.partition.count is {count} and the nodes have {whole.gpus} GPUs each",
        )
    return replace(whole, gpus=count, vcpus=whole.vcpus * count // max(whole.gpus, 1), mig=())


def _slice_of(whole: InstanceType, profile: str) -> InstanceType | Refusal:
    found = next((slices for slices in whole.mig if slices.profile.name == profile), None)
    if found is None:
        offered = ", ".join(slices.profile.name for slices in whole.mig) or "no MIG slice"
        return Refusal(
            "PartitionNotOffered",
            f"resource.partition.profile is {profile} and the nodes offer {offered}",
        )
    gpu = whole.accelerator
    cut = replace(
        gpu,
        memory_bytes=found.memory_bytes,
        nominal_gib=found.profile.memory_bytes // GIB,
        bandwidth_gb=gpu.bandwidth_gb * found.memory_bytes // max(gpu.memory_bytes, 1),
    )
    return replace(whole, gpus=1, has_nvlink=False, accelerator=cut, mig=())
