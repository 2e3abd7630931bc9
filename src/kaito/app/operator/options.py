"""How to run an operator, as one checked value: from flags and from the environment.

Names and defaults are those of KAITO 0.12 (spec section 6.6), so that its chart values carry over.
A flag for something this release does not do is refused, never ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kaito.app.operator.gates import BYO, Gates, parse_gates
from kaito.app.webhook.options import Address, WebhookOptions
from kaito.base.errors import UsageError
from kaito.base.suggest import did_you_mean
from kaito.provision.node_classes import DeclaredClass

PROVISIONERS = ("azure-gpu-provisioner", "karpenter", "byo")
CLOUDS = ("azure", "aws", "gcp", "arc")
IMAGE_FAMILIES = ("ubuntu", "azurelinux")

UNBUILT_FLAGS = (
    ("default-model-mirror-storage-class", "ModelMirror controller"),
    ("default-streaming-service-account", "streaming of weights"),
    ("model-mirror-download-cpu", "ModelMirror controller"),
    ("model-mirror-download-memory", "ModelMirror controller"),
)
"""Flags of KAITO for what this release does not do yet, and what that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOptions:
    """Everything a person may decide about an operator."""

    gates: Gates = field(default_factory=lambda: parse_gates(""))
    metrics: Address | None = field(default_factory=lambda: Address("", 8080))
    probes: Address | None = field(default_factory=lambda: Address("", 8081))
    leader_elect: bool = True
    requests_per_second: float = 30.0
    burst: int = 50
    webhook: WebhookOptions | None = field(default_factory=WebhookOptions)
    """None: no webhook is served."""
    provisioner: str = "azure-gpu-provisioner"
    cloud: str = "azure"
    namespace: str = ""
    """The one namespace to look after; empty for all."""
    home: str = "kaito-workspace"
    """The namespace of the operator's own objects."""
    image_family: str = ""
    """Operating system image of nodes whose Workspace asks for none; empty: the provider's own."""
    node_class_group: str = ""
    node_class_kind: str = ""
    """Karpenter's node class; empty: the cloud's own."""
    node_class_version: str = ""
    node_class_resource: str = ""
    """The class's API version and plural; empty: the usual ones."""
    node_classes: tuple[DeclaredClass, ...] = ()
    """Node classes that the operator makes; none: somebody else does."""
    registry: str = ""
    """Where our images are pulled from; empty for their own registry."""
    cluster_name: str = ""
    give_back_seconds: float = 1800.0
    """How long some of several nodes are kept while others do not come; 0: for ever."""
    tuning_hosts: tuple[str, ...] = ()
    """Hosts that training data may come from although their addresses are private."""

    @property
    def lease_name(self) -> str:
        """Operators that look after different namespaces do not exclude each other."""
        return f"kaito-operator-{self.namespace}" if self.namespace else "kaito-operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the environment of the process says."""

    cloud: str
    home: str
    registry: str
    cluster_name: str
    webhook_service: str
    webhook_port: int


def parse_environment(environment: Mapping[str, str], *, home: str) -> Surroundings:
    """The variables that KAITO's chart sets. `home` is where the process itself runs.

    Raises:
        UsageError: a variable has a value that cannot be meant.
    """
    port = environment.get("WEBHOOK_PORT") or "9443"
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"WEBHOOK_PORT={port!r} is not a port", hint="9443 is usual")
    return Surroundings(
        cloud=_known("CLOUD_PROVIDER", environment.get("CLOUD_PROVIDER") or "azure", CLOUDS),
        home=environment.get("RELEASE_NAMESPACE") or home,
        registry=environment.get("PRESET_REGISTRY_NAME", "").rstrip("/"),
        cluster_name=environment.get("CLUSTER_NAME", ""),
        webhook_service=environment.get("WEBHOOK_SERVICE") or "kaito-workspace",
        webhook_port=int(port),
    )


def choose_provisioner_name(name: str, gates: Gates) -> str:
    """The provisioner that flag and gate agree on; the gate is KAITO's other name for `byo`."""
    chosen = _known("--node-provisioner", name, PROVISIONERS)
    if not gates.is_on(BYO):
        return chosen
    if chosen not in ("azure-gpu-provisioner", "byo"):
        raise UsageError(
            f"feature gate {BYO}=true contradicts --node-provisioner={chosen}",
            hint="leave one of them out",
        )
    return "byo"


def choose_image_family(name: str) -> str:
    """The node image family asked for; empty for none."""
    return _known("--default-node-image-family", name.lower(), IMAGE_FAMILIES) if name else ""


def refuse_unbuilt(given: Mapping[str, str]) -> None:
    """Refuse flags (by name, without dashes) of which this release has nothing to do.

    Raises:
        UsageError: one of them is set.
    """
    for flag, what in UNBUILT_FLAGS:
        if given.get(flag):
            raise UsageError(
                f"--{flag} is not available",
                hint=f"this release has no {what}; leave the flag out",
            )


def parse_hosts(text: str) -> tuple[str, ...]:
    """`host,host`, without ports."""
    return tuple(host.strip().lower() for host in text.split(",") if host.strip())


def parse_address(flag: str, text: str) -> Address | None:
    """`host:port`, `:port`, or `0` for nowhere."""
    if text == "0":
        return None
    host, sign, port = text.rpartition(":")
    if not sign or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--{flag}={text!r} is not an address", hint="write HOST:PORT, :PORT or 0")
    return Address(host.strip("[]"), int(port))


def _known(what: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        hint = did_you_mean(value, known) or f"one of: {', '.join(known)}"
        raise UsageError(f"{what}={value!r} is not known", hint=hint)
    return value
