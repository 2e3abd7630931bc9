"""A strict little OCI registry in this process, which misbehaves as told.

Checks what it is sent: digests, the order of chunks, that a manifest's blobs are there, tokens and
their scopes. Counts the bytes of blobs that it serves. `Faults` is data.
"""

import asyncio
import base64
import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web
from aiohttp.typedefs import Handler

USER, PASSWORD = "kaito", "secret"
_RANGE = re.compile(r"bytes=(\d+)-(\d*)\Z")
_STEP = 64 << 10


@dataclass(kw_only=True)
class Faults:
    """What goes wrong: mostly how often it still will."""

    auth: Literal["", "basic", "bearer"] = ""
    token_uses: int = 0
    """After that many requests a token has expired; 0: never."""
    busy: int = 0
    """Requests for blobs that are answered 429."""
    failing: int = 0
    """Requests for blobs that are answered 503."""
    cut_after: int = 0
    """Bytes of a blob's answer after which the connection is cut."""
    cuts: int = 0
    stall_after: int = -1
    """Bytes of a blob's answer after which nothing comes; -1: never."""
    damaged: int = 0
    """Blobs' answers that carry other bytes."""
    has_ranges: bool = True
    takes_chunks: bool = True
    mounts: bool = True
    """Whether blobs of other repositories may be mounted."""
    patch_cuts: int = 0
    """Chunks of which half is kept before the connection is cut."""
    blob_host: str = ""
    """Where blobs are redirected to, such as `http://localhost:1`."""


@dataclass(kw_only=True)
class RegistryDouble:
    """The registry: its content and what happened."""

    faults: Faults = field(default_factory=Faults)
    blobs: dict[str, bytes] = field(default_factory=dict)
    homes: set[tuple[str, str]] = field(default_factory=set)
    """Which repository has which blob."""
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    served: int = 0
    """Bytes of blobs that were sent."""
    counts: Counter[str] = field(default_factory=Counter)
    leaked: list[str] = field(default_factory=list)
    """Authorization headers that came to the blobs' host."""
    tokens: dict[str, int] = field(default_factory=dict)
    host: str = ""
    stalled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a blob's answer has fallen silent."""
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def add_blob(self, repository: str, content: bytes) -> str:
        """Put a blob there; its digest."""
        digest = digest_of(content)
        self.blobs[digest] = content
        self.homes.add((repository, digest))
        return digest

    def add_manifest(self, repository: str, tag: str, document: object, kind: str) -> str:
        """Put a manifest there; its digest."""
        body = json.dumps(document).encode()
        digest = digest_of(body)
        self.manifests[repository, tag] = self.manifests[repository, digest] = (kind, body)
        return digest

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(middlewares=[self._authorize], client_max_size=1 << 30)
        name = "/v2/{name:.+?}"
        app.router.add_get("/token", self._token)
        app.router.add_get(f"{name}/manifests/{{version}}", self._get_manifest)
        app.router.add_put(f"{name}/manifests/{{version}}", self._put_manifest)
        app.router.add_get(f"{name}/blobs/{{digest:sha256:.+}}", self._get_blob)
        app.router.add_post(f"{name}/blobs/uploads/", self._start)
        app.router.add_get(f"{name}/blobs/uploads/{{id}}", self._status)
        app.router.add_patch(f"{name}/blobs/uploads/{{id}}", self._append)
        app.router.add_put(f"{name}/blobs/uploads/{{id}}", self._close)
        app.router.add_get("/storage/{digest}", self._storage)
        return app

    @web.middleware
    async def _authorize(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.counts[request.method] += 1
        if not request.path.startswith("/v2/") or self._is_known(request):
            return await handler(request)
        if self.faults.auth == "basic":
            challenge = 'Basic realm="tests"'
        else:
            scope = f"repository:{request.match_info['name']}:pull"
            challenge = f'Bearer realm="http://{self.host}/token",service="tests",scope="{scope}"'
        return web.json_response(
            {"errors": [{"code": "UNAUTHORIZED"}]},
            status=401,
            headers={"WWW-Authenticate": challenge},
        )

    def _is_known(self, request: web.Request) -> bool:
        said = request.headers.get("Authorization", "")
        if not self.faults.auth:
            return True
        if self.faults.auth == "basic":
            return said == _basic()
        token = said.removeprefix("Bearer ")
        actions = "pull" if request.method in {"GET", "HEAD"} else "pull,push"
        if token not in self.tokens or not token.partition("|")[0].startswith(
            f"repository:{request.match_info['name']}:{actions}"
        ):
            return False
        self.tokens[token] += 1
        return not self.faults.token_uses or self.tokens[token] <= self.faults.token_uses

    async def _token(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != _basic():
            return web.Response(status=401)
        token = f"{request.query['scope']}|{next(self._numbers)}"
        self.tokens[token] = 0
        return web.json_response({"token": token})

    async def _get_manifest(self, request: web.Request) -> web.Response:
        found = self.manifests.get((request.match_info["name"], request.match_info["version"]))
        if found is None:
            return web.json_response({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, status=404)
        kind, body = found
        headers = {"Docker-Content-Digest": digest_of(body), "Content-Type": kind}
        return web.Response(body=body, headers=headers)

    async def _put_manifest(self, request: web.Request) -> web.Response:
        name, body = request.match_info["name"], await request.read()
        document = json.loads(body)
        for part in (document["config"], *document["layers"]):
            if (name, part["digest"]) not in self.homes:
                return web.json_response(
                    {"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown"}]},
                    status=400,
                )
        digest = digest_of(body)
        kind = request.headers["Content-Type"]
        self.manifests[name, request.match_info["version"]] = (kind, body)
        self.manifests[name, digest] = (kind, body)
        return web.Response(status=201, headers={"Docker-Content-Digest": digest})

    async def _get_blob(self, request: web.Request) -> web.StreamResponse:
        name, digest = request.match_info["name"], request.match_info["digest"]
        if (name, digest) not in self.homes:
            return web.Response(status=404)
        if request.method == "HEAD":
            return web.Response(headers={"Content-Length": str(len(self.blobs[digest]))})
        for fault, status in (("busy", 429), ("failing", 503)):
            if left := getattr(self.faults, fault):
                setattr(self.faults, fault, left - 1)
                return web.Response(status=status, headers={"Retry-After": "0"})
        if self.faults.blob_host:
            target = f"{self.faults.blob_host}/storage/{digest}"
            return web.Response(status=307, headers={"Location": target})
        return await self._send(request, self.blobs[digest])

    async def _storage(self, request: web.Request) -> web.StreamResponse:
        if said := request.headers.get("Authorization"):
            self.leaked.append(said)
        return await self._send(request, self.blobs[request.match_info["digest"]])

    async def _send(self, request: web.Request, content: bytes) -> web.StreamResponse:
        asked = _RANGE.match(request.headers.get("Range", ""))
        headers = {}
        if asked and self.faults.has_ranges:
            start, end = int(asked[1]), int(asked[2] or len(content) - 1) + 1
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
            content = content[start:end]
        response = web.StreamResponse(status=206 if headers else 200, headers=headers)
        response.content_length = len(content)
        if self.faults.damaged:
            self.faults.damaged -= 1
            content = bytes(len(content))
        await response.prepare(request)
        for at in range(0, len(content), _STEP):
            if self.faults.cuts and at >= self.faults.cut_after:
                self.faults.cuts -= 1
                assert request.transport is not None
                request.transport.abort()
                break
            if 0 <= self.faults.stall_after <= at:
                self.stalled.set()
                await asyncio.Event().wait()
            piece = content[at : at + _STEP]
            await response.write(piece)
            self.served += len(piece)
        return response

    async def _start(self, request: web.Request) -> web.Response:
        name, digest = request.match_info["name"], request.query.get("mount", "")
        if digest and not self.faults.mounts:
            return web.Response(status=403)
        if (request.query.get("from", ""), digest) in self.homes:
            self.homes.add((name, digest))
            return web.Response(status=201, headers={"Location": f"/v2/{name}/blobs/{digest}"})
        number = str(next(self._numbers))
        self.uploads[number] = bytearray()
        return self._where(name, number, 202)

    async def _status(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        if number not in self.uploads:
            return web.Response(status=404)
        return self._where(request.match_info["name"], number, 204)

    async def _append(self, request: web.Request) -> web.Response:
        if not self.faults.takes_chunks:
            return web.Response(status=405)
        held = self.uploads[request.match_info["id"]]
        start, _, end = request.headers["Content-Range"].partition("-")
        if int(start) != len(held):
            return web.Response(status=416)
        content = await request.read()
        assert len(content) == int(end) - int(start) + 1
        if self.faults.patch_cuts:
            self.faults.patch_cuts -= 1
            held += content[: len(content) // 2]
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        held += content
        return self._where(request.match_info["name"], request.match_info["id"], 202)

    async def _close(self, request: web.Request) -> web.Response:
        content = bytes(self.uploads.pop(request.match_info["id"])) + await request.read()
        if digest_of(content) != request.query["digest"]:
            return web.json_response({"errors": [{"code": "DIGEST_INVALID"}]}, status=400)
        digest = self.add_blob(request.match_info["name"], content)
        return web.Response(status=201, headers={"Docker-Content-Digest": digest})

    def _where(self, name: str, number: str, status: int) -> web.Response:
        held = len(self.uploads[number])
        headers = {
            "Location": f"/v2/{name}/blobs/uploads/{number}",
            "Range": f"0-{max(held - 1, 0)}",
        }
        return web.Response(status=status, headers=headers)


@asynccontextmanager
async def serving(double: RegistryDouble) -> AsyncIterator[str]:
    """The double on a port of its own; its `host:port`."""
    runner = web.AppRunner(double.application(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    double.host = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield double.host
    finally:
        await runner.cleanup()


def digest_of(content: bytes) -> str:
    """Its sha256 as a registry writes it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _basic() -> str:
    return f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
