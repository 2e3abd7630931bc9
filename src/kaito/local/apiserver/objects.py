"""Objects as manifests: their metadata, their encoding, their identity.

Pure. Manifests are never changed in place; a changed one shares what stays the same. The encoding
puts `apiVersion` first, which lets a stored value be served under another version by replacing
nothing but its beginning.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from kaito.api.meta import Manifest
from kaito.local.apiserver.errors import Cause
from kaito.local.apiserver.registry import Served

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\Z")
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_NAMED_BY_LABEL = frozenset({"namespaces", "services"})
_MOST_ANNOTATIONS = 256 * 1024


def metadata(manifest: Manifest) -> Manifest:
    """An object's metadata; empty where it has none."""
    found = manifest.get("metadata")
    return found if isinstance(found, dict) else {}


def with_metadata(manifest: Manifest, **changes: Any) -> Manifest:
    """The object with some metadata replaced; a value of None removes the field."""
    merged = {**metadata(manifest), **changes}
    return {**manifest, "metadata": {k: v for k, v in merged.items() if v is not None}}


def with_field(manifest: Manifest, field: str, value: Any) -> Manifest:
    """The object with one root field replaced; None removes it."""
    if value is None:
        return {key: kept for key, kept in manifest.items() if key != field}
    return {**manifest, field: value}


def to_encoder(manifest: Manifest) -> Callable[[int], bytes]:
    """What the store calls to get the value to keep, which carries its own revision."""

    def encode(revision: int) -> bytes:
        return msgspec.json.encode(in_order(with_metadata(manifest, resourceVersion=str(revision))))

    return encode


def in_order(manifest: Manifest) -> Manifest:
    """The object with apiVersion, kind and metadata first."""
    head: Manifest = {
        key: manifest[key] for key in ("apiVersion", "kind", "metadata") if key in manifest
    }
    return {**head, **manifest}


def decode(value: bytes) -> Manifest:
    """A stored value as an object."""
    manifest: Manifest = msgspec.json.decode(value)
    return manifest


def in_version(value: bytes, api_version: str) -> bytes:
    """A stored value under another version of its resource: conversion None changes no more."""
    start = b'{"apiVersion":"' + api_version.encode() + b'"'
    if value.startswith(start):
        return value
    return start + value[value.index(b'",') + 1 :]


def content_equal(one: Manifest, other: Manifest) -> bool:
    """Whether two states of an object differ at most in when a manager last wrote."""
    if one == other:
        return True
    bare = {"managedFields": None, "resourceVersion": None}
    if with_metadata(one, **bare) != with_metadata(other, **bare):
        return False
    return _owners(one) == _owners(other)


def is_deleting(manifest: Manifest) -> bool:
    """Whether deletion has begun."""
    return bool(metadata(manifest).get("deletionTimestamp"))


def desired_state(manifest: Manifest) -> Manifest:
    """What `metadata.generation` counts changes of: everything but metadata and status."""
    return {k: v for k, v in manifest.items() if k not in {"metadata", "status"}}


_RBAC = "rbac.authorization.k8s.io"
_SEGMENT_RULE = "may not be '.' or '..' nor contain '/' or '%'"


def name_problems(served: Served, name: str) -> tuple[Cause, ...]:
    """What is wrong with an object's name."""
    if served.group == _RBAC:
        return () if _is_path_segment(name) else (_bad("metadata.name", name, _SEGMENT_RULE),)
    if served.plural in _NAMED_BY_LABEL and not served.group:
        if len(name) > 63:
            return (_bad("metadata.name", name, "must be no more than 63 characters"),)
        return () if _LABEL.match(name) else (_bad("metadata.name", name, _LABEL_RULE),)
    if len(name) > 253:
        return (_bad("metadata.name", name, "must be no more than 253 characters"),)
    return () if _SUBDOMAIN.match(name) else (_bad("metadata.name", name, _SUBDOMAIN_RULE),)


def _is_path_segment(name: str) -> bool:
    """What Kubernetes asks of names that may have colons, such as `system:node`."""
    return name not in {".", ".."} and not {"/", "%"} & set(name)


def metadata_problems(manifest: Manifest) -> tuple[Cause, ...]:
    """What is wrong with labels, annotations and finalizers that are otherwise well-formed."""
    found = [*_label_problems(metadata(manifest).get("labels") or {})]
    annotations = metadata(manifest).get("annotations") or {}
    found += [p for key in annotations for p in _key_problems("metadata.annotations", key)]
    size = sum(len(str(k)) + len(str(v)) for k, v in annotations.items())
    if size > _MOST_ANNOTATIONS:
        message = f"Too long: may not be more than {_MOST_ANNOTATIONS} bytes"
        found.append(Cause("metadata.annotations", message, "FieldValueTooLong"))
    return tuple(found)


def _label_problems(labels: Manifest) -> list[Cause]:
    found = [p for key in labels for p in _key_problems("metadata.labels", key)]
    for value in labels.values():
        if isinstance(value, str) and value and not (len(value) <= 63 and _QUALIFIED.match(value)):
            rule = (
                "a valid label must be an empty string or at most 63 alphanumeric characters, '-', "
                "'_' or '.', and must start and end with an alphanumeric character"
            )
            found.append(_bad("metadata.labels", value, rule))
    return found


def _key_problems(field: str, key: str) -> list[Cause]:
    prefix, slash, name = key.rpartition("/")
    well_formed = bool(name) and len(name) <= 63 and _QUALIFIED.match(name)
    if slash:
        well_formed = well_formed and len(prefix) <= 253 and _SUBDOMAIN.match(prefix.lower())
    if well_formed:
        return []
    rule = (
        "a qualified name must consist of at most 63 alphanumeric characters, '-', '_' or '.', "
        "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
    )
    return [_bad(field, key, rule)]


def _owners(manifest: Manifest) -> list[Manifest]:
    entries = metadata(manifest).get("managedFields") or []
    return [{k: v for k, v in entry.items() if k != "time"} for entry in entries]


def _bad(field: str, value: str, rule: str) -> Cause:
    quoted = msgspec.json.encode(value).decode()
    return Cause(field, f"Invalid value: {quoted}: {rule}")
