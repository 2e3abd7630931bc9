"""An artifact in an OCI registry whose layers are the model's files, as `oras push` makes them.

Speaks just enough of the distribution API: a manifest, its blobs, and the anonymous token that a
public registry asks for. https://github.com/opencontainers/distribution-spec
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec

from kaito.api.weight_source import OciSource
from kaito.runtimes.weights.errors import SourceFailed
from kaito.runtimes.weights.transfer import (
    CONNECT_SECONDS,
    RemoteFile,
    Transfer,
    fetch_files,
    to_reason,
)

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_TITLE = "org.opencontainers.image.title"
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?\Z")


class _Layer(msgspec.Struct):
    digest: str
    size: int
    annotations: dict[str, str] = {}


class _ArtifactManifest(msgspec.Struct):
    layers: list[_Layer] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where an artifact is: the repository's base address, and a tag or a digest."""

    base: str
    repository: str
    version: str


async def fetch_oci(transfer: Transfer, source: OciSource, folder: Path) -> str:
    """Bring the artifact's files into `folder`; the digest of its manifest."""
    reference = parse_reference(source.reference)
    try:
        async with asyncio.timeout(CONNECT_SECONDS + 1):
            manifest, digest, headers = await _get_manifest(transfer, reference)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SourceFailed(to_reason(error)) from error
    except msgspec.MsgspecError as error:
        raise SourceFailed(f"{reference.base} does not answer as a registry does") from error
    layers = [layer for layer in manifest.layers if _is_plain_name(layer.annotations.get(_TITLE))]
    if not layers:
        raise SourceFailed("the artifact has no layer with a file's name: is it a container image?")
    files = tuple(
        RemoteFile(
            url=f"{reference.base}/v2/{reference.repository}/blobs/{layer.digest}",
            name=layer.annotations[_TITLE],
            size=layer.size,
            digest=layer.digest,
            headers=headers,
        )
        for layer in layers
    )
    await fetch_files(transfer, files, folder)
    return digest


def parse_reference(text: str) -> Reference:
    """Read `REGISTRY/REPOSITORY:TAG` or `…@sha256:HEX`; loopback registries speak plain HTTP."""
    registry, _, path = text.partition("/")
    repository, at, version = path.partition("@")
    if not at:
        repository, _, version = path.partition(":")
    if not (registry and repository):
        raise SourceFailed(f"{text!r} is not REGISTRY/REPOSITORY:TAG")
    scheme = "http" if _LOOPBACK.match(registry) else "https"
    return Reference(
        base=f"{scheme}://{registry}", repository=repository, version=version or "latest"
    )


async def _get_manifest(
    transfer: Transfer, reference: Reference
) -> tuple[_ArtifactManifest, str, dict[str, str]]:
    url = f"{reference.base}/v2/{reference.repository}/manifests/{reference.version}"
    headers: dict[str, str] = {}
    for is_second in (False, True):
        async with transfer.session.get(url, headers={"Accept": _MANIFEST, **headers}) as response:
            if response.status == 401 and not is_second:
                headers = await _get_token(transfer, response.headers.get("WWW-Authenticate", ""))
                continue
            if response.status in {401, 403}:
                raise SourceFailed(f"the registry refuses access ({response.status})")
            if response.status == 404:
                raise SourceFailed("the registry has no such artifact (404)")
            response.raise_for_status()
            manifest = msgspec.json.decode(await response.read(), type=_ArtifactManifest)
            return manifest, response.headers.get("Docker-Content-Digest", ""), headers
    raise AssertionError("the second round returns or raises")


async def _get_token(transfer: Transfer, challenge: str) -> dict[str, str]:
    """The header an anonymous client may use, from the realm that the registry names."""
    asked = dict(_CHALLENGE.findall(challenge))
    if not (challenge.startswith("Bearer ") and "realm" in asked):
        raise SourceFailed("the registry refuses access (401)")
    parameters = {key: asked[key] for key in ("service", "scope") if key in asked}
    async with transfer.session.get(asked["realm"], params=parameters) as response:
        response.raise_for_status()
        answer = msgspec.json.decode(await response.read(), type=dict[str, object])
    return {"Authorization": f"Bearer {answer.get('token') or answer.get('access_token')}"}


def _is_plain_name(title: str | None) -> bool:
    # A title is a path chosen by whoever pushed: it may not lead out of the folder.
    return bool(title) and Path(str(title)).name == title
