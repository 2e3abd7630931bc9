"""How to run an operator, as one checked value: from flags and from the environment.

Names and defaults are those of KAITO 0.12 (spec section 6.6), so that its chart values carry over.
A gate for something this release does not do is refused, never ignored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from math import isfinite

from kaito.api.validation.names import DNS_LABEL
from kaito.app.operator.gates import BYO, Gates, parse_gates
from kaito.app.webhook.options import Address, WebhookOptions
from kaito.base.errors import UsageError
from kaito.base.quantity import parse_quantity
from kaito.base.suggest import did_you_mean
from kaito.provision.node_classes import DeclaredClass

PROVISIONERS = ("azure-gpu-provisioner", "karpenter", "byo")
CLOUDS = ("azure", "aws", "gcp", "arc")
IMAGE_FAMILIES = ("ubuntu", "azurelinux")
_HOST = re.compile("[a-z0-9_]([-a-z0-9_.]*[a-z0-9_])?")
"""A name, or an IPv4 address; names of machines have underscores here and there."""
_YEAR = 366 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorOptions:
    """What ModelMirrors are given that say nothing themselves."""

    storage_class: str = ""
    """Of their volumes; empty: each has to name one."""
    cpu: str = "500m"
    """What a download asks for, as in the next."""
    memory: str = "1Gi"
    bucket_account: str = ""
    """ServiceAccount of pods that read or write a bucket without a Secret."""


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
    mirrors: MirrorOptions = field(default_factory=MirrorOptions)

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


def choose_mirror_options(given: Mapping[str, str]) -> MirrorOptions:
    """KAITO's flags about mirrors, by name without dashes; an empty one is left at its default.

    Raises:
        UsageError: an amount is none.
    """
    usual = MirrorOptions()
    return MirrorOptions(
        storage_class=given.get("default_model_mirror_storage_class", ""),
        cpu=_amount(given, "model_mirror_download_cpu", usual.cpu),
        memory=_amount(given, "model_mirror_download_memory", usual.memory),
        bucket_account=given.get("default_streaming_service_account", ""),
    )


def _amount(given: Mapping[str, str], name: str, usual: str) -> str:
    text = given.get(name) or usual
    try:
        is_some = parse_quantity(text) > 0
    except ValueError:
        is_some = False
    if not is_some:
        flag = name.replace("_", "-")
        raise UsageError(f"--{flag}={text!r} is no amount", hint=f"write one such as {usual}")
    return text


def parse_hosts(text: str) -> tuple[str, ...]:
    """`host,host`, without ports.

    Raises:
        UsageError: one of them is no host.
    """
    hosts = tuple(host.strip().lower() for host in text.split(",") if host.strip())
    for host in hosts:
        if not (_HOST.fullmatch(host) or _is_address(host)):
            raise UsageError(
                f"--tuning-allow-hosts: {host!r} is not a host",
                hint="write names or addresses alone, such as data.example.com",
            )
    return hosts


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def check_rate(per_second: float) -> float:
    """--kube-client-qps; `UsageError` where it is no rate."""
    if not (per_second > 0 and isfinite(per_second)):
        raise UsageError(f"--kube-client-qps={per_second} is not a rate", hint="30 is usual")
    return per_second


def check_burst(at_once: int) -> int:
    """--kube-client-burst; `UsageError` where nothing could ever be sent."""
    if at_once < 1:
        raise UsageError(f"--kube-client-burst={at_once} lets nothing pass", hint="50 is usual")
    return at_once


def check_patience(seconds: float) -> float:
    """--give-back-incomplete-nodes-after; `UsageError` where it is no time."""
    if not 0 <= seconds <= _YEAR:
        raise UsageError(
            f"--give-back-incomplete-nodes-after={seconds} is not a time of up to a year",
            hint="write seconds; 0 keeps such nodes for ever",
        )
    return seconds


def check_namespace(name: str) -> str:
    """--namespace; `UsageError` where no namespace can have that name. Empty: all of them."""
    if name and not re.fullmatch(DNS_LABEL, name):
        raise UsageError(
            f"--namespace={name!r} is no name of a namespace", hint="see: kubectl get namespaces"
        )
    return name


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
