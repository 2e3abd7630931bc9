"""Everything a decision about one Workspace may depend on, read in one go."""

from dataclasses import dataclass, field

from kaito.api import labels
from kaito.api.adapters import adapters_config_name
from kaito.api.core import (
    CONFIGMAPS,
    DEPLOYMENTS,
    JOBS,
    NODES,
    PODS,
    SERVICES,
    STATEFULSETS,
    STORAGE_CLASSES,
    ConfigMap,
    Deployment,
    Job,
    Node,
    Pod,
    Service,
    StatefulSet,
)
from kaito.api.meta import Key, Object
from kaito.api.modelmirror import MODELMIRRORS, ModelMirror
from kaito.api.nodeclaim import NODECLAIMS, NodeClaim
from kaito.api.nodepool import NODEPOOLS
from kaito.api.report import REPORTS, PodReport
from kaito.api.selectors import Requirement, select_owned
from kaito.api.tuning_ending import report_config_name
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.catalog.lookup import find_preset
from kaito.catalog.preset import ModelFacts, Preset
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.kube.cache import Reader
from kaito.provision.port import Supply
from kaito.render.placement import node_labels

AUTO_MIRROR = "auto"
"""Instead of a mirror's name: one that has the model and is ready, if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One Workspace and what belongs to it."""

    workspace: Workspace
    preset: Preset | None = None
    facts: ModelFacts | None = None
    """Of the weights at hand, else the catalogue's; None when neither knows the model."""
    supply: Supply = field(default_factory=Supply)
    """What there is to run on, and what was made for it."""
    matching: tuple[Node, ...] = ()
    """Nodes that carry the labels of its selector."""
    statefulset: StatefulSet | None = None
    deployment: Deployment | None = None
    """The one under the workspace's name, whoever owns it: what KAITO's first releases ran."""
    services: tuple[Service, ...] = ()
    """Those under the two names the workspace uses, whoever owns them."""
    pods: tuple[Pod, ...] = ()
    reports: tuple[PodReport, ...] = ()
    """What its pods say of themselves; of those that can be asked."""
    config: ConfigMap | None = None
    job: Job | None = None
    """The one under a tuning workspace's name, whoever owns it."""
    tuning_report: ConfigMap | None = None
    """The one under the name of its job's record, whoever owns it."""
    adapters_config: ConfigMap | None = None
    """The one under the name of the workspace's own list of adapters, whoever owns it."""
    mirrors: tuple[ModelMirror, ...] = ()
    """The mirror it names, or those to choose from."""
    crowd: tuple[Pod, ...] = ()
    """Pods on all nodes that the machine under its nodes plays, where one machine plays several;
    only known while a pod of the workspace is ready, for only then does an update ask for room."""
    has_nvme_class: bool = False
    """Whether the cluster has the storage class for machines' own NVMe disks."""

    @property
    def owned(self) -> StatefulSet | None:
        """The StatefulSet, if it is the workspace's own."""
        owner = self.statefulset.metadata.controller if self.statefulset else None
        is_own = owner is not None and owner.uid == self.workspace.metadata.uid
        return self.statefulset if is_own else None

    @property
    def owned_deployment(self) -> Deployment | None:
        """The Deployment, if it is the workspace's own."""
        return self.deployment if _is_controlled_by(self.workspace, self.deployment) else None

    @property
    def owned_job(self) -> Job | None:
        """The Job, if it is the workspace's own."""
        owner = self.job.metadata.controller if self.job else None
        is_own = owner is not None and owner.uid == self.workspace.metadata.uid
        return self.job if is_own else None

    @property
    def config_data(self) -> dict[str, str] | None:
        """What is in the ConfigMap that the workspace names, where there is one."""
        return dict(self.config.data) if self.config else None


def observe(reader: Reader, key: Key, settings: WorkspaceSettings) -> Observed | None:
    """Read the facts; None when there is no such Workspace."""
    workspace = reader.get(WORKSPACES, key)
    if workspace is None:
        return None
    preset = find_preset(workspace.preset_name) if workspace.preset_name else None
    matching = _matching(reader, workspace)
    storage_class = settings.render.nvme_storage_class
    deployment = reader.get(DEPLOYMENTS, key)
    pods = _pods(reader, workspace, deployment)
    return Observed(
        workspace=workspace,
        preset=preset,
        facts=(settings.facts_at_hand(preset.name) or preset.facts) if preset else None,
        supply=_supply(reader, key, matching, settings),
        matching=matching,
        statefulset=reader.get(STATEFULSETS, key),
        deployment=deployment,
        services=_services(reader, key),
        pods=pods,
        reports=reader.list(REPORTS, namespace=key.namespace, selector=_labelled(key)),
        config=_config(reader, workspace),
        job=reader.get(JOBS, key) if workspace.tuning else None,
        tuning_report=_tuning_report(reader, workspace),
        adapters_config=reader.get(CONFIGMAPS, Key(key.namespace, adapters_config_name(key.name))),
        mirrors=_mirrors(reader, workspace) if settings.has_mirrors else (),
        crowd=_crowd(reader, matching) if any(pod.is_ready for pod in pods) else (),
        has_nvme_class=reader.get(STORAGE_CLASSES, Key("", storage_class)) is not None,
    )


def _pods(reader: Reader, workspace: Workspace, deployment: Deployment | None) -> tuple[Pod, ...]:
    """Pods with the workspace's label, but for those of a Deployment that is not its own."""
    found = reader.list(
        PODS, namespace=workspace.metadata.namespace, selector=_labelled(workspace.key)
    )
    if _is_controlled_by(workspace, deployment):
        return found
    return tuple(
        pod
        for pod in found
        if (owner := pod.metadata.controller) is None or owner.kind != "ReplicaSet"
    )


def _mirrors(reader: Reader, workspace: Workspace) -> tuple[ModelMirror, ...]:
    name = workspace.metadata.annotations.get(labels.MODEL_MIRROR, "")
    if not name:
        return ()
    if name == AUTO_MIRROR:
        return reader.list(MODELMIRRORS)
    found = reader.get(MODELMIRRORS, Key("", name))
    return (found,) if found is not None else ()


def _supply(
    reader: Reader, key: Key, matching: tuple[Node, ...], settings: WorkspaceSettings
) -> Supply:
    claims = _claims(reader, key) if NODECLAIMS in settings.makes else ()
    pools = (
        reader.list(NODEPOOLS, selector=select_owned(labels.POOL_OWNER, key))
        if NODEPOOLS in settings.makes
        else ()
    )
    named = {claim.status.node_name for claim in claims} - {""}
    named |= {node.metadata.name for node in matching}
    found = (reader.get(NODES, Key("", name)) for name in sorted(named))
    nodes = tuple(node for node in found if node is not None)
    # Only who shares nodes that are there already has to know of everybody's pods.
    everybody = reader.list(PODS) if matching else ()
    pods = tuple(pod for pod in everybody if pod.spec.node_name in named)
    return Supply(claims=claims, pools=pools, nodes=nodes, pods=pods)


def _crowd(reader: Reader, matching: tuple[Node, ...]) -> tuple[Pod, ...]:
    machines = {node.metadata.labels.get(labels.MACHINE, "") for node in matching} - {""}
    if not machines:
        return ()
    nodes = {
        node.metadata.name
        for node in reader.list(NODES)
        if node.metadata.labels.get(labels.MACHINE) in machines
    }
    return tuple(
        pod for pod in reader.list(PODS) if pod.spec.node_name in nodes and not pod.is_finished
    )


def _claims(reader: Reader, key: Key) -> tuple[NodeClaim, ...]:
    """Made for the workspace, by us or by the pool that Karpenter keeps for it.

    They are cluster-scoped, so no namespaced owner can be named; labels say whose they are.
    """
    direct = reader.list(NODECLAIMS, selector=select_owned(labels.CLAIM_OWNER, key))
    return (*direct, *reader.list(NODECLAIMS, selector=select_owned(labels.POOL_OWNER, key)))


def _matching(reader: Reader, workspace: Workspace) -> tuple[Node, ...]:
    wanted = node_labels(workspace)
    if not wanted:
        return ()
    selector = tuple(Requirement(name, "In", frozenset({value})) for name, value in wanted)
    return reader.list(NODES, selector=selector)


def _services(reader: Reader, key: Key) -> tuple[Service, ...]:
    names = (key.name, f"{key.name}-headless")
    found = (reader.get(SERVICES, Key(key.namespace, name)) for name in names)
    return tuple(service for service in found if service is not None)


def _config(reader: Reader, workspace: Workspace) -> ConfigMap | None:
    spec = workspace.inference or workspace.tuning
    name = spec.config if spec else ""
    return reader.get(CONFIGMAPS, Key(workspace.metadata.namespace, name)) if name else None


def _tuning_report(reader: Reader, workspace: Workspace) -> ConfigMap | None:
    if workspace.tuning is None:
        return None
    name = report_config_name(workspace.metadata.name)
    return reader.get(CONFIGMAPS, Key(workspace.metadata.namespace, name))


def _is_controlled_by(workspace: Workspace, item: Object | None) -> bool:
    owner = item.metadata.controller if item else None
    return owner is not None and owner.uid == workspace.metadata.uid


def _labelled(key: Key) -> tuple[Requirement, ...]:
    return (Requirement(labels.WORKSPACE, "In", frozenset({key.name})),)
