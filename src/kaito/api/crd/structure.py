"""Structural schemas from wire types: what `openAPIV3Schema` of a CRD says about a struct.

CRD schemas must be structural (no `$ref`, https://kubernetes.io/docs/tasks/extend-kubernetes/
custom-resources/custom-resource-definitions/#specifying-a-structural-schema), so msgspec's JSON
Schema is inlined. The string under an attribute becomes the field's description.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from kaito.api.meta import Manifest, Object

_TYPES = {"string", "integer", "number", "boolean", "array", "object"}
_KEPT = ("enum", "minimum", "maximum", "minItems", "maxItems", "pattern", "format")
_LIMITS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")


def structural_schema(kind: type[Object]) -> Manifest:
    """The structural schema of a kind; metadata is the API server's own business."""
    document, components = msgspec.json.schema_components((kind,), ref_template="#/{name}")
    schema = _Inlining(components, _structs_below(kind)).inline(document[0], kind)
    properties = {
        name: {"type": "object"} if name == "metadata" else child
        for name, child in schema["properties"].items()
    }
    return {**schema, "properties": properties, "description": inspect.getdoc(kind) or ""}


def node_at(schema: Manifest, path: str) -> Manifest | None:
    """The schema of what lies at `path`, such as `inference.adapters[].source`; None: no such."""
    found: Manifest | None = schema
    for step in filter(None, path.split(".")):
        name = step.removesuffix("[]")
        found = (found or {}).get("properties", {}).get(name)
        if step.endswith("[]"):
            found = (found or {}).get("items")
        if found is None:
            return None
    return found


class _Inlining:
    """Replaces references by what they refer to, and drops what a structural schema may not say."""

    def __init__(self, components: Manifest, structs: dict[str, type]) -> None:
        self._components = components
        self._structs = structs

    def inline(self, node: Manifest, owner: type | None = None) -> Manifest:
        """`node` in full; `owner` is the struct it describes."""
        if "$ref" in node:
            name = node["$ref"].removeprefix("#/")
            beside = {key: value for key, value in node.items() if key.startswith("x-kubernetes-")}
            return {**self.inline(self._components[name], self._structs.get(name)), **beside}
        if "anyOf" in node:
            return self._optional(node, owner)
        kept: Manifest = {
            key: node[key] for key in _KEPT if key in node and node[key] not in (None, {}, [])
        }
        kept |= {
            key: value
            for key, value in node.items()
            if key.startswith("x-kubernetes-") or key in _LIMITS
        }
        if node.get("default"):
            # An empty default says nothing; in every stored object it would only be noise.
            kept["default"] = node["default"]
        type_ = node.get("type")
        if type_ is None and "enum" in node:
            type_ = "string"
        if type_ in _TYPES:
            kept["type"] = type_
        if "enum" in kept:
            kept["enum"] = [value for value in kept["enum"] if value is not None]
        return kept | self._children(node, owner)

    def _optional(self, node: Manifest, owner: type | None) -> Manifest:
        """Optional fields: what is absent needs no null in the schema."""
        options = [option for option in node["anyOf"] if option.get("type") != "null"]
        if {option.get("type") for option in options} >= {"string", "integer"}:
            return {"x-kubernetes-int-or-string": True}
        return self.inline(options[0], owner)

    def _children(self, node: Manifest, owner: type | None) -> Manifest:
        found: Manifest = {}
        if "properties" in node:
            texts = _field_texts(owner) if owner else {}
            found["properties"] = {
                name: _described(self.inline(child), texts.get(name, ""))
                for name, child in node["properties"].items()
            }
            if required := node.get("required"):
                found["required"] = list(required)
        if isinstance(node.get("items"), dict):
            found["items"] = self.inline(node["items"])
        if isinstance(node.get("additionalProperties"), dict) and node["additionalProperties"]:
            found["additionalProperties"] = self.inline(node["additionalProperties"])
        return found


def _described(schema: Manifest, text: str) -> Manifest:
    return {"description": text, **schema} if text else schema


def _structs_below(kind: type[Object]) -> dict[str, type]:
    """Every struct that a kind is made of, by name."""
    found: dict[str, type] = {}
    waiting: list[Any] = [msgspec.inspect.type_info(kind)]
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls.__name__ in found:
                continue
            found[info.cls.__name__] = info.cls
            waiting.extend(field.type for field in info.fields)
        else:
            waiting.extend(_parts(info))
    return found


def _parts(info: Any) -> Iterator[Any]:
    for name in ("type", "key_type", "value_type", "item_type"):
        if isinstance(part := getattr(info, name, None), msgspec.inspect.Type):
            yield part
    for name in ("types", "item_types"):
        yield from getattr(info, name, ())


@cache
def _field_texts(owner: type) -> dict[str, str]:
    """The string under each attribute of a struct, by the field's name on the wire."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    assert isinstance(tree, ast.ClassDef)
    names = {f.name: f.encode_name for f in msgspec.structs.fields(owner)}
    texts: dict[str, str] = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            texts[names[field.target.id]] = inspect.cleandoc(str(text.value.value))
    return texts
