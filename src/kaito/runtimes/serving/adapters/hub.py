"""An adapter on a model hub that speaks Hugging Face's HTTP API (https://huggingface.co/docs/hub).

Resolves the revision to a commit, so that both files are of one, and fetches just those.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import aiohttp
import msgspec

from kaito.api.runtime import ENV_HUB_AUTH, ENV_HUB_ENDPOINT
from kaito.api.weight_source import HubSource
from kaito.base.clock import Clock
from kaito.registry.download import fetch_pieces
from kaito.registry.errors import RegistryError
from kaito.registry.manifest import Size
from kaito.registry.partial import Piece
from kaito.registry.progress import Progress
from kaito.registry.web import Ask, Web, open_web, require_success
from kaito.runtimes.serving.adapters.bound import require_size
from kaito.runtimes.serving.adapters.errors import AdapterInvalid, AdapterNotFound
from kaito.runtimes.serving.adapters.peft_config import CONFIG_NAME, PICKLED_NAMES, TENSORS_NAME

_ENDPOINT: Final = "https://huggingface.co"
_PARTIAL_CONTENT_BEYOND: Final = 416
T = TypeVar("T")


class _Revision(msgspec.Struct):
    sha: str


class _Lfs(msgspec.Struct):
    oid: str
    size: Size


class _Entry(msgspec.Struct):
    path: str
    type: str = "file"
    oid: str = ""
    size: Size = 0
    lfs: _Lfs | None = None


async def fetch_hub(source: HubSource, folder: Path, clock: Clock, progress: Progress) -> str:
    """Fill `folder`; the commit, as `git:HEX`. Raises as `fetch_oci` does."""
    endpoint = os.environ.get(ENV_HUB_ENDPOINT, "").rstrip("/") or _ENDPOINT
    token = os.environ.get(ENV_HUB_AUTH, "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    api = f"{endpoint}/api/models/{source.repository}"
    try:
        async with open_web(clock) as web:
            url = f"{api}/revision/{source.revision}"
            commit = (await _get(web, url, headers, _Revision)).sha
            url = f"{api}/tree/{commit}"
            entries = await _get(web, url, headers, tuple[_Entry, ...])
            base = f"{endpoint}/{source.repository}/resolve/{commit}"
            pieces = tuple(_to_piece(entry, base) for entry in select_entries(entries))
            require_size(sum(piece.size for piece in pieces))
            await fetch_pieces(web, partial(_open, web, headers), pieces, folder, progress)
    except RegistryError as error:
        hint = error.hint
        if error.kind == "auth":
            hint = f"accept its terms on the hub and set {ENV_HUB_AUTH}"
        raise AdapterNotFound(f"{source.repository}: {error}", hint=hint) from error
    return f"git:{commit}"


def select_entries(entries: tuple[_Entry, ...]) -> tuple[_Entry, ...]:
    """The adapter's two files; `AdapterInvalid` says which is missing."""
    files = {entry.path: entry for entry in entries if entry.type == "file"}
    if TENSORS_NAME not in files and any(name in files for name in PICKLED_NAMES):
        raise AdapterInvalid("the repository has its weights only in pickled form")
    for name in (CONFIG_NAME, TENSORS_NAME):
        if name not in files:
            raise AdapterInvalid(f"the repository has no {name}: it is not an adapter")
    return files[CONFIG_NAME], files[TENSORS_NAME]


def _to_piece(entry: _Entry, base: str) -> Piece:
    return Piece(
        url=f"{base}/{entry.path}",
        name=entry.path,
        size=entry.lfs.size if entry.lfs else entry.size,
        digest=_to_digest(entry),
    )


def _to_digest(entry: _Entry) -> str:
    if entry.lfs:
        return f"sha256:{entry.lfs.oid}"
    return f"git:{entry.oid}" if entry.oid else ""


async def _get(web: Web, url: str, headers: dict[str, str], kind: type[T]) -> T:
    async def attempt() -> bytes:
        async with web.open(Ask(address=url, headers=headers)) as response:
            require_success(response, url)
            return await response.read()

    try:
        return msgspec.json.decode(await web.insist(attempt, what=url), type=kind)
    except msgspec.MsgspecError as error:
        raise RegistryError(f"{url} does not answer as a model hub does", kind="refused") from error


@asynccontextmanager
async def _open(
    web: Web, headers: dict[str, str], piece: Piece, extra: dict[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    ask = Ask(address=piece.url, headers={**headers, **extra}, is_bulk=True)
    async with web.open(ask) as response:
        if response.status != _PARTIAL_CONTENT_BEYOND:
            require_success(response, piece.name)
        yield response
