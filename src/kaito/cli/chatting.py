"""Talking to a served model: finding its address, asking, and reading the answer as it comes.

Speaks OpenAI's chat completions with server-sent events
(https://platform.openai.com/docs/api-reference/chat-streaming). A Service on this machine is asked
directly, any other through the API server's proxy.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import aiohttp
import msgspec

from kaito.api.core import SERVICES
from kaito.api.meta import Key
from kaito.base.errors import KaitoError
from kaito.cli.streams import lines_of
from kaito.cli.workspaces import url_of
from kaito.kube.client import Client

_JSON = {"Content-Type": "application/json"}
_DATA = "data:"
_DONE = "[DONE]"


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Sampling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How to answer; what is not set is the engine's business."""

    max_tokens: int | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a model answers: a URL, or a path of the API server."""

    url: str = ""
    path: str = ""


async def find_endpoint(client: Client, key: Key) -> Endpoint:
    """The address of the Workspace's Service."""
    service = await client.get(SERVICES, key)
    if url := url_of(service):
        return Endpoint(url=url)
    named = Key(key.namespace, f"{key.name}:80")
    return Endpoint(path=SERVICES.path(named, subresource="proxy"))


class Chat:
    """Asks one endpoint."""

    def __init__(self, client: Client, endpoint: Endpoint, sampling: Sampling) -> None:
        self._client = client
        self._endpoint = endpoint
        self._sampling = sampling

    async def model(self) -> str:
        """The name the model is served under."""
        async with self._open("GET", "/v1/models", None) as response:
            listed = msgspec.json.decode(await response.read(), type=_Models)
        if not listed.data:
            raise KaitoError("the server says that it serves no model")
        return listed.data[0].id

    async def answer(self, model: str, messages: Sequence[Message]) -> AsyncIterator[str]:
        """The pieces of the model's answer, as they come."""
        request = {
            **msgspec.to_builtins(self._sampling),
            "model": model,
            "messages": messages,
            "stream": True,
        }
        body = msgspec.json.encode(request)
        async with self._open("POST", "/v1/chat/completions", body) as response:
            async for line in lines_of(response):
                if piece := _piece(line):
                    yield piece

    def _open(
        self, method: str, path: str, body: bytes | None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        headers = _JSON if body else {}
        if self._endpoint.url:
            return _ask(method, self._endpoint.url + path, body, headers)
        return self._client.open(method, self._endpoint.path + path, data=body, headers=headers)


@asynccontextmanager
async def _ask(
    method: str, url: str, body: bytes | None, headers: dict[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    # No limit on the whole: an answer takes as long as it takes, and it shows.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, url, data=body, headers=headers) as response,
        ):
            if response.status >= 400:
                raise KaitoError(_complaint(response.status, await response.read()))
            yield response
    except (aiohttp.ClientError, TimeoutError) as error:
        raise KaitoError(
            f"the model at {url} does not answer ({str(error) or type(error).__name__})",
            hint="see `kaito status`",
        ) from error


def _piece(line: str) -> str:
    """The text that one line of the stream carries; empty for every other line."""
    if not line.startswith(_DATA):
        return ""
    data = line.removeprefix(_DATA).strip()
    if data == _DONE:
        return ""
    chunk = msgspec.json.decode(data, type=_Chunk)
    if chunk.error is not None:
        raise KaitoError(f"the model stopped: {chunk.error.message}")
    return "".join(choice.delta.content or "" for choice in chunk.choices)


def _complaint(status: int, body: bytes) -> str:
    try:
        refused = msgspec.json.decode(body, type=_Refused)
    except msgspec.MsgspecError:
        refused = _Refused(message=body[:200].decode(errors="replace").strip())
    said = refused.error.message if refused.error else refused.message or refused.detail
    return f"the model refused (HTTP {status}): {said or 'without saying why'}"


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: tuple[_Model, ...] = ()


class _Problem(msgspec.Struct):
    message: str = ""


class _Refused(msgspec.Struct):
    error: _Problem | None = None
    message: str = ""
    detail: str = ""


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)


class _Chunk(msgspec.Struct):
    choices: tuple[_Choice, ...] = ()
    error: _Problem | None = None
