"""Requests to one folder of a bucket: addressed, signed, and judged.

With an endpoint of its own the bucket is the first part of the path, which every implementation
knows; at Amazon it is part of the host's name, but for names with dots, which no certificate fits.
The region is what is asked for, or what the service says it is when it refuses.
"""

import asyncio
import hashlib
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeVar
from urllib.parse import quote, urlencode

import aiohttp

from kaito.api.runtime import ENV_BUCKET_CA
from kaito.api.weight_source import S3Source
from kaito.base.clock import Clock
from kaito.bucket.answers import (
    MAX_BYTES,
    Element,
    NotUnderstood,
    StoredObject,
    parse_document,
    parse_page,
    parse_root,
)
from kaito.bucket.errors import BucketError
from kaito.bucket.login import EMPTY_SHA256, Login, find_login
from kaito.bucket.refusals import Refusal, parse_refusal, raise_refusal
from kaito.registry.web import ANSWER_SECONDS, Ask, Transient, Web, open_web, to_reason

T = TypeVar("T")

_FIRST_REGION: Final = "us-east-1"
_MAX_PAGES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is sent: its bytes, or whoever reads them, and their checksum."""

    data: bytes | AsyncIterator[bytes]
    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> "Body":
        """Of bytes at hand."""
        return cls(data=content, size=len(content), sha256=hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request."""

    action: str
    """What the login must be allowed, as policies spell it."""
    method: str = "GET"
    key: str = ""
    """The object's; empty: the bucket itself."""
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: Body | None = None
    is_bulk: bool = False
    """Whoever reads the answer guards it against silence."""
    expected: tuple[int, ...] = ()
    """Statuses of 400 and above that are answers all the same."""


class Bucket:
    """One folder of a bucket, and the login that opens it."""

    def __init__(self, source: S3Source, web: Web, login: Login) -> None:
        self.source = source
        self.web = web
        self._login = login
        self._region = source.region or login.region or _FIRST_REGION

    def key(self, name: str) -> str:
        """The key of a file of the folder."""
        return f"{self.source.prefix}/{name}" if self.source.prefix else name

    def describe(self, key: str) -> str:
        """An object, for messages."""
        return f"s3://{self.source.bucket}/{key}"

    @asynccontextmanager
    async def open(self, call: Call) -> AsyncIterator[aiohttp.ClientResponse]:
        """One answer below 300, or among those expected; `Transient` or `BucketError` else."""
        for is_last in (False, True):
            async with self._open_here(call) as response:
                if response.status < 300 or response.status in call.expected:
                    yield response
                    return
                said = await _read_refusal(response)
                refusal = parse_refusal(response.status, said, _lower(response))
            if is_last or not self._follow(call, refusal):
                self._refuse(refusal, call)

    def _follow(self, call: Call, refusal: Refusal) -> bool:
        """Go to the region that the service names; whether the call can be made there."""
        is_told = bool(refusal.region) and refusal.region != self._region
        if is_told:
            self._region = refusal.region
        return is_told and (call.body is None or isinstance(call.body.data, bytes))

    async def ask(self, call: Call) -> bytes:
        """The whole answer, asked for again while it fails in ways that pass."""
        return (await self.ask_with_headers(call))[0]

    async def ask_with_headers(self, call: Call) -> tuple[bytes, dict[str, str]]:
        """The same with the answer's headers, their names in lower case."""

        async def attempt() -> tuple[bytes, dict[str, str]]:
            async with self.open(call) as response:
                return await read_answer(response), _lower(response)

        return await self.insist(attempt, self.describe(call.key))

    async def insist(self, attempt: Callable[[], Awaitable[T]], what: str) -> T:
        """The result of `attempt`, which is tried again while it fails in ways that pass."""
        return await self.web.insist(attempt, what=what)

    async def list_files(self) -> dict[str, StoredObject]:
        """The files of the folder itself, by name."""
        prefix = f"{self.source.prefix}/" if self.source.prefix else ""
        found: dict[str, StoredObject] = {}
        following = ""
        for _ in range(_MAX_PAGES):
            query = [("list-type", "2"), ("prefix", prefix), ("delimiter", "/")]
            query += [("continuation-token", following)] if following else []
            call = Call(action="s3:ListBucket", query=tuple(query))
            page = self.understand(parse_page, await self.ask(call))
            found |= {one.key.removeprefix(prefix): one for one in page.objects}
            if not (following := page.following):
                return {name: one for name, one in found.items() if name}
        raise BucketError(
            f"{self.source.url} has too many files to be a model's",
            reason="refused",
            hint="name the model's own folder in url",
        )

    def understand(self, parse: Callable[[bytes], T], text: bytes) -> T:
        """What `parse` makes of an answer; `BucketError` where it is none of S3's."""
        try:
            return parse(text)
        except NotUnderstood as error:
            where = self.source.endpoint or "Amazon S3"
            raise BucketError(
                f"{where} does not answer as S3 does: {error}", reason="endpoint",
                hint="look at endpoint: it is the service's own address",
            ) from error  # fmt: skip

    def require(self, text: bytes, name: str, call: Call) -> Element:
        """The document whose name begins so, where an error may come with a good status, too."""
        found = self.understand(parse_document, text)
        if found.name == "Error":
            self._refuse(parse_refusal(200, text, {}), call)
        return self.understand(lambda text: parse_root(text, name), text)

    def _refuse(self, refusal: Refusal, call: Call) -> NoReturn:
        raise_refusal(
            refusal,
            self.source,
            self.describe(call.key),
            action=call.action,
            login_hint=self._login.hint,
        )

    @asynccontextmanager
    async def _open_here(self, call: Call) -> AsyncIterator[aiohttp.ClientResponse]:
        url, body = self._address(call), call.body
        sha256 = body.sha256 if body is not None else EMPTY_SHA256
        headers = await self._login.sign(
            call.method, url, dict(call.headers), sha256=sha256, region=self._region
        )
        if body is not None:
            headers["Content-Length"] = str(body.size)
        ask = Ask(
            method=call.method,
            address=url,
            headers=headers,
            data=body.data if body is not None else None,
            is_bulk=call.is_bulk,
            is_followed=False,  # another address wants another signature
        )
        async with self.web.open(ask) as response:
            yield response

    def _address(self, call: Call) -> str:
        path = quote(call.key, safe="/-_.~")
        query = urlencode(sorted(call.query), quote_via=quote, safe="-_.~")
        if self.source.endpoint or "." in self.source.bucket:
            base = f"{self.source.endpoint or self._amazon()}/{self.source.bucket}"
        else:
            base = self._amazon(f"{self.source.bucket}.")
        return f"{base}/{path}?{query}" if query else f"{base}/{path}"

    def _amazon(self, bucket: str = "") -> str:
        domain = "amazonaws.com.cn" if self._region.startswith("cn-") else "amazonaws.com"
        return f"https://{bucket}s3.{self._region}.{domain}"


@asynccontextmanager
async def open_bucket(source: S3Source, clock: Clock) -> AsyncIterator[Bucket]:
    """The folder, with the login that this process has; closed at the end of the block."""
    login, trust = await find_login(), _read_trust(os.environ.get(ENV_BUCKET_CA, ""))
    async with open_web(clock, trust=trust) as web:
        yield Bucket(source, web, login)


def _read_trust(certificates: str) -> ssl.SSLContext | None:
    if not certificates.strip():
        return None
    trust = ssl.create_default_context()
    try:
        # A bundle's comments may be in any language; certificates are ASCII.
        trust.load_verify_locations(cadata=certificates.encode("ascii", "ignore").decode())
    except ssl.SSLError as error:
        raise BucketError(
            "ca.crt of the Secret holds no certificate", reason="login", hint="it is a PEM file"
        ) from error
    return trust


async def read_answer(
    response: aiohttp.ClientResponse, *, heard: Callable[[], object] = lambda: None
) -> bytes:
    """The whole of a short answer; `heard` is called whenever a part of it has come."""
    text = b""
    try:
        while chunk := await response.content.read(MAX_BYTES + 1 - len(text)):
            heard()
            text += chunk
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Transient(to_reason(error)) from error
    if len(text) > MAX_BYTES:
        raise BucketError("the answer of the service is endless", reason="endpoint")
    return text


async def _read_refusal(response: aiohttp.ClientResponse) -> bytes:
    """The words of a refusal; nobody else guards those of a bulk request against silence."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await read_answer(response)
    except TimeoutError as error:
        raise Transient(to_reason(error)) from error


def _lower(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
