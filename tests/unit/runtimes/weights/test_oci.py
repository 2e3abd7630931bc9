"""The registry source against a local server that speaks the distribution API."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from kaito.api.weight_source import OciSource
from kaito.base.clock import SystemClock
from kaito.runtimes.weights.errors import SourceFailed
from kaito.runtimes.weights.oci import Reference, fetch_oci, parse_reference
from kaito.runtimes.weights.progress import Reporter
from kaito.runtimes.weights.transfer import open_transfer

CONTENT = b"weights" * 100
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class RegistryDouble:
    """A registry with one artifact, behind an anonymous token."""

    def __init__(self) -> None:
        self.titles = ["model.safetensors"]

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application()
        app.router.add_get("/v2/models/tiny/manifests/1.0", self.manifest)
        app.router.add_get(f"/v2/models/tiny/blobs/{DIGEST}", self.blob)
        app.router.add_get("/token", self.token)
        return app

    async def token(self, request: web.Request) -> web.Response:
        assert request.query["scope"] == "repository:models/tiny:pull"
        return web.json_response({"token": "anonymous"})

    async def manifest(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer anonymous":
            realm = request.url.with_path("/token")
            scope = "repository:models/tiny:pull"
            challenge = f'Bearer realm="{realm}",service="here",scope="{scope}"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        layers = [
            {
                "digest": DIGEST,
                "size": len(CONTENT),
                "annotations": {"org.opencontainers.image.title": title},
            }
            for title in self.titles
        ]
        return web.json_response({"layers": layers}, headers={"Docker-Content-Digest": "sha256:m"})

    async def blob(self, request: web.Request) -> web.Response:
        return web.Response(body=CONTENT)


@pytest.fixture
async def registry() -> AsyncIterator[tuple[RegistryDouble, str]]:
    double = RegistryDouble()
    runner = web.AppRunner(double.application(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield double, f"127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_an_artifacts_layers_become_files(
    registry: tuple[RegistryDouble, str], reporter: Reporter, tmp_path: Path
) -> None:
    source = OciSource(f"{registry[1]}/models/tiny:1.0")
    async with open_transfer(SystemClock(), reporter) as transfer:
        assert await fetch_oci(transfer, source, tmp_path) == "sha256:m"
    assert (tmp_path / "model.safetensors").read_bytes() == CONTENT


async def test_a_layer_may_not_lead_out_of_the_folder(
    registry: tuple[RegistryDouble, str], reporter: Reporter, tmp_path: Path
) -> None:
    registry[0].titles = ["../evil", "/etc/evil", ""]
    source = OciSource(f"{registry[1]}/models/tiny:1.0")
    async with open_transfer(SystemClock(), reporter) as transfer:
        with pytest.raises(SourceFailed, match="no layer with a file's name"):
            await fetch_oci(transfer, source, tmp_path)


async def test_a_missing_artifact_is_a_reason(
    registry: tuple[RegistryDouble, str], reporter: Reporter, tmp_path: Path
) -> None:
    async with open_transfer(SystemClock(), reporter) as transfer:
        with pytest.raises(SourceFailed, match="no such artifact"):
            await fetch_oci(transfer, OciSource(f"{registry[1]}/models/other:1"), tmp_path)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("ghcr.io/a/b:1", ("https://ghcr.io", "a/b", "1")),
        ("localhost:5000/a", ("http://localhost:5000", "a", "latest")),
        ("r.io/a/b@sha256:ab", ("https://r.io", "a/b", "sha256:ab")),
    ],
)
def test_references_are_read_as_registries_write_them(
    text: str, reference: tuple[str, str, str]
) -> None:
    base, repository, version = reference
    assert parse_reference(text) == Reference(base=base, repository=repository, version=version)
