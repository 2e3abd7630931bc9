"""Nodes of one job begin to train together, however much longer one of them takes over its data.

Torch's ranks wait half an hour for each other at most, and say nothing of it. So none of them looks
for another one before the data of every node is ready: each rank waits for a file that its launcher
(`group.py`) writes then. Files of the node's folder, which lasts for one attempt:

    stage.txt   first rank -> launcher   how far its data is, in words
    wait.txt    launcher -> ranks        whom all wait for
    begin       launcher -> ranks        all are ready
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from kaito.api.report import StageReport
from kaito.base.clock import Clock
from kaito.runtimes.reporting import Board
from kaito.runtimes.tuning.ledger import write_whole
from kaito.runtimes.tuning.meeting import Meeting
from kaito.runtimes.tuning.ranks import ENV_NODE_FOLDER, is_first_of_node, is_paced

PREPARED_FILE: Final = "prepared.json"
"""Where the first rank of a node says that its data is ready (`handover.py`)."""
_STAGE, _WAIT, _BEGIN = "stage.txt", "wait.txt", "begin"
_TELL_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.2
_WAIT_FOR: Final = "the data of the other nodes"
_SAID: Final = {"look": "looks for", "download": "downloads", "preflight": "reads and checks"}


@asynccontextmanager
async def telling_stage(board: Board, clock: Clock) -> AsyncIterator[None]:
    """Tell the launcher how far this node's data is, while the context is open."""
    if not is_paced() or not is_first_of_node():
        yield
        return
    task = asyncio.create_task(_tell_stage(board, clock, _folder() / _STAGE))
    try:
        yield
    finally:
        task.cancel()


async def wait_for_nodes(board: Board, clock: Clock) -> None:
    """Until the data of every node is ready; the launcher ends this rank where it never will be."""
    if not is_paced():
        return
    folder = _folder()
    board.start_stage("wait", item=_WAIT_FOR)
    while not (folder / _BEGIN).exists():
        board.advance(0, item=_read(folder / _WAIT) or _WAIT_FOR)
        await clock.sleep(_LOOK_SECONDS)
    board.end_stage()


async def keep_pace(folder: Path, meeting: Meeting, clock: Clock) -> None:
    """The launcher's part: pass on how far the data is, and let the ranks begin with all others.

    Raises:
        Ending: another node makes no progress.
    """
    before = ""
    while not (folder / PREPARED_FILE).exists():
        if (said := _read(folder / _STAGE)) != before:
            await meeting.tell(said)
            before = said
        await clock.sleep(_LOOK_SECONDS)
    await meeting.ready(lambda whom: write_whole(folder / _WAIT, whom.encode()))
    write_whole(folder / _BEGIN, b"")


def in_words(stage: StageReport) -> str:
    """`downloads train.jsonl, 12582912 of 41943040`: of another node, and ever changing."""
    what = " ".join(filter(None, (_SAID.get(stage.name, stage.name), stage.item or "the data")))
    if stage.done <= 0:
        return what
    return f"{what}, {stage.done} of {stage.total}" if stage.total else f"{what}, {stage.done}"


async def _tell_stage(board: Board, clock: Clock, file: Path) -> None:
    while True:
        if stages := board.report.stages:
            with suppress(OSError):
                write_whole(file, in_words(stages[-1]).encode())
        await clock.sleep(_TELL_SECONDS)


def _folder() -> Path:
    return Path(os.environ[ENV_NODE_FOLDER])


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
