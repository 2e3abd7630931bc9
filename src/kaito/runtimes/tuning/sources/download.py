"""Files from http and https addresses: size shown, resumed where cut, checksummed, tried again.

    folder/0-train.parquet            complete, renamed from
    folder/0-train.parquet.part       being filled; a later try goes on where it ends

A resumed file is only what the server still calls the same: the rest is asked for with If-Range.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urljoin, urlsplit

import aiohttp

from kaito.base.backoff import Backoff
from kaito.base.clock import Clock
from kaito.base.quantity import MIB
from kaito.runtimes.tuning.errors import DataRefused, SourceFailed
from kaito.runtimes.tuning.sources.arrived import Arrived, digest_file
from kaito.runtimes.tuning.sources.guard import Guard, without_secrets

_FRUITLESS_TRIES: Final = 5
_REDIRECTS: Final = 8
REDIRECT_CODES: Final = frozenset({301, 302, 303, 307, 308})
_TRANSIENT: Final = frozenset({408, 416, 425, 429, 500, 502, 503, 504})
_BEYOND_THE_END: Final = 416
_STRANGE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class Counting(Protocol):
    """Who is told how far a download is."""

    def start(self, *, total: int, done: int) -> None:
        """A file of `total` bytes, `done` of which are there; 0: not known."""
        ...

    def advance(self, size: int, *, item: str = "") -> None:
        """`size` more bytes came."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """What fetching needs: a session, the rule of hosts, the time, chance, and whom to tell."""

    session: aiohttp.ClientSession
    guard: Guard
    clock: Clock
    counting: Counting
    random: Callable[[], float]
    backoff: Backoff = field(default_factory=lambda: Backoff(base=0.5, cap=20.0))
    tokens: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Headers by `scheme://host`: a redirect elsewhere does not carry them along."""


class _Cut(Exception):
    """The transfer broke off, or the server has a bad moment: ask again."""


class _Beyond(_Cut):
    """There is nothing after what is here, and nobody knows whether that is all: from the start."""


async def fetch_url(
    download: Download, url: str, folder: Path, *, index: int, name: str = ""
) -> Arrived:
    """Bring one file into `folder`, which exists; what is there already is not asked for again.

    `name` is the file's for messages, where the address does not say enough.

    Raises:
        DataRefused: the address is not allowed, or what it names is not data.
        SourceFailed: it does not answer, or refuses.
    """
    download.guard.check_url(url)
    target = folder / f"{index}-{_file_name(url)}"
    if not target.exists():
        part = target.with_name(f"{target.name}.part")
        await _fill(download, url, part)
        part.rename(target)
        _mark(part).unlink(missing_ok=True)
    return Arrived(
        path=target,
        name=name or _file_name(url),
        source=without_secrets(url),
        digest=await asyncio.to_thread(digest_file, target),
    )


async def _fill(download: Download, url: str, part: Path) -> None:
    fruitless = restarts = 0
    while True:
        before = _size(part)
        try:
            await _follow(download, url, part)
        except (aiohttp.ClientError, TimeoutError, _Cut) as error:
            fruitless = 0 if _size(part) > before else fruitless + 1
            restarts += isinstance(error, _Beyond)
            if fruitless >= _FRUITLESS_TRIES or restarts >= _FRUITLESS_TRIES:
                raise SourceFailed(f"{without_secrets(url)}: {_reason(error)}") from error
            await download.clock.sleep(download.backoff.delay(fruitless, download.random))
        else:
            return


async def _follow(download: Download, url: str, part: Path) -> None:
    """One request, over its redirects; each target is judged before it is asked."""
    for _ in range(_REDIRECTS):
        target = await _request(download, url, part)
        if not target:
            return
        url = urljoin(url, target)
        download.guard.check_url(url)
    raise SourceFailed(f"{without_secrets(url)}: more than {_REDIRECTS} redirects")


async def _request(download: Download, url: str, part: Path) -> str:
    """Append the rest of the file to `part`; or where the server says it is instead."""
    have, mark = _size(part), _mark(part)
    parts = urlsplit(url)
    headers = {"Accept-Encoding": "identity"}
    headers |= download.tokens.get(f"{parts.scheme}://{parts.netloc}", {})
    if have and mark.exists():
        headers |= {"Range": f"bytes={have}-", "If-Range": mark.read_text(encoding="utf-8")}
    async with download.session.get(url, headers=headers, allow_redirects=False) as response:
        if response.status in REDIRECT_CODES:
            return response.headers.get("Location", "")
        if response.status == _BEYOND_THE_END and have:
            _start_over(part)
            raise _Beyond(f"the server answered {response.status}")
        _check(response, url)
        goes_on = response.status == 206
        if not goes_on:
            _remember(mark, response)
        await _receive(download, response, part, done=have if goes_on else 0)
    return ""


async def _receive(
    download: Download, response: aiohttp.ClientResponse, part: Path, *, done: int
) -> None:
    announced = response.content_length
    download.counting.start(total=done + (announced or 0), done=done)
    with part.open("ab" if done else "wb") as stream:
        async for piece in response.content.iter_chunked(MIB):
            stream.write(piece)
            download.counting.advance(len(piece), item=part.name.removesuffix(".part"))
    if announced is not None and _size(part) != done + announced:
        raise _Cut(f"{_size(part)} of {done + announced} bytes came")
    if _size(part) == 0:
        raise DataRefused(f"{without_secrets(str(response.url))}: the file is empty")


def _check(response: aiohttp.ClientResponse, url: str) -> None:
    """Refuse answers that are not a file."""
    name, status = without_secrets(url), response.status
    if status in _TRANSIENT:
        raise _Cut(f"the server answered {status}")
    if status in {401, 403}:
        raise SourceFailed(f"{name}: the server refuses access ({status})")
    if status in {404, 410}:
        raise SourceFailed(f"{name}: there is no such file ({status})", hint="check the address")
    if status not in {200, 206}:
        raise SourceFailed(f"{name}: the server answered {status}")
    if response.content_type == "text/html":
        raise DataRefused(
            f"{name}: the server answers with a web page, not with data",
            hint="give the address of the file itself, such as the hub's /resolve/ link",
        )


def _remember(mark: Path, response: aiohttp.ClientResponse) -> None:
    """Keep what names this version of the file; a weak tag cannot be used to go on."""
    tag = response.headers.get("ETag", "")
    version = response.headers.get("Last-Modified", "") if tag.startswith("W/") else tag
    if version:
        mark.write_text(version, encoding="utf-8")
    else:
        mark.unlink(missing_ok=True)


def _start_over(part: Path) -> None:
    part.unlink(missing_ok=True)
    _mark(part).unlink(missing_ok=True)


def _mark(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _file_name(url: str) -> str:
    name = unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]
    return _STRANGE.sub("_", name).strip("._")[-120:] or "data"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "the server does not answer in time"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        # Its own text holds the whole address, and so the key of a signed link.
        return f"the proxy refuses to connect ({error.status})"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"cannot reach the proxy {error.host}:{error.port}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"cannot reach {error.host} (its certificate is not trusted)"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot reach {error.host} ({error.os_error.strerror or error.os_error})"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection was cut again and again"
    return str(error) or type(error).__name__
