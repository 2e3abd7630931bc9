"""The hub source against a local server that speaks the hub's API, also when it misbehaves."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from kaito.api.runtime import ENV_HUB_AUTH, ENV_HUB_ENDPOINT
from kaito.api.weight_source import HubSource
from kaito.base.backoff import Backoff
from kaito.base.clock import SystemClock
from kaito.registry.web import Web, open_web
from kaito.runtimes.weights.errors import SourceFailed
from kaito.runtimes.weights.hub import fetch_hub
from kaito.runtimes.weights.progress import Reporter

SHA = "c0ffee"
WEIGHTS = bytes(range(256)) * 4096
SOURCE = HubSource("org/tiny", "v1")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class HubDouble:
    """A hub with one model. What it does wrong is data."""

    def __init__(self) -> None:
        self.files = {
            "config.json": b'{"architectures": []}',
            "tokenizer.json": b"{}",
            "model.safetensors": WEIGHTS,
            "pytorch_model.bin": b"not wanted",
            "original/consolidated.safetensors": b"not wanted",
        }
        self.cuts = 0
        self.damaged = 0
        self.token = ""
        self.requests: list[tuple[str, str]] = []

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application()
        app.router.add_get("/api/models/org/tiny/revision/{revision}", self.revision)
        app.router.add_get(f"/api/models/org/tiny/tree/{SHA}", self.tree)
        app.router.add_get(f"/org/tiny/resolve/{SHA}/{{name:.+}}", self.file)
        return app

    async def revision(self, request: web.Request) -> web.Response:
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        return web.json_response({"sha": SHA, "siblings": []})

    async def tree(self, request: web.Request) -> web.Response:
        entries = [self.entry(name) for name in self.files]
        half = len(entries) // 2
        if "cursor" in request.query:
            return web.json_response(entries[half:])
        following = f'<{request.url.with_query(cursor="2")}>; rel="next"'
        return web.json_response(entries[:half], headers={"Link": following})

    def entry(self, name: str) -> dict[str, object]:
        content = self.files[name]
        blob = b"blob %d\0" % len(content) + content
        entry: dict[str, object] = {
            "type": "file",
            "path": name,
            "size": len(content),
            "oid": hashlib.sha1(blob).hexdigest(),
        }
        if name.endswith(".safetensors"):
            sha256 = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": sha256, "size": len(content)}
        return entry

    async def file(self, request: web.Request) -> web.StreamResponse:
        name, asked = request.match_info["name"], request.headers.get("Range", "")
        self.requests.append((name, asked))
        content = self.files[name]
        first = int(asked.removeprefix("bytes=").partition("-")[0] or 0)
        rest = content[first:]
        if name == "model.safetensors" and self.damaged:
            self.damaged -= 1
            rest = b"\0" * len(rest)
        response = web.StreamResponse(status=206 if asked else 200)
        if asked:
            response.headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        response.content_length = len(rest)
        await response.prepare(request)
        if name == "model.safetensors" and self.cuts:
            self.cuts -= 1
            await response.write(rest[: len(rest) // 2])
            assert request.transport is not None
            request.transport.abort()
            return response
        await response.write(rest)
        return response


@pytest.fixture
async def hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HubDouble]:
    double = HubDouble()
    runner = web.AppRunner(double.application(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    monkeypatch.setenv(ENV_HUB_ENDPOINT, f"http://127.0.0.1:{runner.addresses[0][1]}")
    monkeypatch.delenv(ENV_HUB_AUTH, raising=False)
    yield double
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[Web]:
    async with open_web(SystemClock()) as opened:
        yield replace(opened, backoff=Backoff(base=0.0, cap=0.0))


async def test_only_what_a_server_loads_is_fetched(
    hub: HubDouble, client: Web, reporter: Reporter, tmp_path: Path
) -> None:
    arrived = await fetch_hub(client, SOURCE, tmp_path, reporter=reporter)
    assert arrived.revision == SHA
    weights = hub.files["model.safetensors"]
    assert arrived.sums == {"model.safetensors": hashlib.sha256(weights).hexdigest()}
    assert contents(tmp_path) == {
        name: hub.files[name] for name in ("config.json", "tokenizer.json", "model.safetensors")
    }


async def test_a_cut_download_goes_on_where_it_stopped(
    hub: HubDouble, client: Web, reporter: Reporter, tmp_path: Path
) -> None:
    hub.cuts = 2
    await fetch_hub(client, SOURCE, tmp_path, reporter=reporter)
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS
    ranges = [asked for name, asked in hub.requests if name == "model.safetensors"]
    assert len(ranges) == 3
    assert ranges[0] == ""
    starts = [int(asked.removeprefix("bytes=").partition("-")[0]) for asked in ranges[1:]]
    assert 0 < starts[0] < starts[1]


async def test_what_an_earlier_try_left_is_not_fetched_again(
    hub: HubDouble, client: Web, reporter: Reporter, tmp_path: Path
) -> None:
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS)
    await fetch_hub(client, SOURCE, tmp_path, reporter=reporter)
    assert "model.safetensors" not in [name for name, _ in hub.requests]


async def test_a_damaged_file_is_fetched_once_more_then_given_up(
    hub: HubDouble, client: Web, reporter: Reporter, tmp_path: Path
) -> None:
    hub.damaged = 1
    await fetch_hub(client, SOURCE, tmp_path, reporter=reporter)
    assert (tmp_path / "model.safetensors").read_bytes() == WEIGHTS
    (tmp_path / "model.safetensors").unlink()
    hub.damaged = 2
    with pytest.raises(SourceFailed, match=r"model\.safetensors arrived damaged"):
        await fetch_hub(client, SOURCE, tmp_path, reporter=reporter)


async def test_a_gated_model_asks_for_a_token_and_takes_it(
    hub: HubDouble, client: Web, reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "secret"
    with pytest.raises(SourceFailed, match="set HF_TOKEN"):
        await fetch_hub(client, SOURCE, tmp_path, reporter=reporter)
    monkeypatch.setenv(ENV_HUB_AUTH, "secret")
    assert (await fetch_hub(client, SOURCE, tmp_path, reporter=reporter)).revision == SHA


async def test_an_unknown_model_is_a_reason(
    hub: HubDouble, client: Web, reporter: Reporter, tmp_path: Path
) -> None:
    assert hub.requests == []
    with pytest.raises(SourceFailed, match="no such model or revision"):
        await fetch_hub(client, HubSource("org/other"), tmp_path, reporter=reporter)


async def test_a_model_without_safetensors_is_a_reason(
    hub: HubDouble, client: Web, reporter: Reporter, tmp_path: Path
) -> None:
    del hub.files["model.safetensors"]
    with pytest.raises(SourceFailed, match="no safetensors"):
        await fetch_hub(client, SOURCE, tmp_path, reporter=reporter)


async def test_a_hub_that_is_not_there_is_a_reason_with_its_name(
    client: Web, reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV_HUB_ENDPOINT, "http://127.0.0.1:9")
    with pytest.raises(SourceFailed, match=r"cannot reach 127\.0\.0\.1"):
        await fetch_hub(client, SOURCE, tmp_path, reporter=reporter)
