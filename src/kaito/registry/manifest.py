"""Manifests and indexes as the OCI image specification and Docker write them.

https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md
"""

import platform
from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

import msgspec

MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST_TYPE: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST_TYPE: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPTED: Final = (MANIFEST_TYPE, INDEX_TYPE, DOCKER_MANIFEST_TYPE, DOCKER_LIST_TYPE)

EMPTY_TYPE: Final = "application/vnd.oci.empty.v1+json"
EMPTY_CONFIG: Final = b"{}"
IMAGE_CONFIG_TYPE: Final = "application/vnd.oci.image.config.v1+json"
TAR_GZIP_TYPE: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_TYPES: Final = {
    TAR_GZIP_TYPE: "gzip",
    "application/vnd.oci.image.layer.v1.tar": "",
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "gzip",
    "application/vnd.docker.image.rootfs.diff.tar": "",
    "application/vnd.oci.image.layer.v1.tar+zstd": "zstd",
}
"""Media types of a file system's layers, with how they are compressed."""

TITLE: Final = "org.opencontainers.image.title"
UNPACK: Final = "io.deis.oras.content.unpack"
"""Set by `oras` on a folder that it packed as a tar."""

FILE_NAME: Final = "sh.kaito.file.name"
FILE_OFFSET: Final = "sh.kaito.file.offset"
FILE_SIZE: Final = "sh.kaito.file.size"
FILE_SHA256: Final = "sh.kaito.file.sha256"
"""Of a layer that is a part of a large file: which file, from which byte on, of how many in all.
Its title is another name, so that a tool that knows none of this keeps the parts apart."""


DIGEST_PATTERN: Final = r"^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\Z"
"""Digests become names of files and proofs of contents, so that no other spelling is let in."""
Digest: TypeAlias = Annotated[str, msgspec.Meta(pattern=DIGEST_PATTERN)]
Size: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """What an image of an index runs on."""

    architecture: str = ""
    os: str = ""


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Content by its digest; `size` in bytes."""

    media_type: str = "application/octet-stream"
    digest: Digest
    size: Size
    annotations: dict[str, str] = {}
    platform: Platform | None = None
    artifact_type: str = ""

    @property
    def title(self) -> str:
        """The file's name, where the layer is a file."""
        return self.annotations.get(TITLE, "")


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One artifact or image."""

    schema_version: int = 2
    media_type: str = MANIFEST_TYPE
    artifact_type: str = ""
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    annotations: dict[str, str] = {}

    @property
    def kind(self) -> str:
        """The artifact's type; before version 1.1 the config's media type said it."""
        return self.artifact_type or (self.config.media_type if self.config else "")


class Index(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Several manifests, one a platform."""

    schema_version: int = 2
    media_type: str = INDEX_TYPE
    manifests: tuple[Descriptor, ...]
    annotations: dict[str, str] = {}


def to_json(document: Manifest | Index) -> bytes:
    """The bytes that a digest is taken of; empty optional fields left out."""
    plain: Mapping[str, object] = msgspec.to_builtins(document)
    kept = {key: value for key, value in plain.items() if value not in ("", {}, None)}
    return msgspec.json.encode(kept)


def choose_platform(index: Index) -> Descriptor | None:
    """This machine's, else linux/amd64, else the only one there is."""
    real = [entry for entry in index.manifests if _is_image(entry)]
    for architecture in (_ours(), "amd64"):
        for entry in real:
            where = entry.platform
            if where and where.os == "linux" and where.architecture == architecture:
                return entry
    return real[0] if len(real) == 1 else None


def _is_image(entry: Descriptor) -> bool:
    # Build tools list their attestations as images of an unknown platform.
    return entry.platform is None or entry.platform.os != "unknown"


def _ours() -> str:
    machine = platform.machine().lower()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
