"""An API server in this process, and clients that reach it without HTTP.

The verbs, the schemas and the store are the embedded plane's. A client may be given a fault line:
it is asked before and after each write, and may raise instead.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from random import Random
from typing import Any, Protocol

import msgspec

from kaito.api.meta import Key, Manifest
from kaito.api.resources import Resource
from kaito.base.clock import Clock
from kaito.kube import errors
from kaito.kube.client import Client
from kaito.kube.config import Cluster
from kaito.local.apiserver.admission import Admission
from kaito.local.apiserver.core import RandomIdentifiers
from kaito.local.apiserver.errors import StatusError
from kaito.local.apiserver.incoming import Incoming
from kaito.local.apiserver.negotiate import Accepted
from kaito.local.apiserver.server import ApiServer
from kaito.local.apiserver.target import parse_target
from kaito.local.store.memory import MemoryStore

_VERBS = {"PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}


class FaultLine(Protocol):
    """What may go wrong between a controller and the API server."""

    def before(self, verb: str, path: str) -> None:
        """Raise to have the request never arrive."""
        ...

    def after(self, verb: str, path: str) -> None:
        """Raise to have the answer never come back, although the request was carried out."""
        ...


class SimulatedServer:
    """One API server over a store in memory."""

    def __init__(self, clock: Clock, *, seed: int, admission: Admission | None = None) -> None:
        self.store = MemoryStore(queue_limit=1_000_000)
        ids = RandomIdentifiers(Random(seed))  # noqa: S311
        self.server = ApiServer(self.store, clock, token="", admission=admission, ids=ids)
        self.requests: list[tuple[str, str]] = []
        """Verb and path of every request of a client that is counted."""

    async def start(self, definitions: Iterable[Manifest]) -> None:
        """Create what every cluster has, and the custom resource definitions."""
        await self.server.begin()
        client = DirectClient(self)
        for manifest in definitions:
            path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            await client.request("POST", path, json=manifest)

    async def manifests(self, resource: Resource[Any]) -> tuple[Manifest, ...]:
        """Every object of a resource as it is stored, ordered by key."""
        body = await DirectClient(self).request("GET", resource.path())
        items: list[Manifest] = msgspec.json.decode(body)["items"]
        return tuple(items)

    async def answer(
        self, method: str, path: str, *, query: Mapping[str, str], body: bytes, media_type: str
    ) -> bytes:
        """One request; what is refused is raised as the client's errors are."""
        try:
            target = parse_target(self.server.core.registry, path)
        except StatusError as error:
            raise errors.NotFound(str(error), status=404, reason="NotFound") from error
        found = await self.server.answer(
            Incoming(
                verb=_VERBS.get(method) or ("get" if target.name else "list"),
                target=target,
                query=query,
                accepted=Accepted(),
                body=body,
                media_type=media_type,
                user_agent="kaito",
            )
        )
        if found.status >= 400:
            retry_after = found.headers.get("Retry-After", "")
            raise errors.to_error(found.status, found.body, where=path, retry_after=retry_after)
        return found.body


class DirectClient(Client):
    """A client whose requests are calls."""

    def __init__(
        self, simulated: SimulatedServer, *, faults: FaultLine | None = None, counts: bool = False
    ) -> None:
        super().__init__(Cluster(url="http://simulated"))
        self._simulated = simulated
        self._faults = faults
        self._counts = counts

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """See `Client.request`; faults strike writes."""
        if self._counts:
            self._simulated.requests.append((method, path))
        strikes = self._faults if method != "GET" else None
        if strikes:
            strikes.before(method, path)
        media_type = (headers or {}).get("Content-Type", "application/json")
        body = await self._simulated.answer(
            method,
            path,
            query={name: value for name, value in (query or {}).items() if value},
            body=msgspec.json.encode(json) if json is not None else b"",
            media_type=media_type,
        )
        if strikes:
            strikes.after(method, path)
        return body


async def force_delete(client: Client, resource: Resource[Any], key: Key, uid: str) -> None:
    """What a kubelet does once a pod's processes have ended."""
    with suppress(errors.NotFound):
        await client.delete(resource, key, uid=uid, grace_seconds=0)
