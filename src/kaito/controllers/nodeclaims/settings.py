"""What the provisioner is told about its claims and its patience."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from kaito.api.nodeclaim import NodeClaim
from kaito.catalog.instances import gpus_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeClaimSettings:
    """One node class and how long things may take."""

    class_group: str
    class_kind: str
    drain: timedelta = timedelta(minutes=5)
    """How long the pods of a machine that goes away are waited for."""
    registration: timedelta = timedelta(minutes=15)
    """From a launched machine to its Node; Karpenter's figure."""
    vanishing: timedelta = timedelta(seconds=30)
    """How long a machine must be missing to count as gone: the cloud's lists may lag."""
    orphan_age: timedelta = timedelta(minutes=5)
    """Age from which a machine without a claim is ended."""
    gpus_of: Callable[[str], int] = gpus_of
    """How many GPUs a machine of a type has; 0 for none and for unknown ones."""

    def is_ours(self, claim: NodeClaim) -> bool:
        """Whether the claim is for this provisioner."""
        ref = claim.spec.node_class_ref
        return (ref.group, ref.kind) == (self.class_group, self.class_kind)
