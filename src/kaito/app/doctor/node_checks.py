"""Where GPUs come from: Karpenter's kinds, the nodes that are there, and their disks. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping

from kaito.api import labels
from kaito.api.core import Node
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.nodepool import NODEPOOLS
from kaito.app.doctor.cluster_facts import ClusterFacts
from kaito.app.doctor.finding import Finding, Unseen, missing, ok, unknown, warning
from kaito.app.doctor.objects import Crd
from kaito.app.doctor.operators import find_answerers
from kaito.app.operator.options import OperatorOptions
from kaito.app.operator.provisioners import DefaultImage, choose_supply
from kaito.base.errors import KaitoError
from kaito.base.quantity import parse_quantity
from kaito.catalog.node_labels import COUNT, MEMORY, PRODUCT
from kaito.provision.claims import NodeClaims
from kaito.provision.karpenter import KarpenterPools
from kaito.provision.port import NodeClass
from kaito.render.settings import RenderSettings

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_NVME_CLASS = RenderSettings(serving_image="").nvme_storage_class
_CLOUD_OF = {"azure": "azure", "aws": "aws", "gce": "gcp"}
"""By the scheme of a node's providerID."""
_PLUGIN = "install NVIDIA's device plugin or GPU operator"
_DISCOVERY = "install NVIDIA's GPU feature discovery, or label the node by hand"


def cloud_of(facts: ClusterFacts, options: OperatorOptions | None) -> str:
    """The cloud that nodes come from: the nodes' own word before the operator's; else empty."""
    nodes = () if isinstance(facts.nodes, Unseen) else facts.nodes
    schemes = (node.spec.provider_id.partition("://")[0] for node in nodes)
    clouds = Counter(_CLOUD_OF[scheme] for scheme in schemes if scheme in _CLOUD_OF)
    if clouds:
        return clouds.most_common(1)[0][0]
    return options.cloud if options and options.provisioner != "byo" else ""


def check_supply(facts: ClusterFacts, options: OperatorOptions | None) -> Iterator[Finding]:
    """Whether nodes can be asked for, by the way that the operator is set to."""
    way = options.provisioner if options else ""
    if way == "byo":
        yield ok("supply", "the operator uses nodes that are there (byo)")
        return
    claims = facts.definitions.get(str(NODECLAIMS))
    if isinstance(claims, Unseen):
        yield unknown("supply", claims.why)
        return
    if claims is None:
        yield _no_claims(way)
        return
    if way == "karpenter":
        yield _check_pools(facts.definitions.get(str(NODEPOOLS)))
    yield _check_answerers(facts)
    yield from _check_node_class(facts, options)


def _no_claims(way: str) -> Finding:
    what = f"no CRD {NODECLAIMS}: nodes cannot be asked for"
    if way:
        then = f"install the provisioner of your cloud, or set --node-provisioner=byo ({way} now)"
        return missing("supply", what, then)
    return warning("supply", f"{what}, only those that are there can be used", "")


def _check_pools(found: Crd | Unseen | None) -> Finding:
    if isinstance(found, Unseen):
        return unknown("node pools", found.why)
    if found is None:
        return missing("node pools", f"no CRD {NODEPOOLS}", "install Karpenter")
    version = next((v for v in found.spec.versions if v.name == NODEPOOLS.version), None)
    spec = ((version.structure.get("properties") or {}) if version else {}).get("spec") or {}
    if "replicas" not in (spec.get("properties") or {}):
        what = f"CRD {NODEPOOLS} has no spec.replicas: this Karpenter makes no pools of fixed size"
        return missing("node pools", what, "upgrade Karpenter to 1.8 with StaticCapacity=true")
    return ok("node pools", "of fixed size; Karpenter needs its gate StaticCapacity=true")


def _check_node_class(facts: ClusterFacts, options: OperatorOptions | None) -> Iterator[Finding]:
    """Whether what pools and claims refer to is there; KAITO's own class needs no object."""
    wanted = _node_class(options) if options else None
    if wanted is None or wanted.group == labels.GROUP:
        return
    definition = f"{wanted.kind.lower()}es.{wanted.group}"
    if definition not in facts.definitions:
        return
    crd, found = facts.definitions[definition], facts.node_classes.get(definition, ())
    if isinstance(crd, Unseen) or isinstance(found, Unseen):
        why = crd.why if isinstance(crd, Unseen) else found.why if isinstance(found, Unseen) else ""
        yield unknown("node class", why)
    elif crd is None:
        then = "install Karpenter's provider for this cloud"
        yield missing("node class", f"no CRD {definition}", then)
    elif not found:
        then = f"kubectl explain {wanted.kind.lower()}.spec"
        yield missing("node class", f"no {wanted.kind} is there; make {wanted.name!r}", then)
    elif wanted.name not in found:
        what = f"no {wanted.kind} {wanted.name!r}; there are {', '.join(found)}"
        yield warning("node class", what, f"annotate Workspaces with {labels.NODE_CLASS_NAME}")
    else:
        yield ok("node class", f"{wanted.kind} {wanted.name}")


def _node_class(options: OperatorOptions) -> NodeClass | None:
    """What the operator's nodes refer to; None where it makes none."""
    try:
        source = choose_supply(options).source
    except KaitoError:
        return None
    if isinstance(source, DefaultImage):
        source = source.source
    return source.node_class if isinstance(source, KarpenterPools | NodeClaims) else None


def _check_answerers(facts: ClusterFacts) -> Finding:
    if isinstance(facts.deployments, Unseen):
        return unknown(
            "supply", f"NodeClaims are served; who answers them: {facts.deployments.why}"
        )
    found = find_answerers(facts.deployments)
    if not found:
        what = "NodeClaims are served, but no Deployment answers them; some clouds run it outside"
        return warning("supply", what, "kubectl get deployments -A")
    names = ", ".join(str(each.key) for each in found)
    if not any(each.status.ready_replicas for each in found):
        what = f"NodeClaims are answered by {names}, of which no replica is ready"
        first = found[0].key
        then = f"kubectl describe deployment -n {first.namespace} {first.name}"
        return missing("supply", what, then)
    return ok("supply", f"NodeClaims are answered by {names}")


def check_nodes(facts: ClusterFacts) -> Iterator[Finding]:
    """GPUs that are there, and what keeps them from being used."""
    if isinstance(facts.nodes, Unseen):
        yield unknown("nodes", facts.nodes.why)
        return
    nodes = sorted(facts.nodes, key=lambda node: node.metadata.name)
    offering = [node for node in nodes if gpus_on(node)]
    ready = sum(node.is_ready for node in nodes)
    yield ok("nodes", f"{ready} of {len(nodes)} ready, {len(offering)} with GPUs")
    yield from (ok("gpus", line) for line in _kinds(offering))
    silent = [n for n in nodes if _is_labelled(n.metadata.labels) and not gpus_on(n)]
    if silent:
        what = f"{_listed(silent)}: labelled as GPU nodes, but offer no {labels.NVIDIA_GPU}"
        yield warning("device plugin", what, _PLUGIN)
    bare = [node for node in offering if not _is_described(node.metadata.labels)]
    if bare:
        what = f"{_listed(bare)}: the GPUs are not described by labels"
        yield warning("discovery", what, _DISCOVERY)


def gpus_on(node: Node) -> int:
    """Whole GPUs that a node offers."""
    try:
        return int(parse_quantity(node.status.allocatable.get(labels.NVIDIA_GPU, "0")))
    except ValueError:
        return 0


def _kinds(nodes: list[Node]) -> Iterator[str]:
    """One line for each kind of node that is uniform: it can be planned for as one."""
    found = Counter(
        tuple(node.metadata.labels.get(key, "") for key in (PRODUCT, COUNT, MEMORY))
        for node in nodes
        if _is_described(node.metadata.labels)
    )
    for (product, count, memory), number in sorted(found.items()):
        yield f"{number} x {count} {product}, {memory} MiB each"


def _is_described(held: Mapping[str, str]) -> bool:
    return all(held.get(key) for key in (PRODUCT, COUNT, MEMORY))


def _is_labelled(held: Mapping[str, str]) -> bool:
    return bool(held.get(PRODUCT)) or held.get("nvidia.com/gpu.present") == "true"


def _listed(nodes: list[Node]) -> str:
    names = [node.metadata.name for node in nodes]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def check_storage(facts: ClusterFacts) -> Finding:
    """Classes that volumes are made of. Weights need none: they fit on a node's own disk."""
    if isinstance(facts.storage_classes, Unseen):
        return unknown("storage", facts.storage_classes.why)
    found = {item.metadata.name: item.metadata.annotations for item in facts.storage_classes}
    default = [name for name, notes in found.items() if notes.get(_DEFAULT_CLASS) == "true"]
    said = f"default class {', '.join(default)}" if default else "no default class"
    if _NVME_CLASS in found:
        return ok("storage", f"{said}; weights lie on machines' own NVMe disks ({_NVME_CLASS})")
    return ok("storage", f"{said}; no {_NVME_CLASS}, so weights lie on nodes' system disks")
