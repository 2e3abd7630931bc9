"""The virtual Node that a claim becomes."""

from kaito.api import labels
from kaito.api.core import NODES
from kaito.api.meta import Manifest, owner_reference
from kaito.api.nodeclaim import NodeClaim
from kaito.base.quantity import GIB, MIB
from kaito.local.builtin.machines.observed import MachineFacts

_MOST_PODS = "110"
"""The kubelet's default."""


def provider_id(claim: NodeClaim, machine: MachineFacts) -> str:
    """Names the virtual machine to whoever compares nodes and claims."""
    return f"kaito-local://{machine.name}/{claim.metadata.name}"


def capacity(machine: MachineFacts, *, memory_bytes: int, gpus: int) -> dict[str, str]:
    """The machine's own CPUs and memory, and the instance type's devices as mere data."""
    devices = {labels.NVIDIA_GPU: str(gpus)} if gpus else {}
    # Rounded down: a machine must not offer more than it has.
    memory = f"{memory_bytes // MIB}Mi"
    return {"cpu": str(machine.cpus), "memory": memory, "pods": _MOST_PODS, **devices}


def render_node(claim: NodeClaim, machine: MachineFacts, gpus: int) -> Manifest:
    """The node, of the claim's own name.

    The claim's taints are left out: they keep other pods off expensive GPUs, and here is nothing to
    protect, while a pod that would fit nowhere else would wait for ever.
    """
    return {
        "apiVersion": NODES.api_version,
        "kind": NODES.kind,
        "metadata": {
            "name": claim.metadata.name,
            "labels": _labels(claim, machine),
            "annotations": dict(claim.metadata.annotations),
            "ownerReferences": [owner_reference(claim)],
        },
        "spec": {"providerID": provider_id(claim, machine)},
        "status": {
            "capacity": capacity(machine, memory_bytes=machine.memory_bytes, gpus=gpus),
            "allocatable": capacity(
                machine, memory_bytes=machine.allocatable_memory_bytes, gpus=gpus
            ),
        },
    }


def describe(claim: NodeClaim, machine: MachineFacts) -> str:
    """What the instance type really is: `X is emulated by this machine: 2 CPUs, 24 GiB, no GPU`."""
    name = claim.spec.instance_type or f"node {claim.metadata.name}"
    size = f"{machine.memory_bytes / GIB:.1f}".removesuffix(".0")
    cpus, gpus = _count(machine.cpus, "CPU"), _count(machine.gpus, "GPU")
    return f"{name} is emulated by this machine: {cpus}, {size} GiB, {gpus}"


def _labels(claim: NodeClaim, machine: MachineFacts) -> dict[str, str]:
    # Karpenter labels a node with every requirement that leaves no choice.
    decided = {
        requirement.key: requirement.values[0]
        for requirement in claim.spec.requirements
        if requirement.operator == "In" and len(requirement.values) == 1
    }
    return {
        **decided,
        **claim.metadata.labels,
        labels.HOSTNAME: claim.metadata.name,
        labels.OS: "linux",
        labels.ARCH: machine.arch,
        labels.MACHINE: machine.name,
        labels.EMULATED: "true",
    }


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'s' if number > 1 else ''}"
