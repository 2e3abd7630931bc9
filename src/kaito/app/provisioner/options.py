"""How to run a node provisioner, as one checked value."""

from dataclasses import dataclass, field

from kaito.api import labels
from kaito.app.webhook.options import Address
from kaito.base.errors import UsageError
from kaito.provision.port import NodeClass

NODE_CLASSES = {
    "azure": NodeClass(group=labels.GROUP, kind="KaitoNodeClass"),
    "aws": NodeClass(group=labels.KARPENTER_AWS_GROUP, kind="EC2NodeClass"),
    "gcp": NodeClass(group=labels.GROUP, kind="KaitoNodeClass"),
}
"""The class of claims that the operator makes on each cloud (spec section 2.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionerOptions:
    """Everything a person may decide about a provisioner but the cloud's own settings."""

    cloud: str
    class_group: str
    class_kind: str
    metrics: Address | None = field(default_factory=lambda: Address("", 8080))
    probes: Address | None = field(default_factory=lambda: Address("", 8081))
    leader_elect: bool = True
    lease_namespace: str = "kube-system"
    """One for the whole cluster, as classes are: installed twice, they must meet at one Lease."""

    @property
    def lease_name(self) -> str:
        """Who holds it answers the class; a second provisioner of ours stands by."""
        return f"kaito-provisioner-{self.class_kind.lower()}.{self.class_group}"


def choose_class(cloud: str, group: str, kind: str) -> tuple[str, str]:
    """Group and kind of the claims to answer; the cloud's usual ones where nothing is given.

    Raises:
        UsageError: only one of them is given.
    """
    if bool(group) != bool(kind):
        raise UsageError(
            "--node-class-group and --node-class-kind go together",
            hint="give both, or none for the class that the operator asks for",
        )
    usual = NODE_CLASSES[cloud]
    return (group or usual.group, kind or usual.kind)
