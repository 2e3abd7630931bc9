"""Which resources are served: built-in kinds, and those that CustomResourceDefinitions add.

A `Served` is a frozen value; the registry maps URL parts to them and counts its own changes, so
that what is derived from it (discovery, OpenAPI) knows when to be made anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from kaito.api.meta import Manifest

ALL_VERBS = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subresource:
    """A path below an object. `kind` and `api_version` name what is sent and received there."""

    name: str
    kind: str = ""
    api_version: str = ""
    verbs: tuple[str, ...] = ("get", "patch", "update")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalePaths:
    """Where replica counts lie in an object, as dotted paths; the selector's may be missing."""

    spec: str = "spec.replicas"
    status: str = "status.replicas"
    selector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One printer column of a CRD version."""

    name: str
    type: str
    json_path: str
    priority: int = 0
    format: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version under which a custom resource is served: its schema and its columns."""

    name: str
    schema: Manifest = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    has_status: bool = False
    scale: ScalePaths | None = None
    deprecation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One resource: its names, and what can be done with it."""

    group: str
    version: str
    """The version that objects are stored in; for a built-in kind the only one."""
    plural: str
    kind: str
    singular: str
    namespaced: bool = True
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    scale: ScalePaths | None = None
    counts_generations: bool = True
    versions: tuple[Version, ...] = ()
    """For a custom resource every served version, the preferred one first."""

    @property
    def resource(self) -> str:
        """`plural.group`: the name in messages and in the store."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def is_custom(self) -> bool:
        """Whether a CustomResourceDefinition made this."""
        return bool(self.versions)

    @property
    def version_names(self) -> tuple[str, ...]:
        """Every version it is served under, the preferred one first."""
        return tuple(v.name for v in self.versions) or (self.version,)

    def api_version(self, version: str = "") -> str:
        """`group/version` of a version, or of the stored one."""
        version = version or self.version
        return f"{self.group}/{version}" if self.group else version

    def at(self, version: str) -> Version:
        """What is particular to one version of a custom resource."""
        return next((v for v in self.versions if v.name == version), Version(name=version))

    def all_subresources(self, version: str) -> tuple[Subresource, ...]:
        """Every subresource under a version."""
        if not self.is_custom:
            return self.subresources
        found = self.at(version)
        return (*((SCALE,) if found.scale else ()), *((STATUS,) if found.has_status else ()))

    def subresource(self, name: str, version: str) -> Subresource | None:
        """The subresource of that name under a version, if it exists there."""
        return next((s for s in self.all_subresources(version) if s.name == name), None)

    def has_status(self, version: str) -> bool:
        """Whether status is written through its own subresource."""
        return self.subresource("status", version) is not None

    def scale_paths(self, version: str) -> ScalePaths | None:
        """Where the replica counts lie, where there is a scale subresource."""
        return self.at(version).scale if self.is_custom else self.scale


SCALE = Subresource(name="scale", kind="Scale", api_version="autoscaling/v1")
STATUS = Subresource(name="status")


class Registry:
    """The served resources by group, version and plural."""

    def __init__(self) -> None:
        self._by_path: dict[tuple[str, str, str], Served] = {}
        self._served: dict[str, Served] = {}
        self.changes = 0
        """How often this registry changed."""

    def add(self, served: Served) -> None:
        """Serve a resource, in place of one of the same name."""
        self.remove(served.resource)
        self._served[served.resource] = served
        for version in served.version_names:
            self._by_path[served.group, version, served.plural] = served
        self.changes += 1

    def remove(self, resource: str) -> None:
        """Stop serving `plural.group`; unknown names are ignored."""
        served = self._served.pop(resource, None)
        if served is None:
            return
        for version in served.version_names:
            self._by_path.pop((served.group, version, served.plural), None)
        self.changes += 1

    def find(self, group: str, version: str, plural: str) -> Served | None:
        """The resource at a URL."""
        return self._by_path.get((group, version, plural))

    def named(self, resource: str) -> Served | None:
        """The resource called `plural.group`."""
        return self._served.get(resource)

    def of_kind(self, group: str, kind: str) -> Served | None:
        """The resource of a kind in a group."""
        return next((s for s in self if s.kind == kind and s.group == group), None)

    def __iter__(self) -> Iterator[Served]:
        """Every resource, sorted by group and name."""
        return iter(sorted(self._served.values(), key=lambda s: (s.group, s.plural)))

    def group_versions(self) -> tuple[tuple[str, str], ...]:
        """Every `(group, version)`: groups sorted, the core one first, versions by preference."""
        found: dict[tuple[str, str], None] = {}
        for served in self:
            found.update(dict.fromkeys((served.group, v) for v in served.version_names))
        return tuple(sorted(found, key=lambda pair: (pair[0], _precedence(pair[1]))))

    def in_version(self, group: str, version: str) -> tuple[Served, ...]:
        """The resources of one group and version."""
        return tuple(s for s in self if s.group == group and version in s.version_names)


def sort_versions(names: tuple[str, ...]) -> tuple[str, ...]:
    """Versions by Kubernetes' preference: GA before beta before alpha, higher before lower."""
    return tuple(sorted(names, key=_precedence))


def _precedence(version: str) -> tuple[int, int, int, str]:
    # See "Version priority" at https://kubernetes.io/docs/tasks/extend-kubernetes/
    # custom-resources/custom-resource-definition-versioning/#version-priority.
    major, stage, minor = version[1:], 0, ""
    for rank, word in ((1, "beta"), (2, "alpha")):
        if word in version:
            major, _, minor = version[1:].partition(word)
            stage = rank
    if not version.startswith("v") or not major.isdigit():
        return (3, 0, 0, version)
    return (stage, -int(major), -int(minor or 0), version)
