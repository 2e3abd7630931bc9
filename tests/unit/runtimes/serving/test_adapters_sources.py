"""Adapters from a registry (KAITO's image form, the artifact form) and from a hub.

Both are served by real HTTP servers on the loopback that speak just the API that is read.
"""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from tiny_adapters import make_adapter

from kaito.api.runtime import ENV_HUB_ENDPOINT
from kaito.base.clock import SystemClock
from kaito.runtimes.serving.adapters import bound, oci
from kaito.runtimes.serving.adapters.errors import AdapterInvalid, AdapterNotFound, to_line
from kaito.runtimes.serving.adapters.fetch import Counter, Fetcher

FILES = ("adapter_config.json", "adapter_model.safetensors")
SHA = "c0ffee"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class RegistryDouble:
    """Manifests and blobs by digest, under one repository and one tag."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifest = b""
        self.media_type = "application/vnd.oci.image.manifest.v1+json"

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v2/", self.ping)
        app.router.add_get("/v2/org/poet/manifests/{version}", self.get_manifest)
        app.router.add_get("/v2/org/poet/blobs/{digest}", self.get_blob)
        return app

    async def ping(self, request: web.Request) -> web.Response:
        return web.Response()

    async def get_manifest(self, request: web.Request) -> web.Response:
        if request.match_info["version"] not in {"1", digest(self.manifest)}:
            return web.Response(status=404)
        headers = {"Content-Type": self.media_type, "Docker-Content-Digest": digest(self.manifest)}
        return web.Response(body=self.manifest, headers=headers)

    async def get_blob(self, request: web.Request) -> web.Response:
        content = self.blobs.get(request.match_info["digest"])
        return web.Response(body=content) if content is not None else web.Response(status=404)

    def add(self, content: bytes, media_type: str, title: str = "") -> dict[str, object]:
        self.blobs[digest(content)] = content
        annotations = {"org.opencontainers.image.title": title} if title else {}
        return {
            "mediaType": media_type,
            "digest": digest(content),
            "size": len(content),
            "annotations": annotations,
        }

    def publish(self, layers: list[dict[str, object]], config: dict[str, object]) -> None:
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": self.media_type,
                "config": config,
                "layers": layers,
            }
        ).encode()

    def publish_image(self, files: dict[str, bytes]) -> None:
        """One gzipped layer, as `docker build` and KAITO's pusher make them."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(f"data/{name}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        layer = self.add(
            gzip.compress(buffer.getvalue()), "application/vnd.oci.image.layer.v1.tar+gzip"
        )
        config = json.dumps(
            {"rootfs": {"type": "layers", "diff_ids": [digest(buffer.getvalue())]}}
        ).encode()
        self.publish([layer], self.add(config, "application/vnd.oci.image.config.v1+json"))

    def publish_artifact(self, files: dict[str, bytes]) -> None:
        """One layer a file, as `oras push` makes them."""
        layers = [
            self.add(content, "application/octet-stream", name) for name, content in files.items()
        ]
        self.publish(layers, self.add(b"{}", "application/vnd.oci.empty.v1+json"))


class HubDouble:
    """A hub with one adapter."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/models/org/poet/revision/v1", self.revision)
        app.router.add_get(f"/api/models/org/poet/tree/{SHA}", self.tree)
        app.router.add_get(f"/org/poet/resolve/{SHA}/{{name}}", self.file)
        return app

    async def revision(self, request: web.Request) -> web.Response:
        return web.json_response({"sha": SHA})

    async def tree(self, request: web.Request) -> web.Response:
        entries = [
            {
                "type": "file",
                "path": name,
                "size": len(content),
                "lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)},
            }
            for name, content in self.files.items()
        ]
        return web.json_response(entries)

    async def file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["name"]])


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    folder = make_adapter(tmp_path / "made", modules={"model.layers.0.q_proj": (6, 4)})
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "fetched"
    folder.mkdir()
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def largest(folder: Path) -> int:
    return max((path.stat().st_size for path in folder.rglob("*")), default=0)


async def fetch(source: str, folder: Path) -> str:
    return await Fetcher(clock=SystemClock()).fetch(source, folder, Counter())


@pytest.mark.parametrize("form", ["image", "artifact"])
async def test_both_forms_in_a_registry_give_the_same_two_files(
    files: dict[str, bytes], folder: Path, form: str
) -> None:
    registry = RegistryDouble()
    extra = {**files, "training_args.txt": b"kept out of nothing"}
    if form == "image":
        registry.publish_image(extra)
    else:
        registry.publish_artifact(extra)
    async with served(registry.application()) as host:
        found = await fetch(f"oci:{host}/org/poet:1", folder)
    assert found == digest(registry.manifest)
    assert {name: (folder / name).read_bytes() for name in FILES} == files


async def test_an_image_that_is_no_adapter_is_named(folder: Path) -> None:
    registry = RegistryDouble()
    registry.publish_image({"readme.txt": b"hello"})
    async with served(registry.application()) as host:
        with pytest.raises(AdapterInvalid, match=r"org/poet:1 has no adapter_config\.json"):
            await fetch(f"oci:{host}/org/poet:1", folder)


async def test_a_tag_that_is_not_there_may_come(folder: Path) -> None:
    registry = RegistryDouble()
    registry.publish_image({})
    async with served(registry.application()) as host:
        with pytest.raises(AdapterNotFound):
            await fetch(f"oci:{host}/org/poet:2", folder)


async def test_only_the_two_files_of_a_hub_repository_are_fetched(
    files: dict[str, bytes], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = HubDouble({**files, "optimizer.pt": b"large"})
    async with served(hub.application()) as host:
        monkeypatch.setenv(ENV_HUB_ENDPOINT, f"http://{host}")
        assert await fetch("hub:org/poet@v1", folder) == f"git:{SHA}"
        assert contents(folder) == files
        with pytest.raises(AdapterNotFound, match="404"):
            await fetch("hub:org/other@v1", folder)


async def test_a_hub_repository_with_pickled_weights_alone_is_refused(
    files: dict[str, bytes], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = HubDouble({FILES[0]: files[FILES[0]], "adapter_model.bin": b"\x80"})
    async with served(hub.application()) as host:
        monkeypatch.setenv(ENV_HUB_ENDPOINT, f"http://{host}")
        with pytest.raises(AdapterInvalid, match="only in pickled form"):
            await fetch("hub:org/poet@v1", folder)


async def test_a_python_package_is_no_source_of_adapters(folder: Path) -> None:
    with pytest.raises(AdapterInvalid) as caught:
        await fetch("package:x==1#f", folder)
    assert to_line(caught.value) == "an adapter cannot come from a Python package"


@pytest.mark.parametrize("form", ["image", "artifact"])
async def test_an_oversized_adapter_of_a_registry_is_refused_and_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(oci, "MOST_BYTES", 100_000)
    registry = RegistryDouble()
    # As an image it is small on the wire, and large only once it is unpacked.
    bomb = {FILES[0]: b"{}", FILES[1]: b"\0" * 1_000_000}
    if form == "image":
        registry.publish_image(bomb)
    else:
        registry.publish_artifact(bomb)
    async with served(registry.application()) as host:
        with pytest.raises(AdapterInvalid, match="the most that is taken here"):
            await fetch(f"oci:{host}/org/poet:1", folder)
    assert largest(folder) <= 100_000


async def test_an_oversized_adapter_of_a_hub_or_a_folder_is_refused(
    files: dict[str, bytes], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bound, "MOST_BYTES", 10)
    hub = HubDouble(files)
    async with served(hub.application()) as host:
        monkeypatch.setenv(ENV_HUB_ENDPOINT, f"http://{host}")
        for source in ("hub:org/poet@v1", f"folder:{tmp_path / 'made'}"):
            with pytest.raises(AdapterInvalid, match="an adapter may have"):
                await fetch(source, folder)
    assert contents(folder) == {}
