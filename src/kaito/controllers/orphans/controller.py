"""One loop for each kind that stands for machines."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kaito.api import labels
from kaito.api.meta import Key, Object
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.nodepool import NODEPOOLS
from kaito.api.resources import Resource
from kaito.api.selectors import select_owned
from kaito.api.workspace import WORKSPACES
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import NOTHING, Decision, Delete, Note
from kaito.kube.controller.runner import Watch, its_own_key
from kaito.kube.live import Uids

_GRACE = timedelta(seconds=30)
"""Age from which an orphan counts: whoever just made it may know more than we do."""

OWNER_LABELS: dict[str, tuple[str, str]] = {
    str(NODECLAIMS): labels.CLAIM_OWNER,
    str(NODEPOOLS): labels.POOL_OWNER,
}
"""Which labels name the Workspace that an object of a kind was made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A claim or a pool, and the Workspace that it was made for."""

    item: Object
    workspace: Key
    uid: str
    """Of the Workspace as it is in the API server now; empty: there is none."""


@dataclass(frozen=True, slots=True)
class OrphanController:
    """Sweeps one kind."""

    resource: Resource[Any]
    live: Uids
    namespace: str = ""
    """The one namespace whose Workspaces are looked after; empty: all of them.

    Claims and pools belong to no namespace, so those that others look after are seen, too.
    """

    @property
    def name(self) -> str:
        """The loop's name and field manager."""
        return f"kaito-orphaned-{self.resource.plural}"

    @property
    def watches(self) -> tuple[Watch[Any], ...]:
        """The kind itself, and Workspaces: one that goes may leave something."""
        return (Watch(self.resource, its_own_key), Watch(WORKSPACES, _nobody, lookup=self._made))

    async def observe(self, reader: Reader, key: Key) -> Orphan | None:
        """The object, if its Workspace is missing in the cache; then the API server is asked."""
        item = reader.get(self.resource, key)
        owner = _owner(self.resource, item) if item is not None else None
        if item is None or owner is None or item.metadata.is_deleting:
            return None
        if self.namespace not in ("", owner.namespace):
            return None
        cached = reader.get(WORKSPACES, owner)
        if cached is not None and _is_for(item, cached.metadata.uid):
            return None
        uid = await self.live.uid_of(WORKSPACES, owner)
        return Orphan(item=item, workspace=owner, uid=uid)

    def decide(self, observed: Orphan, now: datetime) -> Decision:
        """Give it back once it is old enough."""
        item, meta = observed.item, observed.item.metadata
        if observed.uid and _is_for(item, observed.uid):
            return NOTHING
        born = meta.creation_timestamp or now
        if now - born < _GRACE:
            return Decision(requeue_after=(born + _GRACE - now).total_seconds() + 1)
        said = f"workspace {observed.workspace} is gone: {item.kind} {meta.name} is given back"
        note = Note(about=item, reason="Orphaned", message=said)
        delete = Delete(resource=self.resource, key=meta.key, uid=meta.uid, note=note)
        return Decision(actions=(delete,), why=(said,))

    def _made(self, reader: Reader, workspace: Object) -> Iterable[Key]:
        selector = select_owned(OWNER_LABELS[str(self.resource)], workspace.key)
        return tuple(item.key for item in reader.list(self.resource, selector=selector))


def _owner(resource: Resource[Any], item: Object) -> Key | None:
    name, namespace = (item.metadata.labels.get(key, "") for key in OWNER_LABELS[str(resource)])
    return Key(namespace, name) if name and namespace else None


def _is_for(item: Object, uid: str) -> bool:
    """Whether it was made for that very Workspace; KAITO's do not say."""
    return item.metadata.annotations.get(labels.WORKSPACE_UID, uid) == uid


def _nobody(_: Object) -> tuple[Key, ...]:
    return ()
