"""A model's facts from the hub: its listing, its configuration and its weights' headers.

Nothing but the first bytes of a weight file is asked for. $HF_ENDPOINT names another hub, $HF_TOKEN
a token, and $HF_HUB_OFFLINE=1 forbids asking at all, as the hub's own tools understand them.
"""

import asyncio
import os
from typing import Any

import aiohttp

from kaito.base.errors import KaitoError
from kaito.catalog.config import CONFIG_LIMIT
from kaito.catalog.model_files import CONFIG_NAMES, WeightFile, choose_weight_files, parse_model
from kaito.catalog.preset import LoadFormat, ModelFacts
from kaito.catalog.safetensors import header_length

_HUB = "https://huggingface.co"
_REVISION = "main"
_TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10)
_CONNECTIONS = 8
_FIRST_BYTES = 256 * 1024
"""Of a weight file: the whole header of most, in one request."""
_HINT = "plan a folder with its config.json and *.safetensors: kaito plan PATH"

_EXPECTED = (ValueError, aiohttp.ClientError, OSError)


def read_hub_model(hub_id: str) -> ModelFacts:
    """The facts; `KaitoError` says why the hub has none, and what to do without it."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise KaitoError(
            f"{hub_id} is not in the catalogue, its files are not here, and $HF_HUB_OFFLINE "
            "forbids asking the hub",
            hint=_HINT,
        )
    endpoint = os.environ.get("HF_ENDPOINT", _HUB).rstrip("/")
    try:
        return asyncio.run(_read(hub_id, endpoint))
    except ExceptionGroup as group:
        known, unexpected = group.split(_EXPECTED)
        if known is None or unexpected is not None:
            raise
        # The first will do: they are about files of the same model.
        error = known.exceptions[0]
    except _EXPECTED as alone:
        error = alone
    raise _refusal(hub_id, endpoint, error) from error


def _refusal(hub_id: str, endpoint: str, error: Exception) -> KaitoError:
    if isinstance(error, ValueError):
        return KaitoError(f"{hub_id} on {endpoint}: {error}", hint=_HINT)
    why = str(error) or "no answer in time"
    return KaitoError(
        f"{hub_id} is not in the catalogue, and the hub at {endpoint} cannot be asked: {why}",
        hint=_HINT,
    )


async def _read(hub_id: str, endpoint: str) -> ModelFacts:
    token = os.environ.get("HF_TOKEN", "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession(
        timeout=_TIMEOUT,
        headers=headers,
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
        trust_env=True,
    ) as session:
        hub = _Hub(session, endpoint, hub_id)
        sizes = await hub.list_files()
        load_format = _load_format(sizes)
        config = await hub.read_start(CONFIG_NAMES[load_format], CONFIG_LIMIT)
        names = choose_weight_files(sizes, load_format=load_format)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(hub.read_weights(name, sizes[name])) for name in names]
        return parse_model(config, [task.result() for task in tasks], load_format=load_format)


def _load_format(names: dict[str, int]) -> LoadFormat:
    """Mistral's own where there is nothing but its configuration."""
    found = [form for form, name in CONFIG_NAMES.items() if name in names]
    if not found:
        raise ValueError("there is no config.json")
    return found[0]


class _Hub:
    """One model of a hub. API: https://huggingface.co/docs/hub/api."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str, hub_id: str) -> None:
        self._session = session
        self._endpoint = endpoint
        self._hub_id = hub_id

    async def list_files(self) -> dict[str, int]:
        """Sizes in bytes of the files beside the configuration, by name."""
        url = f"{self._endpoint}/api/models/{self._hub_id}/tree/{_REVISION}"
        async with self._session.get(url) as response:
            self._check(response)
            entries: Any = await response.json(content_type=None)
        listed = entries if isinstance(entries, list) else []
        return {entry["path"]: entry["size"] for entry in listed if _is_file(entry)}

    async def read_weights(self, name: str, size: int) -> WeightFile:
        """A weight file with its header; only safetensors has one."""
        if not name.endswith(".safetensors"):
            return WeightFile(name=name, size_bytes=size)
        head = await self.read_start(name, _FIRST_BYTES)
        try:
            length = header_length(head, file_bytes=size)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if length > len(head):
            head = await self.read_start(name, length)
        return WeightFile(name=name, size_bytes=size, head=head)

    async def read_start(self, name: str, most: int) -> bytes:
        """The first bytes of a file, also where the server does not know ranges."""
        url = f"{self._endpoint}/{self._hub_id}/resolve/{_REVISION}/{name}"
        async with self._session.get(url, headers={"Range": f"bytes=0-{most - 1}"}) as response:
            self._check(response)
            found = bytearray()
            async for chunk in response.content.iter_any():
                found += chunk
                if len(found) >= most:
                    break
        return bytes(found[:most])

    def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status in (401, 403, 404):
            # The hub says 401 for what does not exist, too.
            raise ValueError("does not exist there, or wants a token in $HF_TOKEN")
        response.raise_for_status()


def _is_file(entry: object) -> bool:
    """Whether an entry of a listing is a file with a name and a size."""
    if not isinstance(entry, dict) or entry.get("type") != "file":
        return False
    path, size = entry.get("path"), entry.get("size")
    return isinstance(path, str) and isinstance(size, int) and size >= 0
