"""Which checkpoints can be gone on from: whole ones, of this very job.

    checkpoints/checkpoint-40/...                 written by the trainer
    checkpoints/checkpoint-40/kaito-complete.json  written last: every file's size, whose job it is

A folder without the mark, or whose files are not as the mark says, was cut short by a kill or a
full disk: it is removed, and the one before counts.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Final

import msgspec

MARK: Final = "kaito-complete.json"
_NAME: Final = re.compile(r"checkpoint-(\d+)")


class _Mark(msgspec.Struct, frozen=True):
    job: str
    """Fingerprint of model, data and settings."""
    files: dict[str, int]
    """Sizes by name, below the checkpoint's folder."""


def mark_complete(checkpoint: Path, job: str) -> None:
    """Say that all of it is written; on the disk, not only in its cache."""
    found = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    files = {str(path.relative_to(checkpoint)): path.stat().st_size for path in found}
    files.pop(MARK, None)
    for name in files:
        _sync(checkpoint / name)
    target = checkpoint / MARK
    partial = checkpoint / f".{MARK}"
    partial.write_bytes(msgspec.json.encode(_Mark(job=job, files=files)))
    _sync(partial)
    partial.rename(target)
    _sync(checkpoint)


def find_checkpoint(folder: Path, job: str) -> Path | None:
    """The last whole checkpoint of this job; every other one is removed."""
    found = _numbered(folder)
    whole = [path for path in found if is_whole(path, job)]
    for path in found:
        if path not in whole:
            shutil.rmtree(path, ignore_errors=True)
    return whole[-1] if whole else None


def drop_old(folder: Path, *, keep: int) -> None:
    """Remove all but the last `keep` whole checkpoints."""
    whole = [path for path in _numbered(folder) if (path / MARK).exists()]
    for path in whole[: max(len(whole) - keep, 0)]:
        # The mark goes first: a kill in between leaves something that nobody takes for whole.
        (path / MARK).unlink()
        shutil.rmtree(path, ignore_errors=True)


def step_of(checkpoint: Path) -> int:
    """The step a checkpoint was written after."""
    match = _NAME.fullmatch(checkpoint.name)
    return int(match[1]) if match else 0


def is_whole(checkpoint: Path, job: str) -> bool:
    """Whether all of it is there, and it is of this job."""
    try:
        mark = msgspec.json.decode((checkpoint / MARK).read_bytes(), type=_Mark)
    except (OSError, msgspec.MsgspecError):
        return False
    return mark.job == job and all(
        (checkpoint / name).is_file() and (checkpoint / name).stat().st_size == size
        for name, size in mark.files.items()
    )


def _numbered(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_dir() and _NAME.fullmatch(path.name)]
    return sorted(found, key=step_of)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
