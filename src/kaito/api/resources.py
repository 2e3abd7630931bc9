"""Which resources exist: the names under which an API server serves each kind we read or write."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kaito.api.meta import Key, Object

T_co = TypeVar("T_co", bound=Object, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource(Generic[T_co]):
    """One served resource, and the struct that its objects are decoded into."""

    group: str
    version: str
    plural: str
    kind: str
    type: type[T_co]
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`group/version`, or the bare version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, key: Key | None = None, *, namespace: str = "", subresource: str = "") -> str:
        """The URL path of one object (`key`), or of the collection, in `namespace` if given."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = key.namespace if key else namespace
        parts = [root, *(["namespaces", scope] if self.namespaced and scope else []), self.plural]
        if key:
            parts.append(key.name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)

    def __str__(self) -> str:
        """`plural.group`, as kubectl names resources."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


T = TypeVar("T", bound=Object)


def reading(resource: Resource[Any], type_: type[T]) -> Resource[T]:
    """The same resource decoded into another struct, for who needs more or fewer fields."""
    return Resource(
        group=resource.group,
        version=resource.version,
        plural=resource.plural,
        kind=resource.kind,
        type=type_,
        namespaced=resource.namespaced,
    )
