"""Compiled structural schemas: what the rest of the package asks about the shape of an object.

`compile_schema` turns an OpenAPI v3 schema, as a CRD carries it, into a tree of frozen `Schema`
nodes once; validation, defaulting, patching and ownership then walk manifest and schema side by
side. `$ref` reaches the shipped definitions, each compiled once and shared. CEL rules are stored,
not run. Vocabulary:
https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy and
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import msgspec

from kaito.api.meta import Manifest
from kaito.base.errors import KaitoError
from kaito.local.schema.definitions import OBJECT_META, REF_PREFIX, load_definition
from kaito.local.schema.patterns import compile_pattern

Json: TypeAlias = Any
"""A value as JSON decodes to it: None, bool, int, float, str, list or dict."""

ListType = Literal["atomic", "set", "map"]
MapType = Literal["granular", "atomic"]
PlainType: TypeAlias = type[str] | type[bool] | type[int]


class SchemaError(KaitoError):
    """A schema that cannot be compiled: an unknown `$ref`, a bad pattern, a wrong keyword."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The limits on a value: numeric, of length, of items, of properties. None is no limit."""

    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    min_properties: int | None = None
    max_properties: int | None = None
    unique_items: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """One `x-kubernetes-validations` rule, in CEL. Kept for who can evaluate it."""

    rule: str
    message: str = ""
    message_expression: str = ""
    reason: str = ""
    field_path: str = ""
    optional_old_self: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schema:
    """What is known about one value and all beneath it. Compared by identity."""

    type: str = ""
    """`object`, `array`, `string`, `integer`, `number`, `boolean`, or empty when any is allowed."""
    properties: Mapping[str, "Schema"]
    additional: "Schema | None" = None
    """The schema of the values of keys that are not in `properties`, when those are a map."""
    items: "Schema | None" = None
    required: tuple[str, ...] = ()
    enum: tuple[Json, ...] = ()
    pattern: re.Pattern[str] | None = None
    pattern_source: str = ""
    """The pattern as the schema writes it, for messages."""
    format: str = ""
    bounds: Bounds | None = None
    default: Json = None
    """The value an absent field gets; None when there is none. Must not be changed in place."""
    nullable: bool = False
    null_is_absent: bool = False
    """Null stands for a field left out, as in every kind that is decoded into a Go struct."""
    preserve_unknown: bool = False
    int_or_string: bool = False
    embedded_resource: bool = False
    list_type: ListType = "atomic"
    list_map_keys: tuple[str, ...] = ()
    map_type: MapType = "granular"
    patch_strategy: frozenset[str] = frozenset()
    patch_merge_key: str = ""
    validations: tuple[Validation, ...] = ()
    all_of: tuple["Schema", ...] = ()
    any_of: tuple["Schema", ...] = ()
    one_of: tuple["Schema", ...] = ()
    negated: "Schema | None" = None
    defaulted: tuple[tuple[str, Json], ...] = ()
    """Derived: the properties with a default, and the default."""
    completes: bool = False
    """Derived: whether filling in defaults can change anything here or beneath."""
    plain_type: PlainType | None = None
    """Derived: the Python type all of whose values are valid, for scalars without constraints."""

    def child(self, key: str) -> "Schema | None":
        """The schema of the field `key`; None when the schema knows no such field."""
        return (
            self.properties.get(key) or self.additional or (OPEN if self.preserve_unknown else None)
        )

    def child_or_open(self, key: str) -> "Schema":
        """The schema of the field `key`, where an unknown one may hold anything."""
        return self.properties.get(key) or self.additional or OPEN

    @property
    def item(self) -> "Schema":
        """The schema of the items of a list."""
        return self.items or OPEN


OPEN = Schema(properties={}, preserve_unknown=True, nullable=True)
"""Anything at all: lists are atomic, maps granular."""

_CONSTRAINTS = frozenset({"enum", "pattern", "format", "bounds", "int_or_string"})

_COMPILED: dict[str, Schema] = {}


def compile_schema(document: Manifest) -> Schema:
    """Compile the schema of a custom resource (`openAPIV3Schema`).

    `apiVersion`, `kind` and `metadata` (as ObjectMeta) are known at its root whether or not the
    document names them.

    Raises:
        SchemaError: the document makes no sense; the message names the path inside it.
    """
    return _compile_encoded(msgspec.json.encode(document))


@lru_cache(maxsize=64)
def _compile_encoded(document: bytes) -> Schema:
    # Kept, because every status write to a CRD, and every API server of one process, asks again
    # for what takes 10 ms a kind. What is kept is frozen.
    decoded = msgspec.json.decode(document)
    return _as_resource(_compile(decoded, "openAPIV3Schema"), nullable=False)


def compile_definition(name: str) -> Schema:
    """The compiled form of a shipped definition; `SchemaError` when there is none of that name."""
    if name not in _COMPILED:
        # A definition that contains itself (JSONSchemaProps) is open from its second level on:
        # that keeps the tree finite and immutable, and the API server checks CRDs on its own.
        _COMPILED[name] = OPEN
        try:
            document = load_definition(name)
        except KeyError:
            del _COMPILED[name]
            raise SchemaError(f"schema definition {name!r} does not exist") from None
        _COMPILED[name] = _compile(document, name, native=True)
    return _COMPILED[name]


def _compile(document: Json, where: str, *, native: bool = False) -> Schema:
    if not isinstance(document, dict):
        raise SchemaError(f"{where} is not an object but {document!r}")
    if base := _referenced(document):
        return _overlay(compile_definition(base), document, where)
    properties = {
        name: _compile(child, f"{where}.properties[{name}]", native=native)
        for name, child in _mapping(document, "properties", where).items()
    }
    additional = _compile_additional(document, where, native=native)
    items = (
        _compile(document["items"], f"{where}.items", native=native)
        if "items" in document
        else None
    )
    defaulted = tuple((k, s.default) for k, s in properties.items() if s.default is not None)
    children = (*properties.values(), *filter(None, (additional, items)))
    leaf = _leaf_keywords(document, where)
    schema = Schema(
        **leaf,
        plain_type=_plain_type(document, leaf),
        **_merge_keywords(document),
        **_junctors(document, where, native=native),
        properties=properties,
        additional=additional,
        items=items,
        null_is_absent=native,
        preserve_unknown=_is_open(document),
        defaulted=defaulted,
        completes=bool(defaulted)
        or document.get("format") == "quantity"
        or any(child.completes for child in children),
    )
    return _as_resource(schema, nullable=True) if schema.embedded_resource else schema


def _referenced(document: Manifest) -> str:
    """The definition that `$ref`, or the one `$ref` that `allOf` wraps to add to it, names."""
    ref = document.get("$ref")
    parts = document.get("allOf")
    if ref is None and isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], dict):
        ref = parts[0].get("$ref")
    return ref.removeprefix(REF_PREFIX) if isinstance(ref, str) else ""


def _overlay(base: Schema, document: Manifest, where: str) -> Schema:
    """A referenced definition with the keywords written next to the reference."""
    extra = {**_leaf_keywords(document, where), **_merge_keywords(document)}
    stated = {name: value for name, value in extra.items() if value != getattr(OPEN, name)}
    stated.pop("nullable", None)
    if stated.keys() & _CONSTRAINTS:
        stated["plain_type"] = None
    return replace(base, **stated) if stated else base


def _plain_type(document: Manifest, leaf: Mapping[str, Any]) -> PlainType | None:
    """The type all of whose values are valid; None when a value has to be looked at."""
    wide = leaf["format"] in {"int64", "double"}
    if any(leaf[name] for name in _CONSTRAINTS if not (wide and name == "format")):
        return None
    if document.keys() & {"allOf", "anyOf", "oneOf", "not"}:
        return None
    plain: dict[str, PlainType] = {"string": str, "boolean": bool, "integer": int}
    return plain.get(leaf["type"])


def _leaf_keywords(document: Manifest, where: str) -> dict[str, Any]:
    if not isinstance(document.get("type", ""), str):
        raise SchemaError(f"{where}.type is not a string but {document['type']!r}")
    pattern = document.get("pattern")
    try:
        compiled = compile_pattern(pattern) if pattern else None
    except (re.error, TypeError) as error:
        raise SchemaError(
            f"{where}.pattern {pattern!r} is not a regular expression: {error}"
        ) from error
    return {
        "type": document.get("type", ""),
        "required": tuple(document.get("required") or ()),
        "enum": tuple(document.get("enum") or ()),
        "pattern": compiled,
        "pattern_source": pattern or "",
        "format": document.get("format", ""),
        "bounds": _bounds(document),
        "default": document.get("default"),
        "nullable": bool(document.get("nullable", False)),
        "int_or_string": bool(document.get("x-kubernetes-int-or-string", False))
        or document.get("format") == "int-or-string",
        "embedded_resource": bool(document.get("x-kubernetes-embedded-resource", False)),
        "validations": tuple(map(_validation, document.get("x-kubernetes-validations") or ())),
    }


def _bounds(document: Manifest) -> Bounds | None:
    bounds = Bounds(
        minimum=document.get("minimum"),
        maximum=document.get("maximum"),
        exclusive_minimum=bool(document.get("exclusiveMinimum", False)),
        exclusive_maximum=bool(document.get("exclusiveMaximum", False)),
        multiple_of=document.get("multipleOf"),
        min_length=document.get("minLength"),
        max_length=document.get("maxLength"),
        min_items=document.get("minItems"),
        max_items=document.get("maxItems"),
        min_properties=document.get("minProperties"),
        max_properties=document.get("maxProperties"),
        unique_items=bool(document.get("uniqueItems", False)),
    )
    return bounds if bounds != Bounds() else None


def _validation(rule: Manifest) -> Validation:
    return Validation(
        rule=rule.get("rule", ""),
        message=rule.get("message", ""),
        message_expression=rule.get("messageExpression", ""),
        reason=rule.get("reason", ""),
        field_path=rule.get("fieldPath", ""),
        optional_old_self=bool(rule.get("optionalOldSelf", False)),
    )


def _merge_keywords(document: Manifest) -> dict[str, Any]:
    strategy = document.get("x-kubernetes-patch-strategy", "")
    return {
        "list_type": document.get("x-kubernetes-list-type", "atomic"),
        "list_map_keys": tuple(document.get("x-kubernetes-list-map-keys") or ()),
        "map_type": document.get("x-kubernetes-map-type", "granular"),
        "patch_strategy": frozenset(filter(None, strategy.split(","))),
        "patch_merge_key": document.get("x-kubernetes-patch-merge-key", ""),
    }


def _junctors(document: Manifest, where: str, *, native: bool) -> dict[str, Any]:
    def compiled(keyword: str) -> tuple[Schema, ...]:
        parts = document.get(keyword) or ()
        return tuple(
            _compile(part, f"{where}.{keyword}[{index}]", native=native)
            for index, part in enumerate(parts)
        )

    negated = document.get("not")
    return {
        "all_of": compiled("allOf"),
        "any_of": compiled("anyOf"),
        "one_of": compiled("oneOf"),
        "negated": _compile(negated, f"{where}.not", native=native) if negated else None,
    }


def _compile_additional(document: Manifest, where: str, *, native: bool) -> Schema | None:
    additional = document.get("additionalProperties")
    if additional is None or additional is False:
        return None
    if additional is True:
        return OPEN
    return _compile(additional, f"{where}.additionalProperties", native=native)


def _is_open(document: Manifest) -> bool:
    """Whether any field may appear: said so, or neither a type nor a field is."""
    stated = bool(document.get("x-kubernetes-preserve-unknown-fields", False))
    return stated or not (document.get("type") or document.get("properties"))


def _as_resource(schema: Schema, *, nullable: bool) -> Schema:
    """The schema of a whole object: identity fields known, metadata an ObjectMeta."""
    text = Schema(properties={}, type="string", null_is_absent=True)
    meta = compile_definition(OBJECT_META)
    stated = schema.properties.get("metadata")
    if stated is not None and stated.properties:
        # A CRD may only narrow name and generateName; the rest stays ObjectMeta's.
        narrowed = replace(stated, preserve_unknown=True)
        meta = replace(meta, all_of=(narrowed,))
    properties = {**schema.properties, "apiVersion": text, "kind": text, "metadata": meta}
    return replace(
        schema,
        type=schema.type or "object",
        properties=properties,
        nullable=nullable and schema.nullable,
    )


def _mapping(document: Manifest, keyword: str, where: str) -> Manifest:
    value = document.get(keyword)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SchemaError(f"{where}.{keyword} is not an object but {value!r}")
    return value
