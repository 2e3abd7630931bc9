"""What is in a registry into a folder: an artifact's files, or what an image has in its /data.

Which of the two it is shows in the layers: those of an artifact are named.
"""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from kaito.registry.client import Registry
from kaito.registry.download import fetch_pieces
from kaito.registry.errors import RegistryError
from kaito.registry.layers import CONTENT_FOLDERS, RootFolder, require_size, to_inner
from kaito.registry.manifest import (
    FILE_NAME,
    FILE_OFFSET,
    FILE_SHA256,
    FILE_SIZE,
    LAYER_TYPES,
    TAR_GZIP_TYPE,
    UNPACK,
    Descriptor,
    Manifest,
)
from kaito.registry.partial import Piece, disk_errors, sums_of
from kaito.registry.progress import Progress
from kaito.registry.reference import Reference
from kaito.registry.web import Ask

_LAYERS = ".kaito-layers"
_ROOT = ".kaito-rootfs"
_DIGITS = 19
"""Of the largest size of a file; longer ones are not even converted."""
_HINT = "see docs/how-to/weights-as-images.md for what kaito reads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What was pulled."""

    digest: str
    """Of the manifest."""
    artifact_type: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)
    """The sha256 of files, in hexadecimal, as far as the manifest states it."""


async def pull_content(
    registry: Registry,
    reference: Reference,
    folder: Path,
    *,
    progress: Progress,
    most_bytes: int | None = None,
) -> Pulled:
    """Bring the files of an artifact, or of an image's /data, into `folder`.

    What an interrupted call left in `folder` is gone on with; files that are there already and are
    what they should be are kept. Nothing counts before its sha256 is right. More than `most_bytes`,
    as the manifest states it or as layers unpack to, are too large.

    Raises:
        RegistryError: with the kind of what went wrong.
    """
    pull = _Pull(registry, reference, folder, progress, most_bytes)
    found = await registry.get_manifest(reference)
    manifest = found.manifest
    require_size(sum(layer.size for layer in manifest.layers), most_bytes)
    files = [layer for layer in manifest.layers if layer.title and not _is_packed(layer)]
    packed = [layer for layer in manifest.layers if layer.title and _is_packed(layer)]
    pieces = to_pieces(files)
    if files or packed:
        await pull.fetch(pieces, folder)
        if packed:
            await pull.unpack(packed, wanted=("",))
    elif _is_image(manifest):
        await pull.unpack(manifest.layers, wanted=CONTENT_FOLDERS)
    else:
        raise RegistryError(
            f"{reference} is neither an artifact with named files nor a container image",
            kind="not found",
            hint=_HINT,
        )
    stated = {
        layer.annotations[FILE_NAME]: layer.annotations[FILE_SHA256]
        for layer in files
        if FILE_NAME in layer.annotations and FILE_SHA256 in layer.annotations
    }
    return Pulled(
        digest=found.digest,
        artifact_type=manifest.kind,
        annotations=dict(manifest.annotations),
        sums={**stated, **sums_of(pieces)},
    )


def to_pieces(layers: Sequence[Descriptor]) -> tuple[Piece, ...]:
    """Layers as stretches of files; `RegistryError` when they do not make whole files."""
    pieces = []
    sizes: dict[str, int] = {}
    for layer in layers:
        name = to_inner(layer.annotations.get(FILE_NAME) or layer.title)
        if not name or name.split("/")[0].startswith(".kaito"):
            raise RegistryError(
                f"layer title {layer.title[:200]!r} is no file's name", kind="refused"
            )
        offset = _number(layer, FILE_OFFSET, 0)
        sizes[name] = _number(layer, FILE_SIZE, layer.size)
        pieces.append(
            Piece(url=layer.digest, name=name, size=layer.size, digest=layer.digest, offset=offset)
        )
    for name, size in sizes.items():
        _require_whole(name, size, [piece for piece in pieces if piece.name == name])
    return tuple(pieces)


class _Pull:
    """One pull: from where, into which folder, and who watches."""

    def __init__(
        self,
        registry: Registry,
        reference: Reference,
        folder: Path,
        progress: Progress,
        most_bytes: int | None,
    ) -> None:
        self._registry = registry
        self._reference = reference
        self._folder = folder
        self._progress = progress
        self._most_bytes = most_bytes

    async def fetch(self, pieces: Sequence[Piece], folder: Path) -> None:
        """Bring blobs into files of `folder`."""
        await fetch_pieces(self._registry.web, self._open, pieces, folder, self._progress)

    async def unpack(self, layers: Sequence[Descriptor], *, wanted: Sequence[str]) -> None:
        """Fetch layers beside the folder's content, apply them, publish what is wanted."""
        staging, root_folder = self._folder / _LAYERS, self._folder / _ROOT
        pieces = {
            layer.digest: Piece(
                url=layer.digest, name=_file_of(layer), size=layer.size, digest=layer.digest
            )
            for layer in layers
        }
        await self.fetch(tuple(pieces.values()), staging)
        with disk_errors(self._folder):
            shutil.rmtree(root_folder, ignore_errors=True)
            root_folder.mkdir()
            root = RootFolder(root_folder, wanted=wanted, most_bytes=self._most_bytes)
            try:
                for layer in layers:
                    compression = LAYER_TYPES.get(layer.media_type, "an unknown format")
                    await asyncio.to_thread(root.apply, staging / _file_of(layer), compression)
                root.publish(self._folder)
            finally:
                # Verified layers that make no content will not make any the next time either.
                shutil.rmtree(root_folder, ignore_errors=True)
            shutil.rmtree(staging)

    def _open(
        self, piece: Piece, headers: dict[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        ask = Ask(address=f"blobs/{piece.url}", headers=headers, is_bulk=True)
        return self._registry.open(self._reference, ask)


def _file_of(layer: Descriptor) -> str:
    return layer.digest.replace(":", "-")


def _is_packed(layer: Descriptor) -> bool:
    """Whether a named layer is a folder as a tar.

    The Python `oras` says so by the type alone, and calls plain files uncompressed tars.
    """
    is_archive = Path(layer.title).suffix in {".tar", ".gz", ".tgz", ".zst"}
    return layer.annotations.get(UNPACK) == "true" or (
        layer.media_type == TAR_GZIP_TYPE and not is_archive
    )


def _is_image(manifest: Manifest) -> bool:
    return bool(manifest.layers) and all(
        layer.media_type in LAYER_TYPES for layer in manifest.layers
    )


def _number(layer: Descriptor, key: str, default: int) -> int:
    text = layer.annotations.get(key, "")
    if not text:
        return default
    if not text.isdecimal() or len(text) > _DIGITS:
        raise RegistryError(
            f"annotation {key} is {text[:40]!r}, which is no number", kind="damaged"
        )
    return int(text)


def _require_whole(name: str, size: int, pieces: Sequence[Piece]) -> None:
    at = 0
    for piece in sorted(pieces, key=lambda one: one.offset):
        if piece.offset != at:
            break
        at += piece.size
    if at != size:
        raise RegistryError(
            f"the layers of {name} do not make a whole file of {size} bytes", kind="damaged"
        )
