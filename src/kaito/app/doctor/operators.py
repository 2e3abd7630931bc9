"""Which operator a cluster has: its Deployment, how it is set up, and who holds its Lease. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from kaito.api.core import Lease
from kaito.app.doctor.objects import Deployment, Program
from kaito.app.operator.gates import parse_gates
from kaito.app.operator.node_classes import parse_node_classes
from kaito.app.operator.options import (
    CLOUDS,
    OperatorOptions,
    choose_provisioner_name,
    parse_hosts,
)
from kaito.base.errors import KaitoError

LEASE = "kaito-operator"
_WORD = "operator"
_FLAGS = (
    "node-provisioner",
    "feature-gates",
    "namespace",
    "default-node-image-family",
    "karpenter-node-class-group",
    "karpenter-node-class-kind",
    "karpenter-node-classes",
    "tuning-allow-hosts",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An operator's Deployment."""

    deployment: Deployment
    image: str
    is_original: bool
    """Whether it is the original KAITO's and not ours."""
    options: OperatorOptions | None
    """As far as a plan depends on them; None where they cannot be read."""
    problem: str = ""
    """What is wrong with its flags."""

    @property
    def name(self) -> str:
        """`namespace/name`."""
        return str(self.deployment.key)

    @property
    def namespace(self) -> str:
        """The one namespace it looks after; empty: all of them, as far as can be told."""
        return self.options.namespace if self.options else ""

    def looks_after(self, namespace: str) -> bool:
        """Whether Workspaces of the namespace are its business."""
        return self.namespace in ("", namespace)

    @property
    def is_ready(self) -> bool:
        """Whether at least one replica is."""
        return self.deployment.status.ready_replicas > 0


def find_operators(deployments: tuple[Deployment, ...]) -> tuple[Installed, ...]:
    """Every Deployment that runs an operator of ours, or the original one."""
    found = []
    for deployment in deployments:
        for program in deployment.spec.template.spec.containers:
            if _is_ours(program) or _is_original(program):
                found.append(_installed(deployment, program))
                break
    return tuple(found)


def sharing(operators: tuple[Installed, ...]) -> tuple[Installed, ...]:
    """Those that look after a namespace that another one looks after, too."""
    spaces = [each.namespace for each in operators]
    has_all = "" in spaces and len(spaces) > 1
    return tuple(each for each in operators if has_all or spaces.count(each.namespace) > 1)


def find_answerers(deployments: tuple[Deployment, ...]) -> tuple[Deployment, ...]:
    """Deployments that make machines of NodeClaims: Karpenter, a gpu-provisioner, ours."""
    return tuple(d for d in deployments if any(map(_answers, d.spec.template.spec.containers)))


def freshest(leases: tuple[Lease, ...], now: datetime) -> tuple[Lease, float] | None:
    """The operator's Lease renewed last and its age in seconds; None where nobody holds one."""
    held = [
        (lease, (now - lease.spec.renew_time).total_seconds())
        for lease in leases
        if _is_operators(lease) and lease.spec.holder_identity and lease.spec.renew_time
    ]
    return min(held, key=lambda each: each[1], default=None)


def _is_operators(lease: Lease) -> bool:
    name = lease.metadata.name
    return name == LEASE or name.startswith(f"{LEASE}-")


def _is_ours(program: Program) -> bool:
    image = program.image.rpartition("/")[2]
    return "kaito" in program.image and (_WORD in program.words or _WORD in image)


def _is_original(program: Program) -> bool:
    """`.../kaito/workspace:0.12.1`."""
    parts = program.image.split("/")
    return "kaito" in program.image and parts[-1].partition(":")[0] == "workspace"


def _answers(program: Program) -> bool:
    image = program.image.lower()
    is_ours = "kaito" in image and "provisioner" in program.words
    return is_ours or "karpenter" in image or "gpu-provisioner" in image


def _installed(deployment: Deployment, program: Program) -> Installed:
    is_original = not _is_ours(program)
    try:
        options, problem = _options(program), ""
    except KaitoError as error:
        options, problem = None, str(error)
    return Installed(
        deployment=deployment,
        image=program.image,
        is_original=is_original,
        options=options,
        # The original's flags are its own business.
        problem="" if is_original else problem,
    )


def _options(program: Program) -> OperatorOptions:
    said = _parse_flags(program.words)
    gates = parse_gates(said.get("feature-gates", ""))
    environment = {entry.name: entry.value for entry in program.env}
    cloud = environment.get("CLOUD_PROVIDER") or OperatorOptions().cloud
    base = OperatorOptions(gates=gates, cloud=cloud if cloud in CLOUDS else "")
    name = choose_provisioner_name(said.get("node-provisioner") or base.provisioner, gates)
    return replace(
        base,
        provisioner=name,
        namespace=said.get("namespace", ""),
        image_family=said.get("default-node-image-family", ""),
        node_class_group=said.get("karpenter-node-class-group", ""),
        node_class_kind=said.get("karpenter-node-class-kind", ""),
        node_classes=parse_node_classes(said.get("karpenter-node-classes", "")),
        tuning_hosts=parse_hosts(said.get("tuning-allow-hosts", "")),
    )


def _parse_flags(words: tuple[str, ...]) -> dict[str, str]:
    """The flags that matter here, written `--name=value` or `--name value`."""
    said: dict[str, str] = {}
    for word, after in zip(words, (*words, "")[1:], strict=True):
        name, sign, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and name in _FLAGS:
            said[name] = value if sign else after
    return said
