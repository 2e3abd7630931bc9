"""Reaching the server behind a Workspace: its address, its models, and what it refuses.

A Service on this machine is asked directly, any other through the API server's proxy. The proxy
takes the Authorization header for itself, so an API key travels there as X-Api-Key.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import msgspec

from kaito.api.core import SERVICES
from kaito.api.explain import explain_workspace
from kaito.api.meta import Key
from kaito.base.clock import SystemClock, format_age
from kaito.base.errors import KaitoError, UsageError
from kaito.base.suggest import did_you_mean
from kaito.cli.workspaces import read_workspace, url_of
from kaito.kube.client import Client
from kaito.kube.errors import ApiError, NotFound

ENV_API_KEY = "KAITO_API_KEY"
_CONNECT_SECONDS = 10
_BUSY = 429
_UNAUTHORIZED = 401


class Refused(KaitoError):
    """The server answered, but with an error. `status` is the HTTP status."""

    def __init__(
        self, message: str, *, status: int, retry_after: float = 0, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after = retry_after
        """Seconds after which it may be asked again; 0: it did not say."""

    @property
    def is_busy(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status == _BUSY


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a model answers: a URL, or a path of the API server."""

    url: str = ""
    path: str = ""
    api_key: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.url or f"the API server's {self.path}"


class ServedModel(msgspec.Struct, frozen=True):
    """One name under which a server answers."""

    id: str
    max_model_len: int | None = None
    """Tokens of context, where the engine says so."""


def choose_api_key(given: str) -> str:
    """The key on the command line, else the environment's; empty for none."""
    key = given or os.environ.get(ENV_API_KEY, "")
    if not key.isprintable() or not key.isascii():
        raise UsageError("the API key holds characters that no header can carry")
    return key


async def find_endpoint(client: Client, key: Key, *, api_key: str = "") -> Endpoint:
    """The address of the Workspace's Service."""
    service = await client.get(SERVICES, key)
    if url := url_of(service):
        return Endpoint(url=url, api_key=api_key)
    named = Key(key.namespace, f"{key.name}:80")
    return Endpoint(path=SERVICES.path(named, subresource="proxy"), api_key=api_key)


async def require_endpoint(client: Client, key: Key, *, api_key: str = "") -> Endpoint:
    """The address of a ready Workspace; `KaitoError` says what one that is not waits for."""
    explanation = explain_workspace(await read_workspace(client, key))
    if explanation.reason != "Ready":
        since = ""
        if explanation.since is not None:
            seconds = (SystemClock().now() - explanation.since).total_seconds()
            since = f" for {format_age(seconds)}"
        raise KaitoError(
            f"workspace {key} is not ready: {explanation.reason}{since}: {explanation.message}",
            hint=explanation.then or f"see: {explanation.look}",
        )
    try:
        return await find_endpoint(client, key, api_key=api_key)
    except NotFound as error:
        raise KaitoError(f"workspace {key} has no Service to talk to") from error


def choose_model(served: Sequence[ServedModel], wanted: str) -> ServedModel:
    """The model of that name, or the first where none is wanted."""
    if not served:
        raise KaitoError("the server says that it serves no model")
    names = [model.id for model in served]
    found = next((model for model in served if model.id == (wanted or names[0])), None)
    if found is None:
        nearest = did_you_mean(wanted, names)
        listed = f"served are {', '.join(names)}"
        hint = f"{nearest} {listed}" if nearest else listed
        raise UsageError(f"model {wanted!r} is not served here", hint=hint)
    return found


class Asker:
    """Asks one endpoint, over connections that are kept."""

    def __init__(
        self, endpoint: Endpoint, *, client: Client | None, session: aiohttp.ClientSession
    ) -> None:
        self._endpoint = endpoint
        self._client = client
        self._session = session

    async def models(self) -> tuple[ServedModel, ...]:
        """The names it serves, the base model's first."""
        async with self.open("GET", "/v1/models") as response:
            text = await response.read()
        try:
            return msgspec.json.decode(text, type=_Models).data
        except msgspec.MsgspecError as error:
            raise KaitoError(
                f"{self._endpoint} does not answer as OpenAI's API does",
                hint="is it the address of a model?",
            ) from error

    @asynccontextmanager
    async def open(
        self, method: str, path: str, body: bytes | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A successful answer, read as it comes; else `Refused`, or `KaitoError` where none came.

        There is no limit on the whole: an answer takes as long as it takes.
        """
        headers = {"Content-Type": "application/json"} if body else {}
        opened = self._through_proxy if self._endpoint.path else self._directly
        async with opened(method, path, body, headers) as response:
            yield response

    @asynccontextmanager
    async def _directly(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        url, key = self._endpoint.url + path, self._endpoint.api_key
        if key:
            headers = {**headers, "Authorization": f"Bearer {key}"}
        try:
            async with self._session.request(method, url, data=body, headers=headers) as response:
                if response.status >= 400:
                    said = _complaint(await response.read())
                    raise self._refused(response.status, said, _seconds(response))
                yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _silent(url, error) from error

    @asynccontextmanager
    async def _through_proxy(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        assert self._client is not None, "a path of the API server needs its client"
        if self._endpoint.api_key:
            headers = {**headers, "X-Api-Key": self._endpoint.api_key}
        where = self._endpoint.path + path
        try:
            async with self._client.open(method, where, data=body, headers=headers) as response:
                yield response
        except ApiError as error:
            # What the API server itself refuses carries a reason; what the model refuses does not.
            if error.reason or not error.status:
                raise
            raise self._refused(error.status, str(error), error.retry_after) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _silent(str(self._endpoint), error) from error

    def _refused(self, status: int, said: str, retry_after: float) -> Refused:
        hint = ""
        if status == _BUSY:
            later = f" in {retry_after:.0f} s" if retry_after else " later"
            hint = f"it has as many requests as it takes; try again{later}"
        if status == _UNAUTHORIZED:
            said = "it does not know this API key" if self._endpoint.api_key else "no API key came"
            hint = f"give one with --api-key or in ${ENV_API_KEY}"
        return Refused(
            f"the model refused (HTTP {status}): {said or 'without saying why'}",
            status=status,
            retry_after=retry_after,
            hint=hint,
        )


@asynccontextmanager
async def open_endpoint(endpoint: Endpoint, client: Client | None = None) -> AsyncIterator[Asker]:
    """An asker for an endpoint; one that is a path needs the API server's `client`."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        read_bufsize=2**18,
    )
    async with session:
        yield Asker(endpoint, client=client, session=session)


def _silent(where: str, error: Exception) -> KaitoError:
    """Nobody is there, or not any more."""
    # A cut answer is told with the words of the parser that missed the rest.
    is_cut = isinstance(error, aiohttp.ClientPayloadError)
    why = "the answer broke off" if is_cut else str(error) or type(error).__name__
    return KaitoError(f"the model at {where} does not answer ({why})", hint="see `kaito status`")


def _seconds(response: aiohttp.ClientResponse) -> float:
    text = response.headers.get("Retry-After", "")
    try:
        return max(float(text), 0.0)
    except ValueError:
        return 0.0


def _complaint(body: bytes) -> str:
    try:
        refused = msgspec.json.decode(body, type=_Refusal)
    except msgspec.MsgspecError:
        return body[:200].decode(errors="replace").strip()
    said = refused.error if isinstance(refused.error, str) else refused.error.message
    return said or refused.message or refused.detail


class _Models(msgspec.Struct):
    data: tuple[ServedModel, ...] = ()


class _Problem(msgspec.Struct):
    message: str = ""


class _Refusal(msgspec.Struct):
    # vLLM's own check of API keys answers {"error": "Unauthorized"}.
    error: _Problem | str = ""
    message: str = ""
    detail: str = ""
