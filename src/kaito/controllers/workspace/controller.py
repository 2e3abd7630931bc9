"""Which changes concern which Workspace, and the way from them to a decision."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaito.api import labels
from kaito.api.core import CONFIGMAPS, NODES, PODS, SERVICES, STATEFULSETS
from kaito.api.meta import Key, Object
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import WORKSPACES
from kaito.controllers.workspace.decide import decide
from kaito.controllers.workspace.observed import Observed, observe
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Watch, its_own_key, key_of_controller


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
            Watch(WORKSPACES, its_own_key),
            Watch(NODECLAIMS, _labelled),
            Watch(NODES, _labelled),
            Watch(STATEFULSETS, key_of_controller("Workspace")),
            Watch(SERVICES, key_of_controller("Workspace")),
            Watch(PODS, _labelled_pod),
            Watch(CONFIGMAPS, _nobody, lookup=_configured_by),
        )

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """All facts about one Workspace."""
        return observe(reader, key, self.settings)

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """What to do about it."""
        return decide(observed, self.settings, now)


def _labelled(item: Object) -> tuple[Key, ...]:
    name = item.metadata.labels.get(labels.WORKSPACE)
    namespace = item.metadata.labels.get(labels.WORKSPACE_NAMESPACE)
    return (Key(namespace, name),) if name and namespace else ()


def _labelled_pod(item: Object) -> tuple[Key, ...]:
    name = item.metadata.labels.get(labels.WORKSPACE)
    return (Key(item.metadata.namespace, name),) if name else ()


def _nobody(_: Object) -> tuple[Key, ...]:
    return ()


def _configured_by(reader: Reader, item: Object) -> Iterable[Key]:
    return tuple(
        workspace.key
        for workspace in reader.list(WORKSPACES, namespace=item.metadata.namespace)
        if workspace.inference is not None and workspace.inference.config == item.metadata.name
    )
