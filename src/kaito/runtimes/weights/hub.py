"""A model hub that speaks Hugging Face's HTTP API.

Resolves the revision to a commit, lists that commit's files, and downloads only what a server
needs: safetensors, configuration, tokenizer. https://huggingface.co/docs/hub/api
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import quote

import aiohttp
import msgspec

from kaito.api import labels
from kaito.api.runtime import ENV_HUB_AUTH, ENV_HUB_ENDPOINT
from kaito.api.weight_source import HubSource
from kaito.registry.download import Open, fetch_pieces
from kaito.registry.errors import RegistryError
from kaito.registry.partial import Piece, sums_of
from kaito.registry.web import Ask, Transient, Web, require_success, to_reason
from kaito.registry.weight_files import is_pickled
from kaito.runtimes.weights.errors import SourceFailed
from kaito.runtimes.weights.manifest import Arrived
from kaito.runtimes.weights.progress import Reporter

_ENDPOINT = "https://huggingface.co"
_WANTED = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.tiktoken",
    "tekken.json",
    "chat_template*",
    "*processor_config.json",
)
_PICKLED = ("pytorch_model*.bin", "pytorch_model.bin.index.json")


class _Revision(msgspec.Struct):
    sha: str


class _Lfs(msgspec.Struct):
    oid: str
    size: int


class Entry(msgspec.Struct):
    """A file or folder of a repository, or of another folder with a model in it."""

    type: str
    path: str
    oid: str = ""
    size: int = 0
    lfs: _Lfs | None = None


async def fetch_hub(
    web: Web, source: HubSource, folder: Path, *, reporter: Reporter, allow_pickle: bool = False
) -> Arrived:
    """Bring the model's files into `folder`; their revision is the commit they are of."""
    endpoint = os.environ.get(ENV_HUB_ENDPOINT, "").rstrip("/") or _ENDPOINT
    headers = _to_headers(os.environ.get(ENV_HUB_AUTH, ""))
    api = f"{endpoint}/api/models/{source.repository}"
    try:
        text, _ = await _get(web, f"{api}/revision/{source.revision}", headers)
        commit = msgspec.json.decode(text, type=_Revision).sha
        entries = await _list_entries(web, f"{api}/tree/{commit}?recursive=true", headers)
        resolve = f"{endpoint}/{source.repository}/resolve/{commit}"
        pieces = tuple(
            Piece(
                url=f"{resolve}/{quote(entry.path)}",
                name=entry.path,
                size=entry.lfs.size if entry.lfs else entry.size,
                digest=_to_digest(entry),
            )
            for entry in select_entries(entries, allow_pickle=allow_pickle)
        )
        await fetch_pieces(web, _opener(web, headers), pieces, folder, reporter.downloading)
    except RegistryError as error:
        raise SourceFailed(str(error)) from error
    except msgspec.MsgspecError as error:
        raise SourceFailed(f"{endpoint} does not answer as a model hub does") from error
    return Arrived(revision=commit, sums=sums_of(pieces))


def select_entries(entries: tuple[Entry, ...], *, allow_pickle: bool = False) -> tuple[Entry, ...]:
    """The files that a server loads: of the top folder only, and no weights in a second format."""
    own = [entry for entry in entries if entry.type == "file" and "/" not in entry.path]
    has_tensors = any(entry.path.endswith(".safetensors") for entry in own)
    patterns = _WANTED if has_tensors or not allow_pickle else (*_WANTED, *_PICKLED)
    wanted = [entry for entry in own if any(fnmatch(entry.path, one) for one in patterns)]
    if not has_tensors and not any(is_pickled(entry.path) for entry in wanted):
        raise SourceFailed(_without_tensors(own))
    # Mistral publishes the same weights again, in one `consolidated` file.
    if any(entry.path.startswith("model") for entry in wanted):
        wanted = [entry for entry in wanted if not entry.path.startswith("consolidated")]
    return tuple(wanted)


def _to_digest(entry: Entry) -> str:
    if entry.lfs:
        return f"sha256:{entry.lfs.oid}"
    return f"git:{entry.oid}" if entry.oid else ""


def _without_tensors(entries: list[Entry]) -> str:
    found = next((entry.path for entry in entries if is_pickled(entry.path)), "")
    if not found:
        return "there are no safetensors files"
    return (
        f"there are no safetensors files, only pickled ones such as {found}, "
        f"which run code when they are loaded; to allow them annotate the workspace "
        f'{labels.ALLOW_PICKLE}: "true"'
    )


def _opener(web: Web, headers: dict[str, str]) -> Open:
    @asynccontextmanager
    async def open_piece(
        piece: Piece, more: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        ask = Ask(address=piece.url, headers={**headers, **more}, is_bulk=True)
        async with web.open(ask) as response:
            _require_access(response.status)
            require_success(response, piece.name)
            yield response

    return open_piece


async def _list_entries(web: Web, url: str, headers: dict[str, str]) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    following: str | None = url
    while following:
        text, following = await _get(web, following, headers)
        entries.extend(msgspec.json.decode(text, type=list[Entry]))
    return tuple(entries)


async def _get(web: Web, url: str, headers: dict[str, str]) -> tuple[bytes, str | None]:
    """The body, and the next page's address where there is one."""

    async def attempt() -> tuple[bytes, str | None]:
        async with web.open(Ask(address=url, headers=headers)) as response:
            _require_access(response.status)
            if response.status == 404:
                raise SourceFailed("the hub knows no such model or revision (404)")
            require_success(response, "the hub")
            link = response.links.get("next")
            try:
                return await response.read(), str(link["url"]) if link else None
            except (aiohttp.ClientError, TimeoutError) as error:
                raise Transient(to_reason(error)) from error

    return await web.insist(attempt, what="")


def _require_access(status: int) -> None:
    if status in {401, 403}:
        raise SourceFailed(
            f"the hub refuses access ({status}): the model may not exist or is gated; accept its "
            f"terms and set {ENV_HUB_AUTH}: name a Secret with that key in modelAccessSecret"
        )


def _to_headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
