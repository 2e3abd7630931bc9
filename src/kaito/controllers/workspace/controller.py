"""Which changes concern which Workspace, and the way from them to a decision."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaito.api import labels
from kaito.api.core import (
    CONFIGMAPS,
    DEPLOYMENTS,
    JOBS,
    NODES,
    PODS,
    SERVICES,
    STATEFULSETS,
    STORAGE_CLASSES,
    Node,
)
from kaito.api.meta import Key, Object
from kaito.api.modelmirror import MODELMIRRORS
from kaito.api.report import REPORTS
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.controllers.workspace.decide import decide
from kaito.controllers.workspace.observed import AUTO_MIRROR, Observed, observe
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Watch, its_own_key, key_of_controller
from kaito.render.placement import node_labels


@dataclass(frozen=True, slots=True)
class WorkspaceController:
    """The control loop of Workspaces."""

    settings: WorkspaceSettings

    @property
    def name(self) -> str:
        """The loop's name and field manager."""
        return "kaito-workspace"

    @property
    def watches(self) -> tuple[Watch[Any], ...]:
        """The kinds that `observe` reads."""
        return (
            Watch(WORKSPACES, its_own_key, is_urgent=_is_new),
            *(Watch(kind, _made_for) for kind in self.settings.makes),
            Watch(NODES, _made_for, lookup=_selecting),
            Watch(STATEFULSETS, key_of_controller("Workspace")),
            Watch(JOBS, key_of_controller("Workspace")),
            Watch(DEPLOYMENTS, key_of_controller("Workspace")),
            Watch(SERVICES, key_of_controller("Workspace")),
            Watch(PODS, _labelled_pod),
            Watch(REPORTS, _labelled_pod),
            Watch(CONFIGMAPS, key_of_controller("Workspace"), lookup=_configured_by),
            Watch(STORAGE_CLASSES, _nobody),
            *self._mirrors,
        )

    @property
    def _mirrors(self) -> tuple[Watch[Any], ...]:
        return (Watch(MODELMIRRORS, _nobody, lookup=_mirrored_by),) * self.settings.has_mirrors

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """All facts about one Workspace."""
        return observe(reader, key, self.settings)

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """What to do about it."""
        return decide(observed, self.settings, now)


def _is_new(workspace: Workspace) -> bool:
    """Whether nothing was done about it yet: its first machine must not wait behind a restart."""
    meta = workspace.metadata
    return labels.WORKSPACE_FINALIZER not in meta.finalizers and not meta.is_deleting


_OWNER_LABELS = (
    (labels.WORKSPACE, labels.WORKSPACE_NAMESPACE),
    (labels.KARPENTER_WORKSPACE, labels.KARPENTER_WORKSPACE_NAMESPACE),
)


def _made_for(item: Object) -> tuple[Key, ...]:
    """The workspace that a node, a claim or a pool says it was made for."""
    found = item.metadata.labels
    return tuple(
        Key(found[namespace], found[name])
        for name, namespace in _OWNER_LABELS
        if found.get(name) and found.get(namespace)
    )


def _selecting(reader: Reader, node: Node) -> Iterable[Key]:
    """Workspaces whose selector an existing node matches: they may run, and plan, on it."""
    held = node.metadata.labels
    return tuple(
        workspace.key
        for workspace in reader.list(WORKSPACES)
        if _may_select(workspace, held)
        and (wanted := node_labels(workspace))
        and all(held.get(k) == v for k, v in wanted)
    )


def _may_select(workspace: Workspace, held: Mapping[str, str]) -> bool:
    """Cheap, for each change of a node asks it of all Workspaces: one label says no to most."""
    selector = workspace.resource.label_selector if workspace.resource else None
    if selector is None:
        return False
    for name, value in selector.match_labels.items():
        if held.get(name) != value and name not in labels.RESERVED_SELECTOR_KEYS:
            return False
    return True


def _labelled_pod(item: Object) -> tuple[Key, ...]:
    name = item.metadata.labels.get(labels.WORKSPACE)
    return (Key(item.metadata.namespace, name),) if name else ()


def _mirrored_by(reader: Reader, item: Object) -> Iterable[Key]:
    """Workspaces that wait for the mirror, or run from it."""
    names = (item.metadata.name, AUTO_MIRROR)
    return tuple(
        workspace.key
        for workspace in reader.list(WORKSPACES)
        if workspace.metadata.annotations.get(labels.MODEL_MIRROR) in names
    )


def _nobody(_: Object) -> tuple[Key, ...]:
    return ()


def _configured_by(reader: Reader, item: Object) -> Iterable[Key]:
    return tuple(
        workspace.key
        for workspace in reader.list(WORKSPACES, namespace=item.metadata.namespace)
        if (spec := workspace.inference or workspace.tuning) is not None
        and spec.config == item.metadata.name
    )
