"""What a URL names: a resource in a version, a namespace, an object, a subresource.

Pure. The shapes are those of
https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris; discovery, OpenAPI and
health live at other paths and are not parsed here.
"""

from dataclasses import dataclass

from kaito.local.apiserver import errors
from kaito.local.apiserver.errors import Subject
from kaito.local.apiserver.registry import Registry, Served
from kaito.local.store.port import Scope, StoreKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A parsed URL. `name` is empty for a collection, `subresource` for the object itself."""

    served: Served
    version: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def api_version(self) -> str:
        """`group/version` of the request."""
        return self.served.api_version(self.version)

    @property
    def scope(self) -> Scope:
        """What a list or a watch of this target covers."""
        return Scope(self.served.resource, self.namespace)

    @property
    def key(self) -> StoreKey:
        """The store's key of the object."""
        return StoreKey(self.served.resource, self.namespace, self.name)

    @property
    def subject(self) -> Subject:
        """How messages name it."""
        served = self.served
        return Subject(served.group, served.plural, self.name, served.kind)

    def named(self, name: str, namespace: str | None = None) -> "Target":
        """The same resource, another object."""
        return Target(
            served=self.served,
            version=self.version,
            namespace=self.namespace if namespace is None else namespace,
            name=name,
            subresource=self.subresource,
        )


def parse_target(registry: Registry, path: str) -> Target:
    """The target of `/api/v1/...` or `/apis/<group>/<version>/...`; a 404 for anything else."""
    parts = [part for part in path.split("/") if part]
    group, version, rest = _split_version(parts)
    namespace, rest = _split_namespace(registry, group, version, rest)
    plural, name, subresource = (*rest, "", "", "")[:3]
    served = registry.find(group, version, plural)
    if served is None or len(rest) > 3:
        raise errors.unknown_path()
    if served.namespaced and name and not namespace:
        raise errors.bad_request(
            "an empty namespace may not be set when a resource name is provided"
        )
    if namespace and not served.namespaced:
        raise errors.unknown_path()
    return Target(
        served=served, version=version, namespace=namespace, name=name, subresource=subresource
    )


def _split_version(parts: list[str]) -> tuple[str, str, list[str]]:
    if len(parts) >= 3 and parts[0] == "api":
        return "", parts[1], parts[2:]
    if len(parts) >= 4 and parts[0] == "apis":
        return parts[1], parts[2], parts[3:]
    raise errors.unknown_path()


def _split_namespace(
    registry: Registry, group: str, version: str, rest: list[str]
) -> tuple[str, list[str]]:
    # /namespaces/x and /namespaces/x/{status,finalize} are the Namespace itself; a longer path, or
    # one whose third part is a served resource, lies inside the namespace.
    if rest[0] != "namespaces" or len(rest) < 3:
        return "", rest
    if len(rest) == 3 and rest[2] in {"status", "finalize"} and not group:
        return "", rest
    if registry.find(group, version, rest[2]) is None:
        raise errors.unknown_path()
    return rest[1], rest[2:]
