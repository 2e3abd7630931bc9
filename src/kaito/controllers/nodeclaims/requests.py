"""From a NodeClaim to the machine that is asked for. Pure."""

from kaito.api import labels
from kaito.api.nodeclaim import NodeClaim
from kaito.base.quantity import GIB, parse_bytes
from kaito.cloud.failure import CloudFailure, FailureKind
from kaito.cloud.port import MachineRequest
from kaito.controllers.nodeclaims.settings import NodeClaimSettings

_KUBELETS = ("kubernetes.io/", "k8s.io/")
"""Ends of label domains whose keys the node's own agent sets."""


def to_request(claim: NodeClaim, settings: NodeClaimSettings) -> MachineRequest:
    """What to ask the cloud for.

    Raises:
        CloudFailure: the claim does not say what machine it wants.
    """
    instance_type = claim.spec.instance_type
    if not instance_type:
        words = (
            f"NodeClaim {claim.metadata.name} does not require exactly one "
            f"{labels.INSTANCE_TYPE}; this provisioner does not choose among several"
        )
        raise CloudFailure(FailureKind.INVALID, words)
    return MachineRequest(
        name=claim.metadata.name,
        claim_uid=claim.metadata.uid,
        instance_type=instance_type,
        labels=node_labels(claim),
        taints=claim.spec.taints,
        disk_gib=_disk_gib(claim),
        image_family=claim.metadata.annotations.get(labels.NODE_IMAGE_FAMILY, ""),
        gpus=expected_gpus(claim, settings),
    )


def node_labels(claim: NodeClaim) -> dict[str, str]:
    """The labels that the node must carry: the claim's, and each requirement without a choice."""
    decided = {
        requirement.key: requirement.values[0]
        for requirement in claim.spec.requirements
        if requirement.operator == "In"
        and len(requirement.values) == 1
        and not _is_kubelets(requirement.key)
    }
    return {**decided, **claim.metadata.labels}


def expected_gpus(claim: NodeClaim, settings: NodeClaimSettings) -> int:
    """How many GPUs the machine has, by the claim's own word or by its type."""
    asked = claim.spec.resources.requests.get(labels.NVIDIA_GPU, 0)
    return parse_bytes(asked) or settings.gpus_of(claim.spec.instance_type)


def _disk_gib(claim: NodeClaim) -> int:
    asked = parse_bytes(claim.spec.resources.requests.get("storage", 0))
    return -(-asked // GIB)


def _is_kubelets(key: str) -> bool:
    domain, sign, _ = key.partition("/")
    return bool(sign) and f"{domain}/".endswith(_KUBELETS)
