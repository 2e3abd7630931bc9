"""HTTP with bounds: what does not answer is known within seconds, what is busy is asked again.

Redirects are followed here, so that a login never reaches another host than the one it is for.
"""

import asyncio
import os
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

import aiohttp
from yarl import URL

from kaito.base.backoff import Backoff
from kaito.base.clock import Clock
from kaito.registry.errors import Kind, RegistryError
from kaito.registry.resolver import DaemonResolver

T = TypeVar("T")

CONNECT_SECONDS: Final = 4.0
"""Two sources that do not answer are known within the 10 s a pod may take to say so."""
ANSWER_SECONDS: Final = 30.0
"""From the request to the answer's head, and the longest silence within an answer."""
FRUITLESS_TRIES: Final = 8
"""Failures in a row, without one byte of progress, after which a transfer gives up: close to a
minute, in which a registry can restart."""
_QUESTION_TRIES = 5
_MAX_WAIT_SECONDS = 120.0
_REDIRECTS = 5
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOVED = frozenset({301, 302, 303, 307, 308})


class Transient(Exception):
    """A request failed in a way that passes; `after` is how long the server asks to wait."""

    def __init__(self, reason: str, *, after: float = 0.0, is_unreachable: bool = False) -> None:
        super().__init__(reason)
        self.after = after
        self.is_unreachable = is_unreachable
        """Nobody was there to talk to at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request."""

    method: str = "GET"
    address: str
    """A whole URL; to a registry's client also a path within a repository."""
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes | AsyncIterator[bytes] | aiohttp.FormData | None = None
    is_bulk: bool = False
    """Whoever reads the body guards it against silence."""
    expected: tuple[int, ...] = ()
    """Statuses of 400 and above that are answers all the same, for who judges them."""
    is_followed: bool = True
    """Whether a redirect leads on; else it is the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """What every request needs: a session, the time, and chance for the backoff."""

    session: aiohttp.ClientSession
    clock: Clock
    backoff: Backoff = field(default_factory=lambda: Backoff(base=0.5, cap=20.0))
    random: Callable[[], float] = random.random

    @asynccontextmanager
    async def open(self, ask: Ask) -> AsyncIterator[aiohttp.ClientResponse]:
        """One answer, whatever its status; `Transient` when there is none."""
        url, headers = URL(ask.address, encoded=True), dict(ask.headers)
        for _ in range(_REDIRECTS):
            async with await self._ask(ask, url, headers) as response:
                target = response.headers.get("Location")
                is_moved = response.status in _MOVED and ask.method in {"GET", "HEAD"}
                if not (is_moved and target and ask.is_followed):
                    yield response
                    return
            following = url.join(URL(target, encoded=True))
            if following.origin() != url.origin():
                headers.pop("Authorization", None)
            url = following
        raise RegistryError(f"{ask.address} leads from one address to the next", kind="refused")

    async def _ask(self, ask: Ask, url: URL, headers: dict[str, str]) -> aiohttp.ClientResponse:
        silence = None if ask.is_bulk else ANSWER_SECONDS
        limits = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=silence)
        try:
            # Sending a body takes as long as it takes.
            async with asyncio.timeout(ANSWER_SECONDS if ask.data is None else None):
                return await self.session.request(
                    ask.method,
                    url,
                    headers=headers,
                    data=ask.data,
                    timeout=limits,
                    allow_redirects=False,
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            is_unreachable = isinstance(
                error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError
            )
            raise Transient(to_reason(error), is_unreachable=is_unreachable) from error

    async def insist(self, attempt: Callable[[], Awaitable[T]], *, what: str) -> T:
        """The result of `attempt`, tried again while it fails in ways that pass.

        Who is not there is not waited for: another source may be.
        """
        for failures in range(_QUESTION_TRIES):
            try:
                return await attempt()
            except Transient as error:
                if error.is_unreachable or failures == _QUESTION_TRIES - 1:
                    raise to_unreachable(error, what) from error
                await self.wait(error, failures)
        raise AssertionError("the last round returns or raises")

    async def wait(self, error: Transient, failures: int) -> None:
        """Let some time pass: as long as the server asked for, at least the backoff's."""
        delay = self.backoff.delay(failures, self.random)
        await self.clock.sleep(min(max(delay, error.after), _MAX_WAIT_SECONDS))


@asynccontextmanager
async def open_web(clock: Clock, *, trust: ssl.SSLContext | None = None) -> AsyncIterator[Web]:
    """A session with this module's bounds, closed at the end of the block.

    `trust` says whose certificates count; None: those of public authorities.
    """
    connector = aiohttp.TCPConnector(resolver=DaemonResolver(), limit=32, ssl=trust or True)
    async with aiohttp.ClientSession(
        connector=connector,
        trust_env=True,
        auto_decompress=False,
        headers={"User-Agent": "kaito", "Accept-Encoding": "identity"},
    ) as session:
        yield Web(session=session, clock=clock)


def require_success(response: aiohttp.ClientResponse, what: str) -> None:
    """Raise what a status of 400 and above means: `Transient`, or `RegistryError` for good."""
    status = response.status
    if status < 400:
        return
    if status in _TRANSIENT or status > 504:
        raise Transient(f"the server answered {status}", after=_retry_after(response))
    kinds: dict[int, Kind] = {401: "auth", 403: "auth", 404: "not found"}
    raise RegistryError(f"{what}: the server answered {status}", kind=kinds.get(status, "refused"))


def to_unreachable(error: Transient, what: str) -> RegistryError:
    """The end of all patience, as an error about `what`."""
    return RegistryError(f"{what}: {error}" if what else str(error), kind="unreachable")


def to_reason(error: Exception) -> str:
    """Why a request failed, in words for one line."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no answer within {CONNECT_SECONDS:.0f} s"
    if isinstance(error, TimeoutError):
        return f"the server sent nothing for {ANSWER_SECONDS:.0f} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"cannot reach {error.host} (its certificate is not trusted)"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        cause = os.strerror(number) if number and number > 0 else str(error.os_error)
        return f"cannot reach {error.host} ({cause})"
    # The second is also what is raised while a body is sent, with the whole address in its words.
    if isinstance(
        error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | ConnectionResetError
    ):
        return "the server cut the connection"
    return " ".join(str(error).split()) or type(error).__name__


def _retry_after(response: aiohttp.ClientResponse) -> float:
    """Seconds from a Retry-After in either of its forms; a date counts from the answer's own."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        asked = parsedate_to_datetime(text)
        said = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return 0.0
    return max((asked - said).total_seconds(), 0.0)
