"""A data set of a model hub that speaks Hugging Face's HTTP API: which files, at which commit.

Only lists; the files are then downloaded as any address is. A data set that holds several splits
gives the files that its names call training ones. https://huggingface.co/docs/hub/api
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote, urljoin

import aiohttp
import msgspec

from kaito.api.runtime import ENV_HUB_AUTH, ENV_HUB_ENDPOINT
from kaito.runtimes.tuning.data.files import find_called
from kaito.runtimes.tuning.data.kinds import is_data_name
from kaito.runtimes.tuning.errors import DataRefused, SourceFailed
from kaito.runtimes.tuning.sources.download import REDIRECT_CODES
from kaito.runtimes.tuning.sources.guard import Guard

_REDIRECTS: Final = 4
_PAGES: Final = 200
_ENDPOINT: Final = "https://huggingface.co"
_TRAIN: Final = re.compile(r"(^|[^a-z])train([^a-z]|$)", re.IGNORECASE)
_OTHER: Final = re.compile(r"(^|[^a-z])(test|validation|valid|val|dev)([^a-z]|$)", re.IGNORECASE)


class _Revision(msgspec.Struct):
    sha: str


class _Entry(msgspec.Struct):
    type: str
    path: str
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """One file of a data set."""

    path: str
    """In the data set."""
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What is there, or where it is instead."""

    content: bytes = b""
    location: str = ""
    following: str = ""
    """Where the list goes on (https://www.rfc-editor.org/rfc/rfc8288)."""


def hub_endpoint() -> str:
    """The hub that the pod is told to use."""
    return os.environ.get(ENV_HUB_ENDPOINT, "").rstrip("/") or _ENDPOINT


def hub_headers() -> dict[str, str]:
    """The hub token, where there is one."""
    token = os.environ.get(ENV_HUB_AUTH, "")
    return {"Authorization": f"Bearer {token}"} if token else {}


async def list_data_set(
    session: aiohttp.ClientSession, name: str, guard: Guard, *, wanted: str = ""
) -> tuple[HubFile, ...]:
    """The files to train on of the data set `ORG/NAME@REVISION`, at one commit.

    Args:
        session: to ask the hub with.
        name: of the data set.
        guard: says where a redirect may lead.
        wanted: which files, as `dataset_path` says; empty: those that are called training ones.

    Raises:
        SourceFailed, DataRefused: there are none, or the hub does not say.
    """
    repository, _, revision = name.partition("@")
    api = f"{hub_endpoint()}/api/datasets/{quote(repository)}"
    revision = quote(revision or "main", safe="")
    try:
        answer = await _get(session, f"{api}/revision/{revision}", name, guard)
        commit = msgspec.json.decode(answer.content, type=_Revision).sha
        paths = await _list_paths(session, f"{api}/tree/{commit}?recursive=true", name, guard)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SourceFailed(f"data set {name}: cannot reach {hub_endpoint()}") from error
    except msgspec.MsgspecError as error:
        raise SourceFailed(f"{hub_endpoint()} does not answer as a model hub does") from error
    data = sorted(path for path in paths if is_data_name(PurePosixPath(path).name))
    files = select_files(data, wanted)
    if not files and data and wanted:
        raise DataRefused(
            f"DatasetConfig.dataset_path asks for {wanted}, which data set {name} does not have",
            hint=f"it has {', '.join(data[:5])}",
        )
    if not files:
        raise SourceFailed(f"data set {name} has no parquet, json, jsonl, csv or arrow file")
    base = f"{hub_endpoint()}/datasets/{repository}/resolve/{commit}"
    return tuple(HubFile(path=path, url=f"{base}/{quote(path)}") for path in files)


def select_files(data: Sequence[str], wanted: str = "") -> tuple[str, ...]:
    """The training files among a data set's; all where none is called so, but for test files."""
    asked = find_called(data, wanted) if wanted else data
    training = [path for path in asked if _TRAIN.search(path)]
    return tuple(training or (path for path in asked if wanted or not _OTHER.search(path)))


async def _list_paths(
    session: aiohttp.ClientSession, url: str, name: str, guard: Guard
) -> list[str]:
    """All files of the data set; the hub gives them a thousand at a time."""
    found: list[str] = []
    for _ in range(_PAGES):
        answer = await _get(session, url, name, guard)
        entries = msgspec.json.decode(answer.content, type=tuple[_Entry, ...])
        found += [entry.path for entry in entries if entry.type == "file"]
        if not (url := answer.following):
            return found
        guard.check_url(url)
    raise SourceFailed(f"data set {name} has more files than {_PAGES} pages of the hub's list hold")


async def _get(session: aiohttp.ClientSession, url: str, name: str, guard: Guard) -> _Answer:
    """The answer, over redirects of the hub's own: data sets are renamed."""
    for _ in range(_REDIRECTS):
        answer = await _ask(session, url, name)
        if not answer.location:
            return answer
        url = urljoin(url, answer.location)
        guard.check_url(url)
    raise SourceFailed(f"data set {name}: the hub redirects without an end")


async def _ask(session: aiohttp.ClientSession, url: str, name: str) -> _Answer:
    headers = hub_headers() if url.startswith(f"{hub_endpoint()}/") else {}
    async with session.get(url, headers=headers, allow_redirects=False) as response:
        if response.status in REDIRECT_CODES:
            return _Answer(location=response.headers.get("Location", ""))
        if response.status in {401, 403}:
            raise SourceFailed(
                f"data set {name}: the hub refuses access ({response.status})",
                hint=f"accept its terms and set {ENV_HUB_AUTH}",
            )
        if response.status == 404:
            raise SourceFailed(f"data set {name}: the hub knows no such data set or revision")
        response.raise_for_status()
        following = response.links.get("next")
        url_after = str(following["url"]) if following else ""
        return _Answer(content=await response.read(), following=url_after)
