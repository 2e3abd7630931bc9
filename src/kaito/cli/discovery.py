"""What an API server serves, and which of it a word such as `po` or `workspaces.kaito.sh` means.

Read through the API's own discovery, so that every kind of a cluster can be named, in the order of
the server: core first, and the preferred version of each group.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from kaito.api.meta import Object, Wire
from kaito.api.resources import Resource
from kaito.base.errors import KaitoError
from kaito.base.suggest import did_you_mean
from kaito.kube.client import Client
from kaito.kube.errors import ApiError, NotFound

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One resource with the names it goes by."""

    resource: Resource[Object]
    singular: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """Every word for it, without its group."""
        plural, kind = self.resource.plural, self.resource.kind.lower()
        return tuple(dict.fromkeys((plural, self.singular, *self.short_names, kind)))

    def label(self, name: str) -> str:
        """`workspace.kaito.sh/NAME`, as kubectl names one object."""
        group = f".{self.resource.group}" if self.resource.group else ""
        return f"{self.resource.kind.lower()}{group}/{name}"


class Discovery:
    """Answers from one API server; what was read once is not asked for again."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._versions: dict[str, tuple[Served, ...]] = {}
        self._all: tuple[Served, ...] | None = None

    async def find(self, word: str) -> tuple[Served, ...]:
        """The resource that `word` names, or all of a category such as `all`.

        Raises:
            KaitoError: nothing is called so.
        """
        everything = await self._everything()
        name, _, rest = word.lower().partition(".")
        for served in everything:
            if name in served.names and _is_qualified(served.resource, rest):
                return (served,)
        if found := tuple(s for s in everything if not rest and name in s.categories):
            return found
        known = (name for served in everything for name in served.names)
        raise KaitoError(
            f"the server has no resource type {word!r}",
            hint=did_you_mean(word, dict.fromkeys(known)) or "kubectl api-resources lists them",
        )

    async def of_kind(self, api_version: str, kind: str) -> Served:
        """The resource that manifests of this kind go to; `KaitoError` where there is none."""
        try:
            served = await self._of_version(api_version)
        except NotFound:
            served = ()
        found = next((s for s in served if s.resource.kind == kind), None)
        if found is not None:
            return found
        # Not kept: a definition applied a moment ago may bring the kind.
        self._versions.pop(api_version, None)
        hint = did_you_mean(kind, (s.resource.kind for s in served))
        raise KaitoError(
            f"the server has no kind {kind!r} in {api_version!r}",
            hint=hint or "see `kubectl api-versions` for what it has",
        )

    async def _everything(self) -> tuple[Served, ...]:
        if self._all is None:
            versions = await self._preferred_versions()
            async with asyncio.TaskGroup() as tasks:
                reads = [tasks.create_task(self._of_version_if_up(v)) for v in versions]
            self._all = tuple(served for read in reads for served in read.result())
        return self._all

    async def _preferred_versions(self) -> tuple[str, ...]:
        groups = await self._read("/apis", _GroupList)
        first = [group.preferred_version.group_version for group in groups.groups]
        others = [v.group_version for group in groups.groups for v in group.versions]
        return tuple(dict.fromkeys(("v1", *first, *others)))

    async def _of_version_if_up(self, api_version: str) -> tuple[Served, ...]:
        try:
            return await self._of_version(api_version)
        except ApiError:
            # An aggregated API whose server is down must not take the rest with it.
            if api_version == "v1":
                raise
            return ()

    async def _of_version(self, api_version: str) -> tuple[Served, ...]:
        if api_version not in self._versions:
            root = "/apis/" if "/" in api_version else "/api/"
            found = await self._read(root + api_version, _ResourceList)
            self._versions[api_version] = tuple(
                _to_served(entry, api_version) for entry in found.resources if "/" not in entry.name
            )
        return self._versions[api_version]

    async def _read(self, path: str, type_: type[T]) -> T:
        body = await self._client.request("GET", path)
        return msgspec.json.decode(body, type=type_)


def _is_qualified(resource: Resource[Any], rest: str) -> bool:
    """Whether `GROUP` or `VERSION.GROUP` behind a name means this resource."""
    return not rest or rest in (resource.group, f"{resource.version}.{resource.group}".rstrip("."))


class _GroupVersion(Wire):
    group_version: str


class _Group(Wire):
    versions: tuple[_GroupVersion, ...]
    preferred_version: _GroupVersion


class _GroupList(Wire):
    groups: tuple[_Group, ...] = ()


class _ResourceEntry(Wire):
    name: str
    kind: str
    namespaced: bool
    singular_name: str = ""
    verbs: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class _ResourceList(Wire):
    resources: tuple[_ResourceEntry, ...] = ()


def _to_served(entry: _ResourceEntry, api_version: str) -> Served:
    group, _, version = api_version.rpartition("/")
    return Served(
        resource=Resource(
            group=group,
            version=version,
            plural=entry.name,
            kind=entry.kind,
            type=Object,
            namespaced=entry.namespaced,
        ),
        singular=entry.singular_name or entry.kind.lower(),
        short_names=entry.short_names,
        categories=entry.categories,
        verbs=frozenset(entry.verbs),
    )
