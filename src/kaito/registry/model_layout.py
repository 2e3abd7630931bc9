"""A model as an OCI image layout on disk: what `kaito models pack` writes and `push` sends.

    oci-layout, index.json       which manifest there is
    blobs/sha256/<hex>           a file of the model, or a part of a large one
    .packed/<hash>.json          the layers of a file that is packed, with its size and time
    .pushed.json                 the repositories that have it already

https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md. Packing again takes what
`.packed` knows of files that have not changed. Whole files are hard-linked where that is possible.
"""

import asyncio
import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from kaito.registry.errors import RegistryError
from kaito.registry.files import CHUNK_BYTES, LocalFile, Part, read_parts
from kaito.registry.manifest import INDEX_TYPE, Descriptor, Index, Manifest, to_json
from kaito.registry.partial import disk_errors
from kaito.registry.progress import Progress
from kaito.registry.push import Config
from kaito.registry.upload import Blob
from kaito.registry.weight_files import is_pickled, require_sound

MODEL_TYPE: Final = "application/vnd.kaito.model.v1"
CONFIG_TYPE: Final = "application/vnd.kaito.model.config.v1+json"
_REF_NAME: Final = "org.opencontainers.image.ref.name"
_LAYOUT: Final = b'{"imageLayoutVersion":"1.0.0"}'
_MARK: Final = "oci-layout"
_PUSHES: Final = ".pushed.json"
_IGNORED: Final = frozenset({"kaito-weights.json"})


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the configuration blob says about a model."""

    name: str
    architectures: tuple[str, ...] = ()
    model_type: str = ""
    dtype: str = ""
    quantization: str = ""
    size_bytes: int = 0
    files: int = 0


class _Quantization(msgspec.Struct):
    quant_method: str = ""


class _ModelFile(msgspec.Struct):
    architectures: tuple[str, ...] = ()
    model_type: str = ""
    torch_dtype: str = ""
    dtype: str = ""
    quantization_config: _Quantization | None = None


class _Packed(msgspec.Struct, frozen=True, kw_only=True):
    """What was known of a file when it was packed."""

    size: int
    changed_ns: int
    chunk_bytes: int
    layers: tuple[Descriptor, ...]


def is_layout(folder: Path) -> bool:
    """Whether `folder` is an image layout."""
    return (folder / _MARK).is_file()


def choose_files(folder: Path, *, allow_pickle: bool = False) -> tuple[LocalFile, ...]:
    """A model's files: not hidden, and without pickles where there are safetensors.

    Raises:
        ValueError: the weights are not whole, or are pickled and that was not allowed.
    """
    require_sound(folder, allow_pickle=allow_pickle)
    has_tensors = any(folder.glob("*.safetensors"))
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    return tuple(
        LocalFile(name=name, path=(folder / name).resolve())
        for name in names
        if not any(part.startswith(".") for part in name.split("/"))
        and name not in _IGNORED
        and not (has_tensors and is_pickled(name))
    )


def describe_model(folder: Path, name: str, files: Sequence[LocalFile]) -> ModelConfig:
    """The facts for the configuration blob, from config.json."""
    path = folder / "config.json"
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_ModelFile)
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(f"{path} is no model's configuration: {error}") from error
    quantization = found.quantization_config
    return ModelConfig(
        name=name,
        architectures=found.architectures,
        model_type=found.model_type,
        dtype=found.dtype or found.torch_dtype,
        quantization=quantization.quant_method if quantization else "",
        size_bytes=sum(file.path.stat().st_size for file in files),
        files=len(files),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a packed model is called, and how it is cut."""

    annotations: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""
    """The reference it is for, if that is known yet."""
    chunk_bytes: int = CHUNK_BYTES


async def write_layout(
    layout: Path,
    files: Sequence[LocalFile],
    config: ModelConfig,
    *,
    label: Label,
    progress: Progress,
) -> str:
    """Pack `files` into `layout`, going on with what is there; the manifest's digest."""
    progress.start(total=sum(file.path.stat().st_size for file in files), done=0)
    with disk_errors(layout):
        (layout / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        (layout / ".packed").mkdir(exist_ok=True)
        layers: list[Descriptor] = []
        for file in files:
            layers += await _pack(layout, file, label.chunk_bytes)
            progress.advance(file.path.stat().st_size, item=file.name)
        facts = Config(content=msgspec.json.encode(config), media_type=CONFIG_TYPE)
        manifest = Manifest(
            artifact_type=MODEL_TYPE,
            config=facts.descriptor,
            layers=tuple(layers),
            annotations=dict(label.annotations),
        )
        _write_blob(layout, facts.content)
        body = to_json(manifest)
        entry = Descriptor(
            media_type=manifest.media_type,
            artifact_type=MODEL_TYPE,
            digest=_write_blob(layout, body),
            size=len(body),
            annotations={_REF_NAME: label.tag} if label.tag else {},
        )
        _replace(layout / "index.json", to_json(Index(media_type=INDEX_TYPE, manifests=(entry,))))
        # Last: it says that this is a layout.
        _replace(layout / _MARK, _LAYOUT)
        _sweep(layout, {entry.digest, facts.descriptor.digest, *(one.digest for one in layers)})
    return entry.digest


def read_layout(layout: Path) -> tuple[Manifest, tuple[Blob, ...], str]:
    """The manifest of a layout, its blobs, and the reference it was tagged with.

    Raises:
        RegistryError: it is no complete layout.
    """
    try:
        index = msgspec.json.decode((layout / "index.json").read_bytes(), type=Index)
        entry = index.manifests[0]
        body = _blob_path(layout, entry.digest).read_bytes()
        manifest = msgspec.json.decode(body, type=Manifest)
    except (OSError, IndexError, msgspec.MsgspecError) as error:
        raise RegistryError(
            f"{layout} is not a complete image layout: {error}",
            kind="damaged",
            hint="pack the model again: kaito models pack",
        ) from error
    config = (manifest.config,) if manifest.config else ()
    blobs = tuple(_to_blob(layout, one) for one in (*manifest.layers, *config))
    return manifest, blobs, entry.annotations.get(_REF_NAME, "")


def repositories_of(layout: Path, registry: str) -> tuple[str, ...]:
    """The repositories of a registry that this layout was pushed to, the last first."""
    noted = _read_pushes(layout)
    return tuple(name for host, name in reversed(noted) if host == registry)


def note_push(layout: Path, registry: str, repository: str) -> None:
    """Remember where the blobs are now; a layout that cannot be written forgets it."""
    noted = [one for one in _read_pushes(layout) if one != (registry, repository)]
    with suppress(OSError):
        _replace(layout / _PUSHES, msgspec.json.encode([*noted, (registry, repository)]))


def _read_pushes(layout: Path) -> list[tuple[str, str]]:
    try:
        return msgspec.json.decode((layout / _PUSHES).read_bytes(), type=list[tuple[str, str]])
    except (OSError, msgspec.MsgspecError):
        return []


async def _pack(layout: Path, file: LocalFile, chunk_bytes: int) -> tuple[Descriptor, ...]:
    note = layout / ".packed" / f"{hashlib.sha256(file.name.encode()).hexdigest()[:16]}.json"
    status = file.path.stat()
    known = _read_note(note)
    if known is not None and (known.size, known.changed_ns, known.chunk_bytes) == (
        status.st_size, status.st_mtime_ns, chunk_bytes,
    ) and all(_has(layout, layer) for layer in known.layers):  # fmt: skip
        return known.layers
    parts = await read_parts(file, chunk_bytes=chunk_bytes)
    for part in parts:
        if not _has(layout, part.layer):
            await asyncio.to_thread(_place, part, _blob_path(layout, part.layer.digest))
    packed = _Packed(
        size=status.st_size,
        changed_ns=status.st_mtime_ns,
        chunk_bytes=chunk_bytes,
        layers=tuple(part.layer for part in parts),
    )
    _replace(note, msgspec.json.encode(packed))
    return packed.layers


def _place(part: Part, target: Path) -> None:
    """Put a part where its blob belongs: a link where it is a whole file, else a copy."""
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    if not _link(part, partial):
        _copy(part, partial)
    partial.rename(target)


def _link(part: Part, target: Path) -> bool:
    if part.size != part.file.path.stat().st_size:
        return False
    try:
        os.link(part.file.path, target)
    except OSError:
        # Another file system, or one without links.
        return False
    return True


def _copy(part: Part, target: Path) -> None:
    """In the kernel: on file systems that can, the blocks are shared."""
    with part.file.path.open("rb") as source, target.open("wb") as copy:
        at, left = part.offset, part.size
        while left:
            count = os.copy_file_range(source.fileno(), copy.fileno(), left, at)
            if not count:
                raise RegistryError(
                    f"{part.file.path} became shorter while it was packed", kind="disk"
                )
            at, left = at + count, left - count


def _sweep(layout: Path, wanted: set[str]) -> None:
    """Remove blobs of what was packed here before."""
    for path in (layout / "blobs" / "sha256").iterdir():
        if f"sha256:{path.name}" not in wanted:
            path.unlink()


def _to_blob(layout: Path, layer: Descriptor) -> Blob:
    path = _blob_path(layout, layer.digest)
    if not _has(layout, layer):
        raise RegistryError(
            f"{path} is missing or not {layer.size} bytes long",
            kind="damaged",
            hint="pack the model again: kaito models pack",
        )
    return Blob(digest=layer.digest, size=layer.size, name=layer.title or "config", path=path)


def _has(layout: Path, layer: Descriptor) -> bool:
    path = _blob_path(layout, layer.digest)
    return path.is_file() and path.stat().st_size == layer.size


def _blob_path(layout: Path, digest: str) -> Path:
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _write_blob(layout: Path, content: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    _replace(_blob_path(layout, digest), content)
    return digest


def _read_note(path: Path) -> _Packed | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Packed)
    except (OSError, msgspec.MsgspecError):
        return None


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
