"""All of a job's data, from wherever it is, as files on this machine."""

import asyncio
import random
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from kaito.api.tuning_job import TuningArguments
from kaito.base.clock import Clock
from kaito.base.errors import KaitoError
from kaito.runtimes.reporting import Board
from kaito.runtimes.tuning.data.files import find_files
from kaito.runtimes.tuning.errors import DataRefused, SourceFailed
from kaito.runtimes.tuning.sources.arrived import Arrived
from kaito.runtimes.tuning.sources.download import Download, fetch_url
from kaito.runtimes.tuning.sources.guard import Guard, GuardedResolver
from kaito.runtimes.tuning.sources.hub import HubFile, hub_endpoint, hub_headers, list_data_set

_CONNECT_SECONDS: Final = 10.0
_READ_SECONDS: Final = 60.0


async def collect_data(
    arguments: TuningArguments, folder: Path, *, board: Board, clock: Clock, wanted: str = ""
) -> tuple[Arrived, ...]:
    """Bring everything the arguments name below `folder`; what is there already is kept.

    `wanted` are the files of a data set that `dataset_path` asks for; empty: those to train on.

    Raises:
        DataRefused, SourceFailed: one line that names the source.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    found: list[Arrived] = []
    if arguments.url or arguments.dataset:
        found += await _collect_urls(arguments, folder, board=board, clock=clock, wanted=wanted)
    if arguments.data_image:
        found.extend(await _collect_image(arguments, folder / "image", board=board, clock=clock))
    if arguments.data:
        found.extend(await asyncio.to_thread(find_files, Path(arguments.data)))
    if not found:
        raise DataRefused("no data is named", hint="set tuning.input.urls, image or volumeSource")
    return tuple(found)


class Telling:
    """Downloads, told to the board."""

    def __init__(self, board: Board, item: str) -> None:
        self._board = board
        self._item = item

    def start(self, *, total: int, done: int) -> None:
        """A file's size is known."""
        self._board.start_stage("download", total=total, done=done, item=self._item)

    def advance(self, size: int, *, item: str = "") -> None:
        """More bytes came."""
        self._board.advance(size, item=item or self._item)


async def _collect_urls(
    arguments: TuningArguments, folder: Path, *, board: Board, clock: Clock, wanted: str
) -> list[Arrived]:
    private = list(arguments.private_hosts)
    if arguments.dataset:
        # The operator chose the hub, which may be a mirror inside the cluster.
        private.append(urlsplit(hub_endpoint()).hostname or "")
    guard = Guard(private)
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS
    )
    connector = aiohttp.TCPConnector(resolver=GuardedResolver(guard))
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        trust_env=True,
        auto_decompress=False,
        headers={"User-Agent": "kaito"},
    ) as session:
        files = [HubFile(path="", url=url) for url in arguments.url]
        if arguments.dataset:
            board.start_stage("look", item=arguments.dataset)
            found = await list_data_set(session, arguments.dataset, guard, wanted=wanted)
            _tell_parts(board, arguments.dataset, found)
            files.extend(found)
        download = Download(
            session=session,
            guard=guard,
            clock=clock,
            counting=Telling(board, "data"),
            random=random.random,
            tokens={hub_endpoint(): hub_headers()} if arguments.dataset else {},
        )
        return [
            await fetch_url(download, file.url, folder, index=index, name=file.path)
            for index, file in enumerate(files)
        ]


def _tell_parts(board: Board, name: str, files: tuple[HubFile, ...]) -> None:
    """Of a data set in several parts all are used; some have the same rows in each."""
    folders = sorted({file.path.rpartition("/")[0] for file in files})
    if len(folders) > 1:
        board.warn(
            f"data set {name} has training files in {len(folders)} folders, and all are used: "
            f"{', '.join(folder or 'its root' for folder in folders[:5])}; "
            f"DatasetConfig.dataset_path: {folders[-1]} would name one"
        )


async def _collect_image(
    arguments: TuningArguments, folder: Path, *, board: Board, clock: Clock
) -> tuple[Arrived, ...]:
    from kaito.registry.client import open_registry
    from kaito.registry.content import pull_content
    from kaito.registry.credentials import read_credentials
    from kaito.registry.reference import parse_reference

    try:
        reference = parse_reference(arguments.data_image)
        credentials = read_credentials([Path(path) for path in arguments.pull_secret])
        async with open_registry(credentials, clock=clock) as registry:
            telling = Telling(board, arguments.data_image)
            await pull_content(registry, reference, folder, progress=telling)
    except KaitoError as error:
        raise SourceFailed(f"data image: {error}", hint=error.hint) from error
    found = await asyncio.to_thread(find_files, folder)
    return tuple(
        Arrived(path=one.path, name=one.name, source=arguments.data_image) for one in found
    )
