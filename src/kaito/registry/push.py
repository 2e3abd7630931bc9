"""Local files into a registry, as an artifact or as a container image with the files in /data."""

import asyncio
import gzip
import hashlib
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

import msgspec

from kaito.registry.client import Registry
from kaito.registry.download import first_error
from kaito.registry.errors import RegistryError
from kaito.registry.files import CHUNK_BYTES, LocalFile, Part, read_parts
from kaito.registry.manifest import (
    EMPTY_CONFIG,
    EMPTY_TYPE,
    IMAGE_CONFIG_TYPE,
    TAR_GZIP_TYPE,
    Descriptor,
    Manifest,
    to_json,
)
from kaito.registry.progress import Progress
from kaito.registry.reference import Reference
from kaito.registry.upload import Blob, push_blob

IMAGE_FOLDER: Final = "data"
"""Where KAITO's adapter images keep their files."""
_PARALLEL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """An artifact's configuration blob."""

    content: bytes = EMPTY_CONFIG
    media_type: str = EMPTY_TYPE

    @property
    def descriptor(self) -> Descriptor:
        """Its place in a manifest."""
        digest = f"sha256:{hashlib.sha256(self.content).hexdigest()}"
        return Descriptor(media_type=self.media_type, digest=digest, size=len(self.content))


async def push_content(  # noqa: PLR0913 - one more than five, each a thing of its own
    registry: Registry,
    reference: Reference,
    files: Sequence[LocalFile],
    *,
    artifact_type: str,
    annotations: Mapping[str, str],
    progress: Progress,
) -> str:
    """Push files as an artifact; the digest of its manifest. Blobs that are there are not sent."""
    parts = [part for file in files for part in await read_parts(file, chunk_bytes=CHUNK_BYTES)]
    config = Config()
    manifest = Manifest(
        artifact_type=artifact_type,
        config=config.descriptor,
        layers=tuple(part.layer for part in parts),
        annotations=dict(annotations),
    )
    blobs = [_to_blob(part) for part in parts]
    return await push_manifest(registry, reference, manifest, (*blobs, to_blob(config)), progress)


async def push_image(
    registry: Registry,
    reference: Reference,
    files: Sequence[LocalFile],
    *,
    annotations: Mapping[str, str],
    progress: Progress,
) -> str:
    """Push files as an image of one layer, `data/<name>`, as KAITO's adapters are; its digest."""
    with tempfile.TemporaryDirectory(prefix="kaito-image-") as scratch:
        path = Path(scratch) / "layer.tar.gz"
        layer, inner = await asyncio.to_thread(_write_layer, path, tuple(files))
        document = {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [inner]},
        }
        config = Config(content=msgspec.json.encode(document), media_type=IMAGE_CONFIG_TYPE)
        manifest = Manifest(
            config=config.descriptor, layers=(layer,), annotations=dict(annotations)
        )
        blob = Blob(digest=layer.digest, size=layer.size, name="layer", path=path)
        return await push_manifest(registry, reference, manifest, (blob, to_blob(config)), progress)


async def push_manifest(  # noqa: PLR0913 - `push_content`'s, and where blobs may be already
    registry: Registry,
    reference: Reference,
    manifest: Manifest,
    blobs: Sequence[Blob],
    progress: Progress,
    *,
    mount_from: str = "",
) -> str:
    """Push the blobs, a few at a time, then what lists them; the manifest's digest.

    `mount_from` names another repository of the same registry: what it has is not sent.
    """
    distinct = list({blob.digest: blob for blob in blobs}.values())
    progress.start(total=sum(blob.size for blob in distinct), done=0)
    slots = asyncio.Semaphore(_PARALLEL)

    async def push_one(blob: Blob) -> None:
        async with slots:
            await push_blob(registry, reference, blob, progress, mount_from=mount_from)

    try:
        async with asyncio.TaskGroup() as group:
            for blob in distinct:
                group.create_task(push_one(blob))
    except* RegistryError as failures:
        raise first_error(failures) from failures
    body = to_json(manifest)
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    await registry.put_manifest(reference, body, manifest.media_type, digest=digest)
    return digest


def to_blob(config: Config) -> Blob:
    """A configuration as something to push."""
    found = config.descriptor
    return Blob(digest=found.digest, size=found.size, name="config", content=config.content)


def _to_blob(part: Part) -> Blob:
    return Blob(
        digest=part.layer.digest,
        size=part.size,
        name=part.layer.title,
        path=part.file.path,
        offset=part.offset,
    )


def _write_layer(path: Path, files: Sequence[LocalFile]) -> tuple[Descriptor, str]:
    """Write the tar, the same bytes for the same files; its layer, and its digest unpacked."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0, filename="") as packed,
    ):
        counted = _Summed(packed)
        stream = cast("IO[bytes]", counted)
        with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            tar.addfile(_entry(IMAGE_FOLDER, tarfile.DIRTYPE, 0o755))
            for file in sorted(files, key=lambda one: one.name):
                entry = _entry(f"{IMAGE_FOLDER}/{file.name}", tarfile.REGTYPE, 0o644)
                entry.size = file.path.stat().st_size
                with file.path.open("rb") as content:
                    tar.addfile(entry, content)
    with path.open("rb") as written:
        digest = f"sha256:{hashlib.file_digest(written, 'sha256').hexdigest()}"
    layer = Descriptor(media_type=TAR_GZIP_TYPE, digest=digest, size=path.stat().st_size)
    return layer, counted.digest


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    return entry


class _Summed:
    """A stream that knows the checksum of what went through it."""

    def __init__(self, below: gzip.GzipFile) -> None:
        self._below = below
        self._sum = hashlib.sha256()

    @property
    def digest(self) -> str:
        """Of everything written so far."""
        return f"sha256:{self._sum.hexdigest()}"

    def write(self, content: bytes) -> int:
        """Pass on, and count."""
        self._sum.update(content)
        return self._below.write(content)
