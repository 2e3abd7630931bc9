"""CustomResourceDefinitions from the wire types: one source for schema, `explain` and reference.

CRD schemas must be structural (no `$ref`, https://kubernetes.io/docs/tasks/extend-kubernetes/
custom-resources/custom-resource-definitions/#specifying-a-structural-schema), so msgspec's JSON
Schema is inlined. Used by the generator and by the embedded plane, which installs them at start.
"""

import ast
import inspect
import textwrap
from functools import cache
from typing import Any

import msgspec

from kaito.api import labels
from kaito.api.meta import Manifest, Object, WireMeta
from kaito.api.nodeclaim import NodeClaim
from kaito.api.workspace import Workspace

_TYPES = {"string", "integer", "number", "boolean", "array", "object"}
_KEPT = ("enum", "minimum", "maximum", "minItems", "maxItems", "pattern", "format")
_DEFAULT_INSTANCE_TYPE = "Standard_NC24ads_A100_v4"
"""v1alpha1 only, as in KAITO 0.12 (spec section 1.1)."""


def workspace_crd() -> Manifest:
    """The CustomResourceDefinition of Workspace, v1alpha1 and v1beta1, v1beta1 stored."""
    alpha = _schema(Workspace)
    instance_type = alpha["properties"]["resource"]["properties"]["instanceType"]
    instance_type["default"] = _DEFAULT_INSTANCE_TYPE
    del alpha["properties"]["resource"]["properties"]["partition"]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"workspaces.{labels.GROUP}"},
        "spec": {
            "group": labels.GROUP,
            "names": {
                "kind": "Workspace",
                "listKind": "WorkspaceList",
                "plural": "workspaces",
                "singular": "workspace",
                "shortNames": ["wk", "wks"],
                "categories": ["workspace"],
            },
            "scope": "Namespaced",
            "versions": [
                _version("v1alpha1", alpha, stored=False),
                _version("v1beta1", _schema(Workspace), stored=True),
            ],
        },
    }


def nodeclaim_crd() -> Manifest:
    """Karpenter's NodeClaim, as far as we use it: for planes where no Karpenter brings its own."""
    schema = _schema(NodeClaim)
    for part in ("spec", "status"):
        schema["properties"][part]["x-kubernetes-preserve-unknown-fields"] = True
    columns = (
        ("Type", f'.spec.requirements[?(@.key=="{labels.INSTANCE_TYPE}")].values[0]'),
        ("Node", ".status.nodeName"),
        ("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    )
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"nodeclaims.{labels.KARPENTER_GROUP}"},
        "spec": {
            "group": labels.KARPENTER_GROUP,
            "names": {
                "kind": "NodeClaim",
                "listKind": "NodeClaimList",
                "plural": "nodeclaims",
                "singular": "nodeclaim",
                "categories": ["karpenter"],
            },
            "scope": "Cluster",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        *({"name": n, "type": "string", "jsonPath": p} for n, p in columns),
                        _AGE_COLUMN,
                    ],
                }
            ],
        },
    }


_AGE_COLUMN = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def _version(name: str, schema: Manifest, *, stored: bool) -> Manifest:
    return {
        "name": name,
        "served": True,
        "storage": stored,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": "Instance", "type": "string", "jsonPath": ".resource.instanceType"},
            *(
                _condition_column(c)
                for c in ("ResourceReady", "InferenceReady", "JobStarted", "WorkspaceReady")
            ),
            _AGE_COLUMN,
            *(_condition_column(c, priority=1) for c in ("WorkspaceSucceeded",)),
            {
                "name": "TargetNodeCount",
                "type": "integer",
                "jsonPath": ".status.targetNodeCount",
                "priority": 1,
            },
            {"name": "State", "type": "string", "jsonPath": ".status.state", "priority": 1},
        ],
    }


def _condition_column(name: str, priority: int = 0) -> Manifest:
    path = f'.status.conditions[?(@.type=="{name}")].status'
    column: Manifest = {"name": name, "type": "string", "jsonPath": path}
    return {**column, "priority": priority} if priority else column


def _schema(kind: type[Object]) -> Manifest:
    """The structural schema of a kind; metadata is the API server's own business."""
    document, components = msgspec.json.schema_components((kind,), ref_template="#/{name}")
    schema = _inline(document[0], components, kind)
    properties = {
        name: {"type": "object"} if name == "metadata" else child
        for name, child in schema["properties"].items()
    }
    return {**schema, "properties": properties, "description": inspect.getdoc(kind) or ""}


def _inline(node: Manifest, components: Manifest, owner: Any) -> Manifest:
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/")
        return _inline(components[name], components, _struct_named(name))
    if "anyOf" in node:
        # Optional fields: what is absent needs no null in the schema.
        options = [option for option in node["anyOf"] if option.get("type") != "null"]
        if {option.get("type") for option in options} >= {"string", "integer"}:
            return {"x-kubernetes-int-or-string": True}
        return _inline(options[0], components, owner)
    kept: Manifest = {
        key: node[key] for key in _KEPT if key in node and node[key] not in (None, {}, [])
    }
    kept |= {key: value for key, value in node.items() if key.startswith("x-kubernetes-")}
    if node.get("default"):
        # An empty default says nothing; writing it into every stored object would only add noise.
        kept["default"] = node["default"]
    type_ = node.get("type")
    if type_ is None and "enum" in node:
        type_ = "string"
    if type_ in _TYPES:
        kept["type"] = type_
    if "enum" in kept:
        kept["enum"] = [value for value in kept["enum"] if value is not None]
    kept |= _children(node, components, owner)
    return kept


def _children(node: Manifest, components: Manifest, owner: Any) -> Manifest:
    found: Manifest = {}
    if "properties" in node:
        texts = _field_texts(owner)
        found["properties"] = {
            name: _described(_inline(child, components, None), texts.get(name, ""))
            for name, child in node["properties"].items()
        }
        if required := node.get("required"):
            found["required"] = list(required)
    if isinstance(node.get("items"), dict):
        found["items"] = _inline(node["items"], components, None)
    if isinstance(node.get("additionalProperties"), dict) and node["additionalProperties"]:
        found["additionalProperties"] = _inline(node["additionalProperties"], components, None)
    return found


def _described(schema: Manifest, text: str) -> Manifest:
    return {"description": text, **schema} if text else schema


@cache
def _structs() -> dict[str, type]:
    from kaito.api import core, meta, nodeclaim, selectors, workspace

    modules = (core, meta, nodeclaim, selectors, workspace)
    return {
        value.__name__: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, WireMeta)
    }


def _struct_named(name: str) -> type | None:
    return _structs().get(name)


def _field_texts(owner: Any) -> dict[str, str]:
    """The string under each attribute of a struct, by the field's name on the wire."""
    if owner is None:
        return {}
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    assert isinstance(tree, ast.ClassDef)
    names = {f.name: f.encode_name for f in msgspec.structs.fields(owner)}
    texts: dict[str, str] = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
            texts[names[field.target.id]] = inspect.cleandoc(str(text.value.value))  # type: ignore[attr-defined]
    return texts
