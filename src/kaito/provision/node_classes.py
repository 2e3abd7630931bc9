"""Karpenter's node classes as the operator's user declares them, rendered. Pure.

A pool refers to a node class by name and does not work without it. Declared ones are made and kept
as declared; one of the same name that somebody else made is used and never changed.
"""

from dataclasses import dataclass, field
from typing import Any

from kaito.api import labels
from kaito.api.meta import Manifest, Object
from kaito.api.resources import Resource

_MANAGER = "kaito"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredClass:
    """One entry of `--karpenter-node-classes`."""

    name: str
    is_default: bool = False
    """Whether pools of Workspaces that name none refer to it."""
    spec: Manifest = field(default_factory=dict)
    """As the cloud's own provider reads it; passed through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredClasses:
    """All entries, sorted by name, and the resource that they are objects of."""

    resource: Resource[Any]
    entries: tuple[DeclaredClass, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names that a Workspace may ask for."""
        return frozenset(entry.name for entry in self.entries)

    @property
    def default(self) -> str:
        """The name for Workspaces that ask for none."""
        return next(entry.name for entry in self.entries if entry.is_default)

    def render(self, name: str) -> Manifest | None:
        """The object of that name; None where none is declared."""
        entry = next((entry for entry in self.entries if entry.name == name), None)
        if entry is None:
            return None
        return {
            "apiVersion": self.resource.api_version,
            "kind": self.resource.kind,
            "metadata": {"name": name, "labels": {labels.KARPENTER_MANAGED_BY: _MANAGER}},
            "spec": entry.spec,
        }


def is_ours(live: Object) -> bool:
    """Whether we made it, or KAITO did: then it is kept as declared."""
    return live.metadata.labels.get(labels.KARPENTER_MANAGED_BY) == _MANAGER
