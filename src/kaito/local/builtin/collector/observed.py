"""What is known of one object, its owners and its dependents.

Keys name objects of many kinds: `namespace` is the object's own, `name` is
`<resource>/<name>/<uid>`, since only the uid leads from a vanished owner to its dependents.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kaito.api import labels
from kaito.api.meta import Key, Object, OwnerReference
from kaito.api.resources import Resource
from kaito.kube.cache import Reader
from kaito.local.builtin.live import Live, Member


class OwnerState(Enum):
    """What an owner is to its dependents."""

    PRESENT = "present"
    WAITING = "waiting"
    """Being deleted in the foreground: it waits until its dependents are gone."""
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependent:
    """An object with owners, and what has become of them."""

    member: Member
    owners: tuple[tuple[OwnerReference, OwnerState], ...]
    has_dependents: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One object, or its absence, with everything that hangs on it."""

    uid: str
    item: Member | None
    itself: Dependent | None
    """The object in its own owners' eyes; None when it has none, or is gone."""
    dependents: tuple[Dependent, ...]


def to_key(resource: Resource[Any], item: Object) -> Key:
    """The key under which an object is collected."""
    return _key(resource, item.metadata.namespace, item.metadata.name, uid=item.metadata.uid)


def owner_keys(kinds: "Kinds", item: Object) -> Iterable[Key]:
    """The keys of an object's owners, as far as their kinds are known."""
    for owner in item.metadata.owner_references:
        if resource := kinds.find(owner):
            namespace = item.metadata.namespace if resource.namespaced else ""
            yield _key(resource, namespace, owner.name, uid=owner.uid)


class Kinds:
    """The resources that take part, by the names that owner references and keys use."""

    def __init__(self, resources: Iterable[Resource[Any]]) -> None:
        self.all = tuple(resources)
        self._by_name = {str(resource): resource for resource in self.all}
        # An owner may be named in any version of its group.
        self._by_kind = {(resource.group, resource.kind): resource for resource in self.all}

    def find(self, owner: OwnerReference) -> Resource[Any] | None:
        """The resource that a reference speaks of."""
        return self._by_kind.get((owner.api_version.rpartition("/")[0], owner.kind))

    def named(self, name: str) -> Resource[Any]:
        """The resource of a key."""
        return self._by_name[name]


class Observer:
    """Reads the surroundings of one object; asks the API server before it calls an owner absent."""

    def __init__(self, reader: Reader, kinds: Kinds, live: Live) -> None:
        self._reader = reader
        self._kinds = kinds
        self._live = live
        self._absent: dict[str, bool] = {}

    async def observe(self, key: Key) -> Observed | None:
        """The object that `key` names, or None when nothing hangs together with it."""
        plural, name, uid = key.name.split("/")
        resource = self._kinds.named(plural)
        found: Object | None = self._reader.get(resource, Key(key.namespace, name))
        if found is not None and found.metadata.uid != uid:
            found = None
        item = Member(resource=resource, item=found) if found else None
        itself = await self._observe_owners(item) if item else None
        dependents = await self._observe_dependents(uid) if _lets_go(found) else ()
        if itself is None and not dependents and (found is None or not found.metadata.is_deleting):
            return None
        return Observed(uid=uid, item=item, itself=itself, dependents=dependents)

    async def _observe_dependents(self, uid: str) -> tuple[Dependent, ...]:
        members = (
            Member(resource=resource, item=item)
            for resource in self._kinds.all
            for item in self._reader.owned(resource, uid)
        )
        seen = [await self._observe_owners(member) for member in members]
        return tuple(dependent for dependent in seen if dependent)

    async def _observe_owners(self, member: Member) -> Dependent | None:
        owners = member.item.metadata.owner_references
        if not owners:
            return None
        states = [(owner, await self._state_of(member.item, owner)) for owner in owners]
        uid = member.item.metadata.uid
        return Dependent(
            member=member,
            owners=tuple(states),
            has_dependents=any(self._reader.owned(resource, uid) for resource in self._kinds.all),
        )

    async def _state_of(self, item: Object, owner: OwnerReference) -> OwnerState:
        resource = self._kinds.find(owner)
        if resource is None or (resource.namespaced and not item.metadata.namespace):
            # Nobody here can tell; a wrong guess would delete what somebody needs.
            return OwnerState.PRESENT
        key = Key(item.metadata.namespace if resource.namespaced else "", owner.name)
        found: Object | None = self._reader.get(resource, key)
        if found is None or found.metadata.uid != owner.uid:
            gone = await self._is_absent(resource, key, owner.uid)
            return OwnerState.ABSENT if gone else OwnerState.PRESENT
        if found.metadata.is_deleting and labels.FOREGROUND_FINALIZER in found.metadata.finalizers:
            return OwnerState.WAITING
        return OwnerState.PRESENT

    async def _is_absent(self, resource: Resource[Any], key: Key, uid: str) -> bool:
        if uid not in self._absent:
            self._absent[uid] = await self._live.uid_of(resource, key) != uid
        return self._absent[uid]


def _lets_go(found: Object | None) -> bool:
    return found is None or found.metadata.is_deleting


def _key(resource: Resource[Any], namespace: str, name: str, *, uid: str) -> Key:
    return Key(namespace, f"{resource}/{name}/{uid}")
