"""A data set of a model hub that speaks Hugging Face's HTTP API: which files, at which commit.

Only lists; the files are then downloaded as any address is. A data set that holds several splits
gives the files that its names call training ones. https://huggingface.co/docs/hub/api
"""

import os
import re
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote, urljoin

import aiohttp
import msgspec

from kaito.api.runtime import ENV_HUB_AUTH, ENV_HUB_ENDPOINT
from kaito.runtimes.tuning.data.kinds import is_data_name
from kaito.runtimes.tuning.errors import SourceFailed
from kaito.runtimes.tuning.sources.download import REDIRECT_CODES
from kaito.runtimes.tuning.sources.guard import Guard

_REDIRECTS: Final = 4
_ENDPOINT: Final = "https://huggingface.co"
_TRAIN: Final = re.compile(r"(^|[^a-z])train([^a-z]|$)", re.IGNORECASE)
_OTHER: Final = re.compile(r"(^|[^a-z])(test|validation|valid|val|dev)([^a-z]|$)", re.IGNORECASE)


class _Revision(msgspec.Struct):
    sha: str


class _Entry(msgspec.Struct):
    type: str
    path: str
    size: int = 0


def hub_endpoint() -> str:
    """The hub that the pod is told to use."""
    return os.environ.get(ENV_HUB_ENDPOINT, "").rstrip("/") or _ENDPOINT


def hub_headers() -> dict[str, str]:
    """The hub token, where there is one."""
    token = os.environ.get(ENV_HUB_AUTH, "")
    return {"Authorization": f"Bearer {token}"} if token else {}


async def list_data_set(
    session: aiohttp.ClientSession, name: str, guard: Guard
) -> tuple[str, tuple[str, ...]]:
    """The data set `ORG/NAME@REVISION`: its commit, and the addresses of its training files."""
    repository, _, revision = name.partition("@")
    api = f"{hub_endpoint()}/api/datasets/{quote(repository)}"
    wanted = quote(revision or "main", safe="")
    try:
        commit = msgspec.json.decode(
            await _get(session, f"{api}/revision/{wanted}", name, guard), type=_Revision
        ).sha
        listing = await _get(session, f"{api}/tree/{commit}?recursive=true", name, guard)
        entries = msgspec.json.decode(listing, type=tuple[_Entry, ...])
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SourceFailed(f"data set {name}: cannot reach {hub_endpoint()}") from error
    except msgspec.MsgspecError as error:
        raise SourceFailed(f"{hub_endpoint()} does not answer as a model hub does") from error
    files = select_files(tuple(entry.path for entry in entries if entry.type == "file"))
    if not files:
        raise SourceFailed(f"data set {name} has no parquet, json, jsonl, csv or arrow file")
    base = f"{hub_endpoint()}/datasets/{repository}/resolve/{commit}"
    return commit, tuple(f"{base}/{quote(path)}" for path in files)


def select_files(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The training files among a data set's, in order; all data where none is called so."""
    data = sorted(path for path in paths if is_data_name(PurePosixPath(path).name))
    training = [path for path in data if _TRAIN.search(path)]
    return tuple(training or (path for path in data if not _OTHER.search(path)))


async def _get(session: aiohttp.ClientSession, url: str, name: str, guard: Guard) -> bytes:
    """The answer, over redirects of the hub's own: data sets are renamed."""
    for _ in range(_REDIRECTS):
        answer, location = await _ask(session, url, name)
        if not location:
            return answer
        url = urljoin(url, location)
        guard.check_url(url)
    raise SourceFailed(f"data set {name}: the hub redirects without an end")


async def _ask(session: aiohttp.ClientSession, url: str, name: str) -> tuple[bytes, str]:
    """What is there, or where it is instead."""
    headers = hub_headers() if url.startswith(f"{hub_endpoint()}/") else {}
    async with session.get(url, headers=headers, allow_redirects=False) as response:
        if response.status in REDIRECT_CODES:
            return b"", response.headers.get("Location", "")
        if response.status in {401, 403}:
            raise SourceFailed(
                f"data set {name}: the hub refuses access ({response.status})",
                hint=f"accept its terms and set {ENV_HUB_AUTH}",
            )
        if response.status == 404:
            raise SourceFailed(f"data set {name}: the hub knows no such data set or revision")
        response.raise_for_status()
        return await response.read(), ""
