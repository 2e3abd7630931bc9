"""What training made, as files: an adapter, or a whole model; complete or not there.

    results/adapter/adapter_config.json, adapter_model.safetensors
    results/fine_tuning_completed.txt        after the folder: whose result it is

The folder appears by rename, so that nobody serves half an adapter.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from kaito.api.tuning_job import ADAPTER
from kaito.api.tuning_record import COMPLETED_FILE
from kaito.runtimes.tuning.ledger import write_whole
from kaito.runtimes.tuning.sources.arrived import digest_file

ADAPTER_FILES: Final = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The model that was trained from."""

    name: str
    revision: str = ""


class Completed(msgspec.Struct, frozen=True):
    """What the mark of a finished training holds."""

    job: str
    """Fingerprint of what was asked for."""
    digest: str
    """Of the adapter's weights."""
    pushed: str = ""
    """Reference with its digest, once it was."""


def save_result(
    model: Any, tokenizer: Any, folder: Path, base: Base, *, state: dict[str, Any] | None = None
) -> str:
    """Write the trained weights; the digest of the largest file.

    Args:
        model: the trained one.
        tokenizer: goes with a model that was trained whole.
        folder: appears when it is complete.
        base: what an adapter is of.
        state: all weights by name, where the model at hand has only a part of each.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    if configs := getattr(model, "peft_config", None):
        for config in configs.values():
            config.base_model_name_or_path = base.name
            config.revision = base.revision or None
        # Asking a hub whether the vocabulary grew is not for a pod: it did not.
        model.save_pretrained(partial, state_dict=state, save_embedding_layers=False)
        (partial / "README.md").unlink(missing_ok=True)
    else:
        model.save_pretrained(partial, state_dict=state)
        tokenizer.save_pretrained(partial)
    for path in partial.iterdir():
        _sync(path)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return _digest(folder)


def read_completed(results: Path, job: str) -> Completed | None:
    """The finished training of this very job, where its files are still as they were."""
    try:
        mark = msgspec.json.decode((results / COMPLETED_FILE).read_bytes(), type=Completed)
        whole = mark.job == job and _digest(results / ADAPTER) == mark.digest
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
    return mark if whole else None


def write_completed(results: Path, completed: Completed) -> None:
    """Say that training is over, and whether its result is where it should go."""
    write_whole(results / COMPLETED_FILE, msgspec.json.encode(completed) + b"\n")


def result_files(folder: Path) -> tuple[Path, ...]:
    """What is to be pushed: an adapter's two files, or all of a model."""
    adapter = tuple(folder / name for name in ADAPTER_FILES)
    if all(path.is_file() for path in adapter):
        return adapter
    return tuple(sorted(path for path in folder.iterdir() if path.is_file()))


def _digest(folder: Path) -> str:
    return digest_file(max(result_files(folder), key=lambda path: path.stat().st_size))


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
