"""Data is fetched and prepared once a node: its first rank does, the others are told where it lies.

The ranks of a node share its disk. The first writes what it has prepared into a folder that lasts
as long as the process that started them all (`group.py`): nothing of an earlier attempt is taken.
Ranks that something else started share no such folder, and each prepares the data for itself.
"""

import logging
import os
from pathlib import Path
from typing import Final

import msgspec

from kaito.api.tuning_record import DatasetRecord
from kaito.base.logs import facts
from kaito.runtimes.tuning.errors import PeersGone
from kaito.runtimes.tuning.job import Job
from kaito.runtimes.tuning.ledger import write_whole
from kaito.runtimes.tuning.pace import PREPARED_FILE
from kaito.runtimes.tuning.preflight import Prepared
from kaito.runtimes.tuning.ranks import (
    ENV_NODE_FOLDER,
    count_local_ranks,
    is_first_of_node,
    is_paced,
)

logger = logging.getLogger(__name__)

WAIT_SECONDS: Final = 24 * 3600.0
"""For the first rank to fetch and tokenize the data. If it fails, the others are ended with it."""
_LOOK_SECONDS: Final = 0.2


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """`Prepared`, as a file."""

    record: DatasetRecord
    train: str
    evaluation: str
    longest: int


def is_handed_data() -> bool:
    """Whether another rank of this node prepares the data for this one."""
    return ENV_NODE_FOLDER in os.environ and not is_first_of_node()


def hand_over(prepared: Prepared) -> None:
    """Tell the node's other ranks where the data lies, and its launcher that it does."""
    folder = os.environ.get(ENV_NODE_FOLDER)
    is_alone = count_local_ranks() == 1 and not is_paced()
    if folder is None or is_alone or not is_first_of_node():
        return
    told = _Told(
        record=prepared.record,
        train=str(prepared.train.absolute()),
        evaluation=str(prepared.evaluation.absolute()) if prepared.evaluation else "",
        longest=prepared.longest,
    )
    write_whole(Path(folder) / PREPARED_FILE, msgspec.json.encode(told))


async def take_over(job: Job, *, seconds: float = WAIT_SECONDS) -> Prepared:
    """Wait for the data; without the questions, which only the first rank of all asks.

    Raises:
        PeersGone: it did not come within so many seconds.
    """
    path = Path(os.environ[ENV_NODE_FOLDER]) / PREPARED_FILE
    job.board.start_stage("wait", item="the first process of this node, which prepares the data")
    logger.info("waiting for the data", extra=facts(prepared_by="first process of the node"))
    latest = job.clock.monotonic() + seconds
    while not path.exists():
        if job.clock.monotonic() >= latest:
            raise PeersGone(f", or did not prepare the data within {seconds:.0f} s")
        await job.clock.sleep(_LOOK_SECONDS)
    told = msgspec.json.decode(path.read_bytes(), type=_Told)
    return Prepared(
        record=told.record,
        train=Path(told.train),
        evaluation=Path(told.evaluation) if told.evaluation else None,
        questions=(),
        longest=told.longest,
    )
