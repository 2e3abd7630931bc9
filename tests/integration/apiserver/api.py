"""An API server on a socket with a clock that stands still, and a client of plain JSON."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy

from kaito.api.meta import Manifest
from kaito.base.clock import ManualClock
from kaito.local.apiserver.admission import Admission
from kaito.local.apiserver.server import ApiServer
from kaito.local.store.memory import MemoryStore
from kaito.local.store.port import Store

PATIENCE = 10.0
NAMESPACE = "/api/v1/namespaces/default"
JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


class CountingIdentifiers:
    """Ids that a test can predict: they differ, and that is all."""

    plane = ""

    def __init__(self) -> None:
        self._count = 0

    def uid(self) -> str:
        self._count += 1
        return f"00000000-0000-4000-8000-{self._count:012d}"

    def suffix(self) -> str:
        self._count += 1
        return f"{self._count:05d}"


@dataclass(frozen=True)
class Answer:
    """One answer, decoded."""

    status: int
    body: Any
    headers: CIMultiDictProxy[str]

    @property
    def warnings(self) -> list[str]:
        return list(self.headers.getall("Warning", []))

    @property
    def message(self) -> str:
        assert self.body["kind"] == "Status", self.body
        return str(self.body["message"])

    def ok(self) -> Any:
        """The body of a success."""
        assert self.status < 300, self.body
        return self.body


class Api:
    """Requests to one server."""

    def __init__(self, session: aiohttp.ClientSession, server: ApiServer) -> None:
        self._session = session
        self.server = server
        self.store: Store = server.core.store

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str = JSON,
        accept: str = JSON,
        **query: str,
    ) -> Answer:
        """Any request. A body that is bytes is sent as it is."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Accept": accept, "User-Agent": "test/1"}
        if body is not None:
            headers["Content-Type"] = kind
        async with self._session.request(
            method,
            path,
            data=io.BytesIO(data) if body is not None else None,
            params=query,
            headers=headers,
        ) as response:
            text = await response.read()
            decoded = json.loads(text) if response.content_type == JSON else text.decode()
            return Answer(response.status, decoded, response.headers)

    async def get(self, path: str, **query: str) -> Answer:
        return await self.call("GET", path, **query)

    async def post(self, path: str, body: Any, **query: str) -> Answer:
        return await self.call("POST", path, body, **query)

    async def put(self, path: str, body: Any, **query: str) -> Answer:
        return await self.call("PUT", path, body, **query)

    async def patch(self, path: str, body: Any, kind: str = MERGE, **query: str) -> Answer:
        return await self.call("PATCH", path, body, kind=kind, **query)

    async def delete(self, path: str, body: Any = None, **query: str) -> Answer:
        return await self.call("DELETE", path, body, **query)

    async def apply(self, path: str, body: Any, manager: str = "me", **query: str) -> Answer:
        return await self.patch(path, body, APPLY, fieldManager=manager, **query)

    @asynccontextmanager
    async def watching(
        self, path: str, *, accept: str = JSON, **query: str
    ) -> AsyncIterator["Stream"]:
        """A watch, closed at the end."""
        headers = {"Accept": accept}
        params = {"watch": "1", **query}
        async with self._session.get(path, params=params, headers=headers) as response:
            assert response.status == 200, await response.text()
            yield Stream(response)


class Stream:
    """The events of a watch as they come."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> tuple[str, Any]:
        """The next event's type and object."""
        async with asyncio.timeout(PATIENCE):
            line = await self._response.content.readline()
        assert line, "the watch has ended"
        event = json.loads(line)
        return event["type"], event["object"]

    async def names(self, count: int) -> list[tuple[str, str]]:
        """The next events' types and objects' names."""
        events = [await self.next() for _ in range(count)]
        return [(kind, item["metadata"]["name"]) for kind, item in events]

    async def rest(self) -> list[tuple[str, Any]]:
        """Every event until the server ends the watch."""
        async with asyncio.timeout(PATIENCE):
            text = await self._response.text()
        events = [json.loads(line) for line in text.splitlines()]
        return [(event["type"], event["object"]) for event in events]


@asynccontextmanager
async def running_api(
    folder: Path,
    clock: ManualClock,
    *,
    store: Store | None = None,
    admission: Admission | None = None,
) -> AsyncIterator[Api]:
    """A server on a socket in `folder`, and a client of it."""
    kept = store or MemoryStore()
    server = ApiServer(kept, clock, token="secret", admission=admission, ids=CountingIdentifiers())
    socket = folder / "api.sock"
    await server.start(unix_socket=socket)
    connector = aiohttp.UnixConnector(path=str(socket), limit=0)
    try:
        async with aiohttp.ClientSession("http://plane", connector=connector) as session:
            yield Api(session, server)
    finally:
        await server.stop()
        await kept.close()


def config_map(name: str, **data: str) -> Manifest:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def pod(name: str, **spec: Any) -> Manifest:
    """A Pod of one container."""
    containers = [{"name": "main", "image": "busybox"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": containers, **spec},
    }


def deployment(name: str, **spec: Any) -> Manifest:
    """A Deployment of one replica."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod(name)["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


def widgets(**version: Any) -> Manifest:
    """A CustomResourceDefinition with fields at the root and two versions."""
    schema = {
        "type": "object",
        "properties": {
            "size": {"type": "integer", "minimum": 1, "default": 3},
            "parts": {"type": "array", "items": {"type": "string"}},
            "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
        },
    }
    common = {
        "served": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        **version,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [
                {"name": "v1alpha1", "storage": False, **common},
                {"name": "v1", "storage": True, **common},
            ],
        },
    }


def widget(name: str, version: str = "v1", **fields: Any) -> Manifest:
    """A Widget."""
    api_version = f"example.com/{version}"
    return {"apiVersion": api_version, "kind": "Widget", "metadata": {"name": name}, **fields}


WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
OLD_WIDGETS = "/apis/example.com/v1alpha1/namespaces/default/widgets"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
"""Paths."""
