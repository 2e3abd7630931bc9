"""OpenAPI, as kubectl reads it to explain and to validate: v3, one document a group and version.

Made when asked for and not kept: clients cache a document by the hash in its URL, which changes
with the registry. The paths describe no more than clients look at: the kind of each operation, and
the query parameters that say that this server validates fields itself.
"""

import hashlib
from typing import Any

import msgspec

from kaito.api.meta import Manifest
from kaito.local.apiserver import errors
from kaito.local.apiserver.answers import Answer, to_answer
from kaito.local.apiserver.registry import Registry, Served
from kaito.local.apiserver.schemas import document
from kaito.local.schema.builtin import schema_name

_REF = "#/components/schemas/"
_WRITES = {"post": "post", "put": "put", "patch": "patch"}


_V2_ASKED = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_V2_ANSWERED = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""The form that is asked for is not a media type by the standard, and Go refuses to read it."""
_V2 = {"swagger": "2.0", "info": {"title": "kaito", "version": "v1"}, "paths": {}}
_V2_BYTES = b"\x0a\x032.0\x12\x0b\x0a\x05kaito\x12\x02v1\x42\x00"
"""The same as a protobuf message: swagger, info with title and version, no paths."""


class OpenApi:
    """Answers below `/openapi`."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def answer(self, path: str, accept: str) -> Answer:
        """The answer at a path below /openapi; 404 where there is no document."""
        if path == "/openapi/v2":
            # Empty: kubectl asks for it only about kinds that v3 does not know, and then says
            # itself that there is no such kind.
            if _V2_ASKED in accept:
                return Answer(body=_V2_BYTES, content_type=_V2_ANSWERED)
            return to_answer(_V2)
        match [part for part in path.split("/") if part]:
            case ["openapi", "v3"]:
                return to_answer({"paths": self._index()})
            case ["openapi", "v3", "api", version]:
                return self._document("", version)
            case ["openapi", "v3", "apis", group, version]:
                return self._document(group, version)
        raise errors.unknown_path()

    def _index(self) -> Manifest:
        pairs = self._registry.group_versions()
        return {
            _root(group, version)[1:]: {
                "serverRelativeURL": f"/openapi/v3{_root(group, version)}?hash={self._hash(*pair)}"
            }
            for pair in pairs
            for group, version in [pair]
        }

    def _hash(self, group: str, version: str) -> str:
        digest = hashlib.sha256()
        for served in self._registry.in_version(group, version):
            digest.update(served.resource.encode())
            digest.update(msgspec.json.encode(served.at(version).schema))
        return digest.hexdigest()[:32].upper()

    def _document(self, group: str, version: str) -> Answer:
        found = self._registry.in_version(group, version)
        if not found:
            raise errors.unknown_path()
        schemas: Manifest = {}
        paths: Manifest = {}
        for served in found:
            schemas.update(document(served, version)["components"]["schemas"])
            paths.update(_paths(served, version))
        return to_answer(
            {
                "openapi": "3.0.0",
                "info": {"title": "kaito", "version": "v1"},
                "paths": paths,
                "components": {"schemas": dict(sorted(schemas.items()))},
            }
        )


def _root(group: str, version: str) -> str:
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def _paths(served: Served, version: str) -> Manifest:
    root = _root(served.group, version)
    scope = "/namespaces/{namespace}" if served.namespaced else ""
    collection = f"{root}{scope}/{served.plural}"
    item = {verb: _operation(served, version, verb) for verb in ("get", "put", "patch", "delete")}
    return {
        collection: {verb: _operation(served, version, verb) for verb in ("get", "post", "delete")},
        f"{collection}/{{name}}": item,
    }


def _operation(served: Served, version: str, verb: str) -> Manifest:
    name = schema_name(served.group, version, served.kind)
    schema = {"application/json": {"schema": {"$ref": _REF + name}}}
    operation: dict[str, Any] = {
        "x-kubernetes-action": verb,
        "x-kubernetes-group-version-kind": {
            "group": served.group,
            "version": version,
            "kind": served.kind,
        },
        "responses": {"200": {"description": "OK", "content": schema}},
    }
    if verb in _WRITES:
        names = ("dryRun", "fieldManager", "fieldValidation", *(["force"] * (verb == "patch")))
        operation["parameters"] = [_parameter(name) for name in names]
        operation["requestBody"] = {"content": schema, "required": True}
    return operation


def _parameter(name: str) -> Manifest:
    kind = "boolean" if name == "force" else "string"
    return {"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": True}}
