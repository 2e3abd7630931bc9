"""Questions that a cache must not answer: is it really gone, is it really empty.

A cache may lag behind, and every resource's cache by itself, so an owner can be missing where its
dependents are already known. Who deletes because something is absent asks here first.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from kaito.api.meta import Object
from kaito.api.resources import Resource
from kaito.kube.live import LiveUids, Uids


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One object of any kind, seen by its identity."""

    resource: Resource[Any]
    item: Object


class Live(Uids, Protocol):
    """Reads that go to the API server."""

    async def contents_of(self, namespace: str) -> tuple[Member, ...]:
        """Every object in a namespace, of every kind that is served."""
        ...


class ApiLive(LiveUids):
    """The answers of the API server itself."""

    async def contents_of(self, namespace: str) -> tuple[Member, ...]:
        """Every object in a namespace, of every kind that is served."""
        found: list[Member] = []
        for resource in await self._observe_resources():
            listing = await self._client.list(resource, namespace=namespace)
            found += (Member(resource=resource, item=item) for item in listing.items)
        return tuple(found)

    async def _observe_resources(self) -> tuple[Resource[Object], ...]:
        """Discovery: what is namespaced and can be listed and deleted."""
        groups = msgspec.json.decode(await self._client.request("GET", "/apis"), type=_Groups)
        roots = ["/api/v1", *(f"/apis/{g.preferred_version.group_version}" for g in groups.groups)]
        found: list[Resource[Object]] = []
        for root in roots:
            body = await self._client.request("GET", root)
            found += msgspec.json.decode(body, type=_Resources).deletable
        return tuple(found)


class _Version(msgspec.Struct, rename="camel"):
    group_version: str


class _Group(msgspec.Struct, rename="camel"):
    preferred_version: _Version


class _Groups(msgspec.Struct):
    groups: tuple[_Group, ...] = ()


class _Served(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool = False
    verbs: tuple[str, ...] = ()


class _Resources(msgspec.Struct, rename="camel"):
    group_version: str
    resources: tuple[_Served, ...] = ()

    @property
    def deletable(self) -> tuple[Resource[Object], ...]:
        group, _, version = self.group_version.rpartition("/")
        return tuple(
            Resource(group=group, version=version, plural=found.name, kind=found.kind, type=Object)
            for found in self.resources
            if found.namespaced and {"list", "delete"} <= set(found.verbs)
        )
