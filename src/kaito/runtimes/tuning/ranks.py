"""The processes that train together: which of them this is, and what they have to agree on.

The environment says it, in the names that torch and accelerate read. The first rank of a node
prepares the data for all of them; the first of all alone answers for the job, writes it down and
pushes.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from kaito.runtimes.tuning.checkpoints import MARK, find_checkpoint, is_whole

ENV_RANK, ENV_RANKS = "RANK", "WORLD_SIZE"
ENV_LOCAL_RANK, ENV_LOCAL_RANKS = "LOCAL_RANK", "LOCAL_WORLD_SIZE"
ENV_NODE_FOLDER: Final = "KAITO_TUNING_NODE"
"""A folder that the ranks of a node share for one attempt."""
ENV_PACED: Final = "KAITO_TUNING_PACED"
"""Set where there are other nodes, whose data this one waits for."""
_PIECE: Final = 64 << 20
_LOST: Final = (
    "connection closed by peer",
    "connection reset by peer",
    "broken pipe",
    "gloo",
    "nccl",
    "timed out after",
)
_T = TypeVar("_T")


def rank() -> int:
    """Which of the processes of this job this is."""
    return int(os.environ.get(ENV_RANK, "0"))


def count_ranks() -> int:
    """How many processes train together, on all nodes."""
    return int(os.environ.get(ENV_RANKS, "1"))


def count_local_ranks() -> int:
    """How many of them are on this node."""
    return int(os.environ.get(ENV_LOCAL_RANKS, "1"))


def is_first_rank() -> bool:
    """Whether this process answers for the job."""
    return rank() == 0


def is_first_of_node() -> bool:
    """Whether this process works for the others on its node, too."""
    return os.environ.get(ENV_LOCAL_RANK, "0") == "0"


def is_lost_peer(error: BaseException) -> bool:
    """Whether an error says that another process is gone; only its text tells."""
    text = str(error).lower()
    return count_ranks() > 1 and isinstance(error, RuntimeError) and any(s in text for s in _LOST)


def is_paced() -> bool:
    """Whether this rank has to wait for the data of other nodes (`pace.py`)."""
    return ENV_PACED in os.environ and ENV_NODE_FOLDER in os.environ


def wish_together(*wishes: bool) -> tuple[bool, ...]:
    """What any rank wishes is what all do; every rank must ask at the same step."""
    if count_ranks() == 1:
        return wishes
    import torch
    from torch import distributed

    told = torch.tensor(wishes, dtype=torch.int32, device=_device())
    distributed.all_reduce(told, op=distributed.ReduceOp.MAX)
    return tuple(bool(one) for one in told.tolist())


def wait_for_all() -> None:
    """Until every rank is here."""
    wish_together(False)


def choose_checkpoint(folder: Path, job: str) -> Path | None:
    """The checkpoint that all ranks go on from: the first rank's last whole one.

    Nodes that do not share the results' volume with the first one are sent its files.
    """
    found = find_checkpoint(folder, job) if is_first_of_node() else None
    name = _told_by_first(found.name if found else "")
    if not name:
        return None
    (is_missing,) = wish_together(not is_whole(folder / name, job))
    if is_missing:
        _send_folder(folder / name, job)
    return folder / name


def _send_folder(folder: Path, job: str) -> None:
    """Write the first rank's files on the nodes that lack them, a piece at a time.

    Beside their place until all are there: on a volume that nodes share, whose view of it may be
    an old one, they would be written over while the first rank reads them.
    """
    pieces = _pieces(folder) if is_first_rank() else iter(())
    is_writer = is_first_of_node() and not is_first_rank() and not is_whole(folder, job)
    partial = folder.with_name(f".{folder.name}.of-rank-{rank()}")
    if is_writer:
        shutil.rmtree(partial, ignore_errors=True)
    while piece := _told_by_first(next(pieces, None)):
        name, start, content = piece
        if is_writer:
            path = partial / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb" if not start else "r+b") as stream:
                stream.seek(start)
                stream.write(content)
    if is_writer and not is_whole(folder, job):
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    shutil.rmtree(partial, ignore_errors=True)
    wait_for_all()


def _pieces(folder: Path) -> Iterator[tuple[str, int, bytes]]:
    """All files below `folder`: name, place, content; the mark that all is there comes last."""
    files = (path for path in folder.rglob("*") if path.is_file())
    for path in sorted(files, key=lambda one: (one.name == MARK, one)):
        with path.open("rb") as stream:
            for start in range(0, max(path.stat().st_size, 1), _PIECE):
                yield str(path.relative_to(folder)), start, stream.read(_PIECE)


def _told_by_first(value: _T) -> _T:
    """What the first rank has as `value`."""
    if count_ranks() == 1:
        return value
    from torch import distributed

    values: list[Any] = [value]
    distributed.broadcast_object_list(values, src=0, device=_device())
    told: _T = values[0]
    return told


def _device() -> Any:
    import torch
    from torch import distributed

    return torch.device("cuda" if distributed.get_backend() == "nccl" else "cpu")
