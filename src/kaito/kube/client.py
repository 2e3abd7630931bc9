"""Requests to a Kubernetes API server, typed.

One aiohttp session per client. Reads come back decoded into the struct of their `Resource`; writes
take manifests. A failed request raises one of `kaito.kube.errors`; nothing is retried here, since
only the caller knows whether that is safe.
"""

import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar

import aiohttp
import msgspec

from kaito.api.meta import Key, Manifest, Object, Wire
from kaito.api.resources import Resource
from kaito.base.logs import facts
from kaito.kube import errors
from kaito.kube.config import Cluster
from kaito.kube.exec_credential import Login
from kaito.kube.traffic import Sent, Traffic

T = TypeVar("T", bound=Object)
Propagation = Literal["Background", "Foreground", "Orphan"]
PatchType = Literal["merge", "json", "strategic", "apply"]

logger = logging.getLogger(__name__)

_CONTENT_TYPES: dict[PatchType, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
_CONNECT_SECONDS = 10.0
_JSON_BODY = {"Content-Type": "application/json"}
_LONGEST_LINE = 16 * 1024 * 1024
"""A watch event larger than this many bytes cannot be an object: etcd stops at 1.5 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many seconds without a byte count as a connection that is dead.

    A network that drops a connection tells nobody (a load balancer's idle limit, a machine that is
    gone): who only reads would wait for ever, and see nothing of what changes.
    """

    answer: float = 90.0
    """Of a request. An API server gives up on its own after 60."""
    watch: float = 150.0
    """Of a watch. An API server sends a bookmark about every 60; of one that does not, the watch
    is only begun anew where it was."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """The objects of one list, and the revision they were read at."""

    items: tuple[T, ...]
    resource_version: str


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[T]):
    """One change. BOOKMARK carries only a newer revision."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: T


@dataclass(frozen=True, slots=True)
class Change:
    """A patch and the rules it is merged by."""

    body: Any
    kind: PatchType = "merge"


class _ListMeta(Wire):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    items: tuple[msgspec.Raw, ...] = ()
    metadata: _ListMeta = _ListMeta()


class _Envelope(msgspec.Struct):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


class Client:
    """A connection to one API server. Use as an async context manager."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        traffic: Traffic | None = None,
        patience: Patience = Patience(),
    ) -> None:
        """`traffic` is asked before each request and told of each answer."""
        self.cluster = cluster
        self._traffic = traffic
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
        self._secured: tuple[bytes, ssl.SSLContext | bool] | None = None

    async def __aenter__(self) -> Self:
        socket = self.cluster.unix_socket
        connector: aiohttp.BaseConnector
        if socket:
            connector = aiohttp.UnixConnector(path=str(socket), limit=0)
        else:
            connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": "kaito"},
            read_bufsize=2**18,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session:
            await self._session.close()

    async def get(self, resource: Resource[T], key: Key) -> T:
        """One object; `NotFound` when there is none."""
        body = await self.request("GET", resource.path(key))
        found: T = self._decode(resource.type, body)
        return found

    async def list(
        self, resource: Resource[T], *, namespace: str = "", labels: str = "", fields: str = ""
    ) -> Listing[T]:
        """All objects of a resource, fetched in pages; a page that expired starts over once."""
        path = resource.path(namespace=namespace)
        query = {"limit": "500", "labelSelector": labels, "fieldSelector": fields}
        try:
            return await self._list_pages(resource, path, query)
        except errors.Gone:
            return await self._list_pages(resource, path, query)

    async def _list_pages(
        self, resource: Resource[T], path: str, query: Mapping[str, str]
    ) -> Listing[T]:
        items: list[T] = []
        after = ""
        while True:
            body = await self.request("GET", path, query={**query, "continue": after})
            page = self._decode(_Page, body)
            items.extend(self._readable(resource, page.items))
            after = page.metadata.continue_
            if not after:
                return Listing(tuple(items), page.metadata.resource_version)

    def _readable(self, resource: Resource[T], items: tuple[msgspec.Raw, ...]) -> Iterator[T]:
        """The items that have their kind's form; one broken object must not hide all others."""
        for raw in items:
            try:
                item: T = self._decode(resource.type, raw)
            except errors.Unreadable as error:
                found = self._decode(Object, raw)
                logger.warning("object unreadable", extra=facts(key=found.key, error=error))
            else:
                # Items of a list may come without the kind that the list itself states.
                yield (
                    item
                    if item.kind
                    else msgspec.structs.replace(
                        item, api_version=resource.api_version, kind=resource.kind
                    )
                )

    async def watch(
        self,
        resource: Resource[T],
        *,
        revision: str,
        query: Mapping[str, str],
        namespace: str = "",
    ) -> AsyncIterator[WatchEvent[T]]:
        """Changes after `revision`, until the server ends the stream. `Gone` when it is too old."""
        parameters = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": "300",
            "resourceVersion": revision,
            **query,
        }
        path = resource.path(namespace=namespace)
        request = _Request("GET", path, parameters, patience=self._patience.watch)
        async with self._send(request) as response:
            async for line in _lines(response):
                envelope: _Envelope = self._decode(_Envelope, line)
                yield self._event(resource, envelope)

    def _event(self, resource: Resource[T], envelope: "_Envelope") -> WatchEvent[T]:
        if envelope.type == "ERROR":
            raise _watch_error(envelope.object, str(resource))
        if envelope.type == "BOOKMARK":
            # It carries an empty object, which need not have its kind's form: kube-apiserver sends
            # Pods with `containers: null`.
            mark = self._decode(Object, envelope.object)
            return WatchEvent("BOOKMARK", resource.type(metadata=mark.metadata))
        try:
            return WatchEvent(envelope.type, self._decode(resource.type, envelope.object))
        except errors.Unreadable as error:
            # To whoever reads it an object without its kind's form is as good as gone.
            found = self._decode(Object, envelope.object)
            logger.warning("object unreadable", extra=facts(key=found.key, error=error))
            gone = resource.type(metadata=found.metadata)
            return WatchEvent("DELETED", gone)

    async def create(
        self,
        resource: Resource[T],
        manifest: Manifest,
        *,
        manager: str = "",
        subresource: str = "",
        is_rehearsal: bool = False,
    ) -> T:
        """Create an object; `AlreadyExists` when the name is taken.

        A `subresource` such as `binding` is created on the object that the manifest names. A
        rehearsal is answered in the same way and stores nothing.
        """
        meta = manifest["metadata"]
        namespace = meta.get("namespace", "")
        path = resource.path(namespace=namespace)
        if subresource:
            path = resource.path(Key(namespace, meta["name"]), subresource=subresource)
        query = {"fieldManager": manager, **({"dryRun": "All"} if is_rehearsal else {})}
        body = await self.request("POST", path, json=manifest, query=query)
        created: T = self._decode(resource.type, body)
        return created

    async def patch(
        self,
        resource: Resource[T],
        key: Key,
        patch: "Manifest | Change",
        *,
        subresource: str = "",
        query: Mapping[str, str] | None = None,
    ) -> T:
        """Patch an object (a bare manifest merges); `apply` also creates it where there is none."""
        change = patch if isinstance(patch, Change) else Change(patch)
        body = await self.request(
            "PATCH",
            resource.path(key, subresource=subresource),
            json=change.body,
            query=query,
            headers={"Content-Type": _CONTENT_TYPES[change.kind]},
        )
        patched: T = self._decode(resource.type, body)
        return patched

    async def apply(
        self, resource: Resource[T], manifest: Manifest, *, manager: str, force: bool = True
    ) -> T:
        """Server-side apply: this manager now owns exactly the manifest's fields."""
        meta = manifest["metadata"]
        key = Key(meta.get("namespace", ""), meta["name"])
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        return await self.patch(resource, key, Change(manifest, "apply"), query=query)

    async def delete(
        self,
        resource: Resource[Any],
        key: Key,
        *,
        uid: str = "",
        propagation: Propagation = "Background",
        grace_seconds: int | None = None,
    ) -> None:
        """Ask for deletion; with `uid` only of that very object. `NotFound` when it is gone."""
        options: Manifest = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
        }
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        await self.request("DELETE", resource.path(key), json=options)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of any request's successful answer. JSON both ways unless `headers` differ."""
        data = msgspec.json.encode(json) if json is not None else None
        sent = {"Accept": "application/json", **(_JSON_BODY if data else {}), **(headers or {})}
        wanted = _Request(method, path, query or {}, data, sent, self._patience.answer)
        async with self._send(wanted) as response:
            return await _read(response, self.cluster)

    def open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "_Answer":
        """A request whose answer is read as it comes, however long it says nothing; for logs."""
        return self._send(_Request(method, path, query or {}, data, headers or {}))

    def _send(self, request: "_Request") -> "_Answer":
        assert self._session is not None, "the client is used outside its async with"
        parameters = {name: value for name, value in request.query.items() if value}
        session, cluster = self._session, self.cluster
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECT_SECONDS, sock_read=request.patience
        )

        def start(login: Login) -> Any:
            own = {"Authorization": f"Bearer {login.token}"} if login.token else {}
            return session.request(
                request.method,
                cluster.url + request.path,
                params=parameters,
                data=request.data,
                headers={**request.headers, **own},
                ssl=self._secured_by(login),
                server_hostname=cluster.tls_server_name or None,
                proxy=cluster.proxy_url or None,
                timeout=timeout,
            )

        sent = Sent(request.method, request.path, is_watch="watch" in parameters)
        return _Answer(start, sent=sent, cluster=cluster, traffic=self._traffic)

    def _secured_by(self, login: Login) -> ssl.SSLContext | bool:
        # Connections are pooled by their context, so a new certificate never meets an old one.
        if self._secured is None or self._secured[0] != login.certificate:
            self._secured = login.certificate, self.cluster.ssl_context(login) or True
        return self._secured[1]

    def _decode(self, type_: Any, body: bytes | msgspec.Raw) -> Any:
        decoder = self._decoders.get(type_)
        if decoder is None:
            decoder = self._decoders[type_] = msgspec.json.Decoder(type_)
        try:
            return decoder.decode(body)
        except msgspec.MsgspecError as error:
            name = getattr(type_, "__name__", "answer")
            raise errors.Unreadable(f"not a readable {name}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Request:
    """One request as it will be sent."""

    method: str
    path: str
    query: Mapping[str, str]
    data: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    patience: float | None = None
    """Seconds without a byte of the answer after which it has failed; None: silence is usual."""


class _Answer:
    """An answer that is either a success or raised as an `ApiError`."""

    def __init__(
        self,
        start: Callable[[Login], Any],
        *,
        sent: Sent,
        cluster: Cluster,
        traffic: Traffic | None,
    ) -> None:
        self._start = start
        self._sent = sent
        self._cluster = cluster
        self._traffic = traffic

    async def __aenter__(self) -> aiohttp.ClientResponse:
        # First, since it may take long: what `admit` says must still hold when the request leaves.
        login = await self._cluster.login()
        if self._traffic:
            await self._traffic.admit(self._sent)
        self._pending = self._start(login)
        try:
            response: aiohttp.ClientResponse = await self._pending.__aenter__()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._answered(0)
            raise errors.Unavailable(
                f"the API server at {self._cluster.address} does not answer ({_cause(error)})",
                hint="is it running, and is this its address? see `kaito status` for a plane",
            ) from error
        self._answered(response.status)
        if response.status < 400:
            return response
        if response.status == 401:
            self._cluster.refused(login)
        body = await _read(response, self._cluster)
        response.release()
        retry_after = response.headers.get("Retry-After", "")
        raise errors.to_error(response.status, body, where=str(self._sent), retry_after=retry_after)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._pending.__aexit__(kind, error, traceback)
        if isinstance(error, aiohttp.ClientError):
            # Of what was read as it came: a log that is followed, a table that is watched.
            raise _broken_off(self._cluster, error) from error

    def _answered(self, status: int) -> None:
        if self._traffic:
            self._traffic.answered(self._sent, status)


async def _read(response: aiohttp.ClientResponse, cluster: Cluster) -> bytes:
    """The whole body; `Unavailable` where it is cut off, or does not go on."""
    try:
        return await response.read()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise _broken_off(cluster, error) from error


def _broken_off(cluster: Cluster, error: Exception) -> errors.Unavailable:
    return errors.Unavailable(
        f"the API server at {cluster.address} broke off its answer ({_cause(error)})"
    )


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The lines of a stream of any length each; a cut connection ends it like a clean close."""
    pending = bytearray()
    try:
        async for chunk in response.content.iter_any():
            pending += chunk
            if len(pending) > _LONGEST_LINE:
                raise errors.Unavailable("a watch event is larger than any object can be")
            *lines, rest = bytes(pending).split(b"\n")
            pending = bytearray(rest)
            for line in lines:
                if line:
                    yield line
    except (aiohttp.ClientError, OSError, TimeoutError):
        return


def _watch_error(body: msgspec.Raw, where: str) -> errors.ApiError:
    status = msgspec.json.decode(body)
    code = int(status.get("code", 500)) if isinstance(status, dict) else 500
    return errors.to_error(code, bytes(body), where=where)


def _cause(error: Exception) -> str:
    """Why there was no answer, without the library's account of its own objects."""
    found: object = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        found = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        found = error.os_error
    if isinstance(found, ConnectionError) and found.errno:
        return os.strerror(found.errno)
    if isinstance(found, OSError) and found.strerror:
        return found.strerror
    return str(found) or type(found).__name__
