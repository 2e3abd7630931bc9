"""A kind's CustomResourceDefinition as data, and the manifest it makes.

A `Definition` names a kind and its versions; a `Version` adds to the struct's schema what a struct
cannot say: columns, subresources, limits that keep CEL affordable, rules. One generator serves
every kind; a new kind adds only a `Definition`.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kaito.api.crd.structure import node_at, structural_schema
from kaito.api.meta import Manifest, Object
from kaito.api.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What `kubectl get` prints; with a priority only when asked for `-o wide`."""

    name: str
    path: str
    """JSONPath into the object."""
    type: str = "string"
    priority: int = 0


AGE = Column(name="Age", path=".metadata.creationTimestamp", type="date")


def condition_column(name: str, *, priority: int = 0) -> Column:
    """The status of the condition of that type."""
    path = f'.status.conditions[?(@.type=="{name}")].status'
    return Column(name=name, path=path, priority=priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where `kubectl scale` and autoscalers read and write."""

    replicas: str = ".spec.replicas"
    status_replicas: str = ".status.replicas"
    selector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One served version of a kind. Paths are those of `node_at`."""

    name: str
    type: type[Object]
    is_stored: bool = False
    columns: tuple[Column, ...] = ()
    scale: Scale | None = None
    warning: str = ""
    """What a client of a deprecated version is told; empty: it is not deprecated."""
    rules: tuple[Rule, ...] = ()
    """Rules of the kind; those of other versions are left out."""
    limits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Keywords by path, such as `{"resource.labels": {"maxProperties": 64}}`.

    An API server estimates what a rule costs from the largest object that the schema allows, and
    refuses the CRD where that is too much. A limit has to be beyond every real manifest.
    """
    without: tuple[str, ...] = ()
    """Fields of the struct that this version does not have."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of this version only, by path."""
    open: tuple[str, ...] = ()
    """Objects whose unknown fields are kept."""

    def to_manifest(self) -> Manifest:
        """The entry of `spec.versions`."""
        subresources: Manifest = {"status": {}}
        if self.scale is not None:
            subresources["scale"] = _scale(self.scale)
        deprecation = {"deprecated": True, "deprecationWarning": self.warning}
        return {
            "name": self.name,
            "served": True,
            "storage": self.is_stored,
            **(deprecation if self.warning else {}),
            "schema": {"openAPIV3Schema": self.schema()},
            "subresources": subresources,
            "additionalPrinterColumns": [_column(column) for column in self.columns],
        }

    def schema(self) -> Manifest:
        """The struct's schema with everything that this version adds to it."""
        # Fields of one struct share their inlined schema; each has to be changed on its own.
        schema = copy.deepcopy(structural_schema(self.type))
        for path in self.without:
            parent, _, name = path.rpartition(".")
            del self._node(schema, parent)["properties"][name]
        for path, value in self.defaults.items():
            self._node(schema, path)["default"] = value
        for path, keywords in self.limits.items():
            if node_at(schema, path) is not None or path not in self.without:
                self._node(schema, path).update(keywords)
        for path in self.open:
            self._node(schema, path)["x-kubernetes-preserve-unknown-fields"] = True
        for rule in self.rules:
            if rule.applies_to(self.name):
                node = self._node(schema, rule.path)
                node.setdefault("x-kubernetes-validations", []).append(rule.to_validation())
        return schema

    def _node(self, schema: Manifest, path: str) -> Manifest:
        node = node_at(schema, path)
        assert node is not None, f"{self.type.__name__} {self.name} has nothing at {path!r}"
        return node


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Definition:
    """A kind and its versions. Compared by identity: there is one of each kind."""

    group: str
    kind: str
    plural: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    is_namespaced: bool = True
    versions: tuple[Version, ...]

    @property
    def name(self) -> str:
        """`plural.group`: the name of the CustomResourceDefinition."""
        return f"{self.plural}.{self.group}"

    def to_manifest(self) -> Manifest:
        """The CustomResourceDefinition."""
        names: Manifest = {
            "kind": self.kind,
            "listKind": f"{self.kind}List",
            "plural": self.plural,
            "singular": self.kind.lower(),
        }
        if self.short_names:
            names["shortNames"] = list(self.short_names)
        if self.categories:
            names["categories"] = list(self.categories)
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.name},
            "spec": {
                "group": self.group,
                "names": names,
                "scope": "Namespaced" if self.is_namespaced else "Cluster",
                "versions": [version.to_manifest() for version in self.versions],
            },
        }


def _column(column: Column) -> Manifest:
    entry: Manifest = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return {**entry, "priority": column.priority} if column.priority else entry


def _scale(scale: Scale) -> Manifest:
    paths = {
        "specReplicasPath": scale.replicas,
        "statusReplicasPath": scale.status_replicas,
        "labelSelectorPath": scale.selector,
    }
    return {key: path for key, path in paths.items() if path}
