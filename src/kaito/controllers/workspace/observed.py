"""Everything a decision about one Workspace may depend on, read in one go."""

from dataclasses import dataclass

from kaito.api import labels
from kaito.api.core import (
    CONFIGMAPS,
    NODES,
    PODS,
    SERVICES,
    STATEFULSETS,
    ConfigMap,
    Node,
    Pod,
    Service,
    StatefulSet,
)
from kaito.api.meta import Key
from kaito.api.nodeclaim import NODECLAIMS, NodeClaim
from kaito.api.selectors import Requirement
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.catalog.lookup import find_preset
from kaito.catalog.preset import ModelFacts, Preset
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.kube.cache import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One Workspace and what belongs to it."""

    workspace: Workspace
    preset: Preset | None = None
    facts: ModelFacts | None = None
    """Of the weights at hand, else the catalogue's; None when neither knows the model."""
    claims: tuple[NodeClaim, ...] = ()
    nodes: tuple[Node, ...] = ()
    statefulset: StatefulSet | None = None
    services: tuple[Service, ...] = ()
    """Those under the two names the workspace uses, whoever owns them."""
    pods: tuple[Pod, ...] = ()
    config: ConfigMap | None = None


def observe(reader: Reader, key: Key, settings: WorkspaceSettings) -> Observed | None:
    """Read the facts; None when there is no such Workspace."""
    workspace = reader.get(WORKSPACES, key)
    if workspace is None:
        return None
    preset = find_preset(workspace.preset_name) if workspace.preset_name else None
    claims = reader.list(NODECLAIMS, selector=_claimed_by(key))
    named = {claim.status.node_name for claim in claims}
    return Observed(
        workspace=workspace,
        preset=preset,
        facts=(settings.facts_at_hand(preset.name) or preset.facts) if preset else None,
        claims=claims,
        nodes=tuple(node for node in reader.list(NODES) if node.metadata.name in named),
        statefulset=reader.get(STATEFULSETS, key),
        services=_services(reader, key),
        pods=reader.list(PODS, namespace=key.namespace, selector=_labelled(key)),
        config=_config(reader, workspace),
    )


def _services(reader: Reader, key: Key) -> tuple[Service, ...]:
    names = (key.name, f"{key.name}-headless")
    found = (reader.get(SERVICES, Key(key.namespace, name)) for name in names)
    return tuple(service for service in found if service is not None)


def _config(reader: Reader, workspace: Workspace) -> ConfigMap | None:
    name = workspace.inference.config if workspace.inference else ""
    return reader.get(CONFIGMAPS, Key(workspace.metadata.namespace, name)) if name else None


def _labelled(key: Key) -> tuple[Requirement, ...]:
    return (Requirement(labels.WORKSPACE, "In", frozenset({key.name})),)


def _claimed_by(key: Key) -> tuple[Requirement, ...]:
    # NodeClaims are cluster-scoped, so no namespaced owner can be named; labels say whose they are.
    namespace = Requirement(labels.WORKSPACE_NAMESPACE, "In", frozenset({key.namespace}))
    return (*_labelled(key), namespace)
