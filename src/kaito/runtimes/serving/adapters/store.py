"""Fetched adapters on disk.

    <root>/<name>/<content>.<digest>/             adapter_config.json, adapter_model.safetensors,
                                                  and kaito-adapter.json, which was written last
    <root>/<name>/<content>.<digest>@<strength>/  the same tensors with a scaled configuration
    <root>/<name>/.<content>.partial/             on its way; kept after a failure, to go on from

The engine reads a version's files again whenever it dropped the adapter from its cache, and dies
where it cannot. So what is served is always our own copy, under a path that never changes content:
vLLM's prefix cache goes by the path too.
"""

import os
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import msgspec

from kaito.api.meta import Wire
from kaito.runtimes.serving.adapters.peft_config import CONFIG_NAME, TENSORS_NAME, scale_config
from kaito.runtimes.serving.adapters.version import Content, Target, Version

MARK_NAME: Final = "kaito-adapter.json"
KEPT: Final = (CONFIG_NAME, TENSORS_NAME)


class Mark(Wire):
    """What says that a content folder is complete."""

    source: str
    digest: str


class Store:
    """The adapters' folder; one server owns it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, target: Target) -> tuple[Path, Mark] | None:
        """What was fetched for `target` before, by this process or an earlier one."""
        for folder in sorted((self._root / target.name).glob(f"{target.content_key}.*")):
            try:
                mark = msgspec.json.decode((folder / MARK_NAME).read_bytes(), type=Mark)
            except (OSError, msgspec.MsgspecError):
                continue
            return folder, mark
        return None

    def partial_of(self, target: Target) -> Path:
        """Where content is while it is fetched."""
        return self._root / target.name / f".{target.content_key}.partial"

    def open_partial(self, target: Target) -> Path:
        """The folder to fetch into, with what an earlier try left in it."""
        partial = self.partial_of(target)
        partial.mkdir(parents=True, exist_ok=True)
        return partial

    def publish(self, target: Target, digest: str) -> Path:
        """Let the partial folder become the content, with nothing but what engines read."""
        partial = self.open_partial(target)
        folder = self._root / target.name / f"{target.content_key}.{digest[-12:]}"
        for entry in partial.iterdir():
            if entry.name not in KEPT:
                _remove(entry)
        mark = Mark(source=target.source, digest=digest)
        (partial / MARK_NAME).write_bytes(msgspec.json.encode(mark))
        _remove(folder)
        partial.rename(folder)
        return folder

    def discard_partial(self, target: Target) -> None:
        """Forget what was fetched so far: it is not what it should be."""
        _remove(self.partial_of(target))

    def derive(self, target: Target, content: Content) -> Version:
        """What the engine loads: the content itself, or with the strength in its configuration."""
        if target.strength == 1:
            return Version(target=target, content=content, folder=content.folder)
        folder = content.folder.with_name(f"{content.folder.name}@{target.strength:g}")
        if not (folder / CONFIG_NAME).is_file():
            folder.mkdir(parents=True, exist_ok=True)
            tensors, config = folder / TENSORS_NAME, folder / f"{CONFIG_NAME}.new"
            tensors.unlink(missing_ok=True)
            os.link(content.folder / TENSORS_NAME, tensors)
            text = (content.folder / CONFIG_NAME).read_bytes()
            config.write_bytes(scale_config(text, target.strength))
            # Last: its presence says that the folder is complete.
            config.rename(folder / CONFIG_NAME)
        return Version(target=target, content=content, folder=folder)

    def prune(self, keep: Collection[Path], targets: Iterable[Target]) -> None:
        """Remove what is neither in `keep` nor of `targets`; of those also what is on its way."""
        wanted = {target.name: target.content_key for target in targets}
        for name in _folders(self._root):
            prefix = wanted.get(name.name)
            for folder in _folders(name):
                is_wanted = prefix is not None and folder.name.lstrip(".").startswith(prefix)
                if folder not in keep and not is_wanted:
                    _remove(folder)
            if not _folders(name):
                _remove(name)


def _folders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir()) if path.is_dir() else []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
