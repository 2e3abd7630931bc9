"""Namespaces: a new one gets its default service account, a deleted one is emptied and let go."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaito.api.core import NAMESPACES, Namespace
from kaito.api.meta import Key, Object
from kaito.api.resources import Resource
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import NOTHING, Action, Create, Decision, Delete, Patch
from kaito.kube.controller.runner import Watch, its_own_key
from kaito.local.builtin.live import Live, Member

_FINALIZER = "kubernetes"
_ACCOUNT = "default"
_LOOK_AGAIN = 1.0
"""Seconds; for kinds that are defined at run time, whose watches nobody here has."""

SERVICE_ACCOUNTS = Resource(
    group="", version="v1", plural="serviceaccounts", kind="ServiceAccount", type=Object
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A namespace; what is in it is looked up only when it is going away."""

    namespace: Namespace
    has_account: bool
    contents: tuple[Member, ...] = ()


class NamespaceController:
    """Watches namespaces and, to see them become empty, what is in them."""

    name = "namespace-controller"

    def __init__(self, resources: tuple[Resource[Any], ...], *, live: Live) -> None:
        """`resources`: the namespaced kinds whose changes are worth looking again for."""
        self._live = live
        self.watches: tuple[Watch[Any], ...] = (
            Watch(NAMESPACES, its_own_key),
            Watch(SERVICE_ACCOUNTS, _key_of_namespace),
            *(Watch(r, _key_of_namespace) for r in resources if r != SERVICE_ACCOUNTS),
        )

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """The namespace with its contents as they are right now."""
        found = reader.get(NAMESPACES, key)
        if found is None:
            return None
        account = reader.get(SERVICE_ACCOUNTS, Key(key.name, _ACCOUNT))
        going = found.metadata.is_deleting
        contents = await self._live.contents_of(key.name) if going else ()
        return Observed(namespace=found, has_account=account is not None, contents=contents)

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """Pure; see `decide_namespace`."""
        del now
        return decide_namespace(observed)


def decide_namespace(observed: Observed) -> Decision:
    """What to do about one namespace."""
    found = observed.namespace
    if not found.metadata.is_deleting:
        return NOTHING if observed.has_account else Decision(actions=(_create_account(found),))
    if not observed.contents:
        return Decision(actions=_let_go(found))
    doomed = sorted((m for m in observed.contents if not m.item.metadata.is_deleting), key=_rank)
    return Decision(
        actions=tuple(
            Delete(resource=m.resource, key=m.item.key, uid=m.item.metadata.uid) for m in doomed
        ),
        requeue_after=_LOOK_AGAIN,
        why=(f"{len(observed.contents)} objects are left",),
    )


def _let_go(found: Namespace) -> tuple[Action, ...]:
    if _FINALIZER not in found.spec.finalizers:
        return ()
    kept = [finalizer for finalizer in found.spec.finalizers if finalizer != _FINALIZER]
    patch = {
        "metadata": {"resourceVersion": found.metadata.resource_version},
        "spec": {"finalizers": kept},
    }
    return (Patch(resource=NAMESPACES, key=found.key, patch=patch, subresource="finalize"),)


def _create_account(found: Namespace) -> Create:
    manifest = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": _ACCOUNT, "namespace": found.metadata.name},
    }
    return Create(resource=SERVICE_ACCOUNTS, manifest=manifest)


def _rank(member: Member) -> tuple[bool, bool, str, Key]:
    """Owners before pods, so that nobody tries to replace what goes; events last."""
    resource = member.resource
    return (
        resource.plural == "events",
        resource.plural == "pods",
        str(resource),
        member.item.key,
    )


def _key_of_namespace(item: Object) -> tuple[Key, ...]:
    return (Key("", item.metadata.namespace),) if item.metadata.namespace else ()
