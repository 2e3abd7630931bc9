"""Brings an adapter's two files into a folder, from wherever it is.

Folders are copied here; registries and hubs are `kaito.registry`'s and `hub`'s. Every way ends with
the same two files, and everything that can go wrong is `AdapterNotFound` or `AdapterInvalid`.
"""

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kaito.api.tuning_job import ADAPTER
from kaito.api.weight_source import FolderSource, HubSource, OciSource, PackageSource, parse_source
from kaito.base.clock import Clock
from kaito.base.errors import UsageError
from kaito.runtimes.serving.adapters.bound import require_size
from kaito.runtimes.serving.adapters.errors import AdapterInvalid, AdapterNotFound
from kaito.runtimes.serving.adapters.peft_config import (
    CONFIG_NAME,
    TENSORS_NAME,
    require_no_pickle,
)

_BLOCK: Final = 1 << 20


@dataclass(slots=True)
class Counter:
    """How far one fetch is, as `kaito.registry.progress.Progress` wants it told."""

    changed: Callable[[], None] = field(default=lambda: None)
    done: int = 0
    total: int = 0

    def start(self, *, total: int = 0, done: int = 0) -> None:
        """Begin: `total` bytes, `done` of them there."""
        self.total, self.done = total, done
        self.changed()

    def advance(self, size: int, *, item: str = "") -> None:
        """Count `size` more bytes."""
        del item
        self.done += size
        self.changed()

    @property
    def text(self) -> str:
        """For people: `12 of 80 MiB`; empty before anything is known."""
        return f"{self.done >> 20} of {self.total >> 20} MiB" if self.total else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """What every source needs."""

    clock: Clock
    pull_secrets: tuple[Path, ...] = ()

    async def fetch(self, source: str, folder: Path, progress: Counter) -> str:
        """Fill `folder`; the digest of what came. What an earlier try left there is used."""
        try:
            parsed = parse_source(source)
        except UsageError as error:
            raise AdapterInvalid(f"source {source!r} is not understood") from error
        if isinstance(parsed, FolderSource):
            return await asyncio.to_thread(copy_folder, Path(parsed.path), folder, progress)
        if isinstance(parsed, OciSource):
            from kaito.runtimes.serving.adapters.oci import fetch_oci

            return await fetch_oci(parsed, folder, self.pull_secrets, self.clock, progress)
        if isinstance(parsed, HubSource):
            from kaito.runtimes.serving.adapters.hub import fetch_hub

            return await fetch_hub(parsed, folder, self.clock, progress)
        kind = "a Python package" if isinstance(parsed, PackageSource) else "a bucket"
        raise AdapterInvalid(f"an adapter cannot come from {kind}")


def copy_folder(source: Path, folder: Path, progress: Counter) -> str:
    """Copy the adapter's files, wherever among the usual places below `source` they are."""
    found = find_files(source)
    total = sum(path.stat().st_size for path in found)
    require_size(total)
    progress.start(total=total)
    for path in found:
        with path.open("rb") as reader, (folder / path.name).open("wb") as writer:
            shutil.copyfileobj(reader, writer, _BLOCK)
        progress.advance(path.stat().st_size)
    return digest_files([folder / path.name for path in found])


def find_files(folder: Path) -> tuple[Path, ...]:
    """The configuration and the weights in `folder`; `AdapterNotFound` when it is not there."""
    if not folder.is_dir():
        raise AdapterNotFound(f"{folder} is not a folder here")
    if not (folder / CONFIG_NAME).is_file() and (folder / ADAPTER / CONFIG_NAME).is_file():
        folder = folder / ADAPTER  # the results of a tuning job
    config, tensors = folder / CONFIG_NAME, folder / TENSORS_NAME
    if not config.is_file():
        raise AdapterNotFound(f"{folder} has no {CONFIG_NAME}")
    if not tensors.is_file():
        require_no_pickle(folder)
        raise AdapterNotFound(f"{folder} has no {TENSORS_NAME}")
    return config, tensors


def digest_files(paths: Sequence[Path]) -> str:
    """`sha256:HEX` over the files' names and contents."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name}\n".encode())
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return f"sha256:{digest.hexdigest()}"
