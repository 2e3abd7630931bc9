"""A registry's API: manifests and blobs by reference, with logins, patience and typed errors.

https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import aiohttp
import msgspec
from yarl import URL

from kaito.base.clock import Clock
from kaito.registry.auth import Actions, Authority, PlainHttp
from kaito.registry.credentials import Credentials
from kaito.registry.errors import RegistryError
from kaito.registry.manifest import (
    ACCEPTED,
    DOCKER_LIST_TYPE,
    INDEX_TYPE,
    Index,
    Manifest,
    choose_platform,
)
from kaito.registry.reference import Reference, is_loopback
from kaito.registry.web import Ask, Transient, Web, open_web, require_success

_T = TypeVar("_T")
_MAX_MANIFEST_BYTES: Final = 4 << 20
_MAX_ERROR_BYTES: Final = 4096
_LOGINS_TRIED: Final = 8


class _Complaint(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Complaints(msgspec.Struct):
    errors: tuple[_Complaint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A manifest as it was served."""

    manifest: Manifest
    digest: str


class Registry:
    """Requests to any number of registries, one session and one set of logins for all."""

    def __init__(self, web: Web, credentials: Credentials, *, plain_http: PlainHttp) -> None:
        self.web = web
        self._credentials = credentials
        self._plain_http = plain_http
        self._authority = Authority(web, credentials, plain_http=plain_http)

    def url(self, reference: Reference, path: str) -> str:
        """The address of `path` in a repository."""
        scheme = "http" if self._plain_http(reference.registry) else "https"
        return f"{scheme}://{reference.host}/v2/{reference.repository}/{path}"

    async def get_manifest(self, reference: Reference) -> Found:
        """The manifest of an artifact, or of an image for this machine."""
        body, media_type, digest = await self._get_document(reference, reference.version)
        if media_type in {INDEX_TYPE, DOCKER_LIST_TYPE}:
            chosen = choose_platform(_decode(body, Index, reference))
            if chosen is None:
                raise RegistryError(
                    f"{reference} has no image for this machine, nor for linux/amd64",
                    kind="not found",
                )
            body, _, digest = await self._get_document(reference, chosen.digest)
        return Found(manifest=_decode(body, Manifest, reference), digest=digest)

    async def get_blob(self, reference: Reference, digest: str, *, limit: int) -> bytes:
        """A small blob, such as a configuration, whole and verified."""

        async def attempt() -> bytes:
            async with self.open(reference, Ask(address=f"blobs/{digest}")) as response:
                body = await response.content.read(limit + 1)
                while len(body) <= limit and (more := await response.content.read(limit)):
                    body += more
                return body

        body = await self.web.insist(attempt, what=str(reference))
        if len(body) > limit or _digest_of(body, like=digest) != digest:
            raise RegistryError(f"{reference}: blob {digest[:19]} is damaged", kind="damaged")
        return body

    @asynccontextmanager
    async def open(
        self, reference: Reference, ask: Ask, *, actions: Actions = "pull"
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One answer below 400, or of an expected status.

        The address is relative to the repository, or one that the registry itself gave.

        Raises:
            Transient: asking again may help.
            RegistryError: it will not.
        """
        home = self.url(reference, "")
        url = ask.address if "://" in ask.address else home + ask.address
        # A login is for the registry alone, also where that sends us elsewhere.
        is_home = URL(url).origin() == URL(home).origin()
        for _ in range(_LOGINS_TRIED):
            login = self._authority.header(reference, actions) if is_home else ""
            sent = {**ask.headers, "Authorization": login} if login else ask.headers
            asked = replace(ask, address=url, headers=sent)
            async with self.web.open(asked) as response:
                if response.status != 401:
                    await self._require_success(response, reference, ask.expected)
                    self._authority.accept(reference, actions, login)
                    yield response
                    return
                challenge = response.headers.get("WWW-Authenticate", "")
            if not is_home or not await self._authority.improve(
                reference, actions, refused=login, challenge=challenge
            ):
                break
            if not isinstance(ask.data, bytes | None):
                raise Transient("the registry asks who we are again")
        raise self._refusal(reference, 401)

    async def put_manifest(
        self, reference: Reference, body: bytes, media_type: str, *, digest: str
    ) -> None:
        """Make `body` what the reference names; its blobs must be there."""

        async def attempt() -> None:
            ask = Ask(
                method="PUT",
                address=f"manifests/{reference.tag or digest}",
                headers={"Content-Type": media_type},
                data=body,
            )
            async with self.open(reference, ask, actions="pull,push") as response:
                await response.read()

        await self.web.insist(attempt, what=str(reference))

    async def _get_document(self, reference: Reference, version: str) -> tuple[bytes, str, str]:
        async def attempt() -> tuple[bytes, str, str]:
            accept = {"Accept": ", ".join(ACCEPTED)}
            ask = Ask(address=f"manifests/{version}", headers=accept)
            async with self.open(reference, ask) as response:
                body = await response.content.read(_MAX_MANIFEST_BYTES)
                while more := await response.content.read(_MAX_MANIFEST_BYTES):
                    body += more
                    if len(body) > _MAX_MANIFEST_BYTES:
                        break
                media_type = response.headers.get("Content-Type", "").partition(";")[0]
                return body, media_type, response.headers.get("Docker-Content-Digest", "")

        body, media_type, announced = await self.web.insist(attempt, what=str(reference))
        wanted = version if ":" in version else announced
        found = _digest_of(body, like=wanted)
        if wanted.startswith(("sha256:", "sha512:")) and wanted != found:
            raise RegistryError(
                f"{reference}: the manifest is {found}, where {wanted[:140]} was promised",
                kind="damaged",
            )
        return body, _media_type_of(body, media_type), found

    async def _require_success(
        self, response: aiohttp.ClientResponse, reference: Reference, expected: tuple[int, ...]
    ) -> None:
        status = response.status
        if status < 400 or status in expected:
            return
        if status == 403:
            raise self._refusal(reference, status)
        if status == 404:
            raise RegistryError(
                f"registry {reference.registry} has no such artifact: {reference} (404)",
                kind="not found",
            )
        require_success(response, f"{reference}: {await _complaint(response)}".rstrip(": "))

    def _refusal(self, reference: Reference, status: int) -> RegistryError:
        looked = ", ".join(self._credentials.sources)
        hint = f"the logins of {looked} do not open it" if looked else "no login was given"
        notes = "; ".join(self._credentials.notes)
        return RegistryError(
            f"registry {reference.registry} refuses access to {reference.repository} ({status})",
            kind="auth",
            hint=f"{hint}; {notes}" if notes else hint,
        )


@asynccontextmanager
async def open_registry(
    credentials: Credentials, *, clock: Clock, plain_http: PlainHttp = is_loopback
) -> AsyncIterator[Registry]:
    """A client for registries, closed at the end of the block."""
    async with open_web(clock) as web:
        yield Registry(web, credentials, plain_http=plain_http)


async def _complaint(response: aiohttp.ClientResponse) -> str:
    """What the registry says is wrong, as its error format puts it."""
    text = await response.content.read(_MAX_ERROR_BYTES)
    try:
        errors = msgspec.json.decode(text, type=_Complaints).errors
    except msgspec.MsgspecError:
        return ""
    return "; ".join(" ".join((error.message or error.code).split())[:200] for error in errors[:3])


class _Typed(msgspec.Struct, rename="camel"):
    media_type: str = ""


def _media_type_of(body: bytes, header: str) -> str:
    """The document's own word where it has one: some servers name every answer JSON."""
    try:
        return msgspec.json.decode(body, type=_Typed).media_type or header
    except msgspec.MsgspecError:
        return header


def _decode(body: bytes, kind: type[_T], reference: Reference) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise RegistryError(
            f"{reference.registry} does not answer as a registry does ({error})", kind="damaged"
        ) from error


def _digest_of(body: bytes, *, like: str) -> str:
    """The digest of the kind that `like` is; sha256 unless it says sha512."""
    kind = "sha512" if like.startswith("sha512:") else "sha256"
    return f"{kind}:{hashlib.new(kind, body).hexdigest()}"
