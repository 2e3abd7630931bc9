"""The kinds Kubernetes ships: their compiled schemas and their OpenAPI documents.

A kind is compiled when it is first asked for and kept; definitions that kinds share (PodSpec,
ObjectMeta) are shared. The facts come from `builtin.json`, see `tools/gen_builtin_schemas.py`.
"""

from functools import cache

from kaito.api.meta import Manifest
from kaito.local.schema.builtin_defaults import apply_builtin_defaults
from kaito.local.schema.definitions import (
    OBJECT_META,
    REF_PREFIX,
    kind_names,
    load_definition,
    referenced_names,
)
from kaito.local.schema.structure import Schema, compile_definition

__all__ = [
    "apply_builtin_defaults",
    "builtin_schema",
    "custom_document",
    "has_builtin",
    "schema_document",
    "schema_name",
]


@cache
def _kinds() -> dict[tuple[str, str, str], str]:
    return kind_names()


def has_builtin(group: str, version: str, kind: str) -> bool:
    """Whether the kind is one of those this package knows."""
    return (group, version, kind) in _kinds()


def builtin_schema(group: str, version: str, kind: str) -> Schema:
    """The compiled schema of a built-in kind (cached); `KeyError` when unknown."""
    return compile_definition(_kinds()[group, version, kind])


def schema_name(group: str, version: str, kind: str) -> str:
    """The component name of a kind, such as `io.k8s.api.apps.v1.Deployment`."""
    known = _kinds().get((group, version, kind))
    return known or ".".join((*reversed(group.split(".")), version, kind))


def schema_document(group: str, version: str, kind: str) -> Manifest:
    """The OpenAPI document of a built-in kind, with every definition it refers to.

    `{"openapi": "3.0.0", "info": {...}, "paths": {}, "components": {"schemas": {name: schema}}}`;
    documents of one group and version can be merged by their components. `KeyError` when unknown.
    """
    return _document({}, [_kinds()[group, version, kind]])


def custom_document(group: str, version: str, kind: str, schema: Manifest) -> Manifest:
    """The same for a custom resource whose CRD carries `schema` as `openAPIV3Schema`."""
    text = {"type": "string"}
    identity = {
        "apiVersion": text,
        "kind": text,
        "metadata": {"allOf": [{"$ref": REF_PREFIX + OBJECT_META}]},
    }
    root = {
        **schema,
        "type": "object",
        "properties": {**schema.get("properties", {}), **identity},
        "x-kubernetes-group-version-kind": [{"group": group, "version": version, "kind": kind}],
    }
    return _document({schema_name(group, version, kind): root}, [OBJECT_META])


def _document(components: Manifest, wanted: list[str]) -> Manifest:
    components = dict(components)
    while wanted:
        name = wanted.pop()
        if name not in components:
            components[name] = load_definition(name)
            wanted.extend(referenced_names(components[name]))
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": {},
        "components": {"schemas": dict(sorted(components.items()))},
    }
