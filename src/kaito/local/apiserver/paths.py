"""Everything that is not about objects: health, version, discovery and OpenAPI."""

import platform

import msgspec
from aiohttp import web

from kaito.api.meta import Manifest
from kaito.local.apiserver import discovery, errors
from kaito.local.apiserver.answers import Answer, to_answer
from kaito.local.apiserver.negotiate import wants_aggregated_discovery
from kaito.local.apiserver.openapi import OpenApi
from kaito.local.apiserver.registry import Registry

EMULATED_VERSION = "v1.34.2"
"""The Kubernetes release whose behaviour this server follows."""
_HEALTH = frozenset({"/healthz", "/livez", "/readyz"})
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def version() -> Manifest:
    """What `/version` answers."""
    major, minor, _ = EMULATED_VERSION.removeprefix("v").split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"{EMULATED_VERSION}+kaito",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": platform.python_implementation(),
        "platform": f"{platform.system().lower()}/{_machine()}",
    }


class Paths:
    """Answers about the server itself. Discovery documents are kept until the registry changes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._openapi = OpenApi(registry)
        self._documents: dict[str, bytes] = {}
        self._changes = registry.changes

    def answer(self, request: web.Request) -> Answer:
        """The answer at a path that names no object; 404 where there is nothing."""
        path = request.path.rstrip("/") or "/"
        if request.method not in {"GET", "HEAD"}:
            raise errors.StatusError(
                405, "MethodNotAllowed", f"{request.method} is not supported on {path!r}"
            )
        if path in _HEALTH or path.startswith(tuple(f"{p}/" for p in _HEALTH)):
            return Answer(body=b"ok", content_type="text/plain; charset=utf-8")
        if path == "/version":
            return to_answer(version())
        if path.startswith("/openapi/"):
            return self._openapi.answer(path, request.headers.get("Accept", ""))
        return self._discovery(path, request.headers.get("Accept", ""))

    def resource_list(self, path: str) -> Answer | None:
        """The list of resources of `/apis/<group>/<version>`; None for any other path."""
        parts = [part for part in path.split("/") if part]
        if parts[0] != "apis" or len(parts) != 3:
            return None
        return self._kept(path, discovery.resource_list(self._registry, parts[1], parts[2]))

    def _discovery(self, path: str, accept: str) -> Answer:
        if path in {"/api", "/apis"} and wants_aggregated_discovery(accept):
            found = discovery.aggregated(self._registry, core=path == "/api")
            body = msgspec.json.encode(found)
            return Answer(body=body, content_type=_AGGREGATED, headers={"Vary": "Accept"})
        match [part for part in path.split("/") if part]:
            case ["api"]:
                return to_answer(discovery.core_versions())
            case ["apis"]:
                return to_answer(discovery.group_list(self._registry))
            case ["api", version]:
                return self._kept(path, discovery.resource_list(self._registry, "", version))
            case ["apis", group]:
                return self._kept(path, discovery.one_group(self._registry, group))
            case []:
                return to_answer({"paths": self._known_paths()})
        raise errors.unknown_path()

    def _kept(self, path: str, found: Manifest | None) -> Answer:
        del path
        if found is None:
            raise errors.unknown_path()
        return to_answer(found)

    def _known_paths(self) -> list[str]:
        known = {"/api", "/apis", "/openapi/v3", "/version", *_HEALTH}
        for group, name in self._registry.group_versions():
            known |= {f"/apis/{group}", f"/apis/{group}/{name}"} if group else {f"/api/{name}"}
        return sorted(known)


def _machine() -> str:
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    return names.get(platform.machine(), platform.machine())
