"""A model hub that speaks Hugging Face's HTTP API.

Resolves the revision to a commit, lists that commit's files, and downloads only what a server
needs: safetensors, configuration, tokenizer. https://huggingface.co/docs/hub/api
"""

import asyncio
import os
from fnmatch import fnmatch
from pathlib import Path

import aiohttp
import msgspec

from kaito.api.runtime import ENV_HUB_AUTH, ENV_HUB_ENDPOINT
from kaito.api.weight_source import HubSource
from kaito.runtimes.weights.errors import SourceFailed
from kaito.runtimes.weights.transfer import (
    CONNECT_SECONDS,
    RemoteFile,
    Transfer,
    fetch_files,
    to_reason,
)

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


class _Revision(msgspec.Struct):
    sha: str


class _Lfs(msgspec.Struct):
    oid: str
    size: int


class _Entry(msgspec.Struct):
    type: str
    path: str
    oid: str = ""
    size: int = 0
    lfs: _Lfs | None = None


async def fetch_hub(transfer: Transfer, source: HubSource, folder: Path) -> str:
    """Bring the model's files into `folder`; the commit they are of."""
    endpoint = os.environ.get(ENV_HUB_ENDPOINT, "").rstrip("/") or _ENDPOINT
    headers = _to_headers(os.environ.get(ENV_HUB_AUTH, ""))
    api = f"{endpoint}/api/models/{source.repository}"
    try:
        async with asyncio.timeout(CONNECT_SECONDS + 1):
            text, _ = await _get(transfer, f"{api}/revision/{source.revision}", headers)
        commit = msgspec.json.decode(text, type=_Revision).sha
        entries = await _list_entries(transfer, f"{api}/tree/{commit}?recursive=true", headers)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SourceFailed(to_reason(error)) from error
    except msgspec.MsgspecError as error:
        raise SourceFailed(f"{endpoint} does not answer as a model hub does") from error
    resolve = f"{endpoint}/{source.repository}/resolve/{commit}"
    files = tuple(
        RemoteFile(
            url=f"{resolve}/{entry.path}",
            name=entry.path,
            size=entry.lfs.size if entry.lfs else entry.size,
            digest=f"sha256:{entry.lfs.oid}" if entry.lfs else f"git:{entry.oid}",
            headers=headers,
        )
        for entry in select_entries(entries)
    )
    await fetch_files(transfer, files, folder)
    return commit


def select_entries(entries: tuple[_Entry, ...]) -> tuple[_Entry, ...]:
    """The files that a server loads: of the top folder only, and no weights in a second format."""
    wanted = [
        entry
        for entry in entries
        if entry.type == "file" and any(fnmatch(entry.path, pattern) for pattern in _WANTED)
        if "/" not in entry.path
    ]
    if not any(entry.path.endswith(".safetensors") for entry in wanted):
        raise SourceFailed("the repository has no safetensors files")
    # Mistral publishes the same weights again, in one `consolidated` file.
    if any(entry.path.startswith("model") for entry in wanted):
        wanted = [entry for entry in wanted if not entry.path.startswith("consolidated")]
    return tuple(wanted)


async def _list_entries(
    transfer: Transfer, url: str, headers: dict[str, str]
) -> tuple[_Entry, ...]:
    entries: list[_Entry] = []
    following: str | None = url
    while following:
        text, following = await _get(transfer, following, headers)
        entries.extend(msgspec.json.decode(text, type=list[_Entry]))
    return tuple(entries)


async def _get(transfer: Transfer, url: str, headers: dict[str, str]) -> tuple[bytes, str | None]:
    """The body, and the next page's address where there is one."""
    async with transfer.session.get(url, headers=headers) as response:
        if response.status in {401, 403}:
            raise SourceFailed(
                f"the hub refuses access ({response.status}): the model may not exist or is gated; "
                f"accept its terms and set {ENV_HUB_AUTH}"
            )
        if response.status == 404:
            raise SourceFailed("the hub knows no such model or revision (404)")
        response.raise_for_status()
        link = response.links.get("next")
        return await response.read(), str(link["url"]) if link else None


def _to_headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
