"""Data from everywhere it may come from, in real files: what arrives is read as rows."""

import gzip
import io
import json
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from registry_double import RegistryDouble, serving
from tuning_data import make_samples, to_pair, write_csv, write_jsonl, write_parquet

from kaito.api.runtime import ENV_HUB_AUTH, ENV_HUB_ENDPOINT
from kaito.api.tuning_job import TuningArguments
from kaito.base.clock import SystemClock
from kaito.registry.client import open_registry
from kaito.registry.credentials import read_credentials
from kaito.registry.files import LocalFile
from kaito.registry.push import push_content
from kaito.registry.reference import parse_reference
from kaito.runtimes.ending import Ending
from kaito.runtimes.reporting import Board
from kaito.runtimes.tuning.data.encode import Encoder
from kaito.runtimes.tuning.data.rows import Columns
from kaito.runtimes.tuning.errors import DataRefused, SourceFailed
from kaito.runtimes.tuning.preflight import prepare_data, select_files
from kaito.runtimes.tuning.settings import DataSettings
from kaito.runtimes.tuning.sources.arrived import Arrived
from kaito.runtimes.tuning.sources.collect import Telling, collect_data

SAMPLES = make_samples()
COMMIT = "c0ffee"
TOKEN = "a-token"
STORAGE: dict[str, tuple[str, ...]] = {"private_hosts": ("localhost",)}


async def collect(folder: Path, **given: Any) -> tuple[Arrived, ...]:
    clock = SystemClock()
    arguments = TuningArguments(model="m", **given)
    return await collect_data(arguments, folder, board=Board("tuning", clock), clock=clock)


def count_rows(tokenizer: Any, arrived: tuple[Arrived, ...], folder: Path) -> list[tuple[str, int]]:
    """Samples by file, as the preflight reads them."""
    encoder = Encoder(tokenizer, max_length=64)
    record = prepare_data(arrived, encoder, DataSettings(), folder=folder / "samples").record
    assert record.dropped == 0
    return [(file.name, file.rows) for file in record.files]


@pytest.fixture
async def double() -> AsyncIterator[RegistryDouble]:
    made = RegistryDouble()
    async with serving(made):
        yield made


async def test_an_artifact_gives_its_files(
    double: RegistryDouble, tokenizer: Any, tmp_path: Path
) -> None:
    path = write_jsonl(tmp_path / "train.jsonl", SAMPLES)
    image = f"{double.host}/data/chats:1"
    async with open_registry(read_credentials([]), clock=SystemClock()) as registry:
        await push_content(
            registry,
            parse_reference(image),
            (LocalFile(name="train.jsonl", path=path),),
            artifact_type="application/vnd.example.data",
            annotations={},
            progress=Telling(Board("tuning", SystemClock()), ""),
        )

    arrived = await collect(tmp_path / "there", data_image=image)

    assert [one.source for one in arrived] == [image]
    assert count_rows(tokenizer, arrived, tmp_path) == [("train.jsonl", len(SAMPLES))]


async def test_an_image_gives_what_lies_in_its_data_folder(
    double: RegistryDouble, tokenizer: Any, tmp_path: Path
) -> None:
    write_parquet(tmp_path / "train.parquet", SAMPLES)
    add_image(double, "data/chats", "1", {"data/more/train.parquet": tmp_path / "train.parquet"})

    arrived = await collect(tmp_path / "there", data_image=f"{double.host}/data/chats:1")

    assert count_rows(tokenizer, arrived, tmp_path) == [("more/train.parquet", len(SAMPLES))]


def add_image(double: RegistryDouble, repository: str, tag: str, files: dict[str, Path]) -> None:
    """As `docker build` makes it: a configuration and one layer."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as layer:
        for name, path in files.items():
            layer.add(path, name)
    content = packed.getvalue()
    plain = "application/vnd.oci.image"
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {}}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{plain}.manifest.v1+json",
        "config": _described(double, repository, config, f"{plain}.config.v1+json"),
        "layers": [_described(double, repository, content, f"{plain}.layer.v1.tar+gzip")],
    }
    double.add_manifest(repository, tag, manifest, f"{plain}.manifest.v1+json")


def _described(
    double: RegistryDouble, repository: str, content: bytes, kind: str
) -> dict[str, object]:
    digest = double.add_blob(repository, content)
    return {"mediaType": kind, "digest": digest, "size": len(content)}


async def test_an_image_that_is_not_there_is_named(double: RegistryDouble, tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match=r"data image: .*chats"):
        await collect(tmp_path, data_image=f"{double.host}/data/chats:1")


async def test_a_volume_gives_all_its_files_in_order_of_their_names(
    tokenizer: Any, tmp_path: Path
) -> None:
    volume = tmp_path / "volume"
    (volume / "b").mkdir(parents=True)
    write_parquet(volume / "b" / "2.parquet", SAMPLES[:40])
    write_jsonl(volume / "a.jsonl", SAMPLES[40:70])
    write_csv(volume / "c.csv", SAMPLES[70:90])
    packed = write_jsonl(tmp_path / "plain", SAMPLES[90:]).read_bytes()
    (volume / "d.jsonl.gz").write_bytes(gzip.compress(packed))
    (volume / "README.md").write_text("about the data")

    arrived = await collect(tmp_path / "there", data=str(volume))

    assert count_rows(tokenizer, arrived, tmp_path) == [
        ("a.jsonl", 30),
        ("b/2.parquet", 40),
        ("c.csv", 20),
        ("d.jsonl.gz", len(SAMPLES) - 90),
    ]


async def test_columns_that_the_settings_name_are_read(tokenizer: Any, tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"asked": question, "said": answer} for question, answer in map(to_pair, SAMPLES)
    ]
    (tmp_path / "volume").mkdir()
    write_parquet(tmp_path / "volume" / "rows.parquet", tuple(rows))
    arrived = await collect(tmp_path / "there", data=str(tmp_path / "volume"))
    settings = DataSettings(columns=Columns(context="asked", response="said"))

    record = prepare_data(
        arrived, Encoder(tokenizer, max_length=64), settings, folder=tmp_path / "samples"
    ).record

    assert (record.samples, record.dropped) == (len(SAMPLES), 0)
    assert record.shapes == {"prompt": len(SAMPLES)}


@dataclass
class HubDouble:
    """One data set, as a hub's API shows it; its files lie elsewhere, behind a redirect."""

    files: dict[str, bytes]
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and Authorization."""
    endpoint: str = ""
    storage: str = ""
    moved: str = ""
    """Where the data set of another name is now."""
    page: int = 1000
    """Entries of one answer."""

    def application(self) -> web.Application:
        app = web.Application()
        name = "/api/datasets/{owner}/{name}"
        app.router.add_get(f"{name}/revision/{{revision}}", self._revision)
        app.router.add_get(f"{name}/tree/{COMMIT}", self._tree)
        app.router.add_get(
            f"/datasets/{{owner}}/{{name}}/resolve/{COMMIT}/{{path:.+}}", self._resolve
        )
        app.router.add_get("/storage/{path:.+}", self._file)
        return app

    def _note(self, request: web.Request) -> None:
        self.asked.append((request.path, request.headers.get("Authorization", "")))

    async def _revision(self, request: web.Request) -> web.Response:
        self._note(request)
        if request.match_info["owner"] == "old":
            return web.Response(status=307, headers={"Location": self.moved})
        if request.match_info["revision"] != "v1":
            return web.json_response({"error": "no such revision"}, status=404)
        return web.json_response({"sha": COMMIT})

    async def _tree(self, request: web.Request) -> web.Response:
        self._note(request)
        entries = [
            {"type": "file", "path": path, "size": len(body)} for path, body in self.files.items()
        ]
        listed = [{"type": "directory", "path": "data"}, *entries]
        start = int(request.query.get("cursor", "0"))
        after = start + self.page
        headers = {}
        if after < len(listed):
            following = request.url.update_query(cursor=str(after))
            headers["Link"] = f'<{following}>; rel="next"'
        return web.json_response(listed[start:after], headers=headers)

    async def _resolve(self, request: web.Request) -> web.Response:
        self._note(request)
        raise web.HTTPFound(f"{self.storage}/storage/{request.match_info['path']}")

    async def _file(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.Response(body=self.files[request.match_info["path"]])


@pytest.fixture
async def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HubDouble]:
    train = write_parquet(tmp_path / "train.parquet", SAMPLES[:50]).read_bytes()
    made = HubDouble(
        files={
            "README.md": b"about",
            "data/test-0.parquet": train,
            "data/train-0.parquet": train,
            "data/train-1.parquet": train,
        }
    )
    runner = web.AppRunner(made.application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    # One server under two names, as two hosts to a client.
    made.endpoint, made.storage = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
    monkeypatch.setenv(ENV_HUB_ENDPOINT, made.endpoint)
    monkeypatch.setenv(ENV_HUB_AUTH, TOKEN)
    yield made
    await runner.cleanup()


async def test_a_data_set_of_a_hub_gives_its_training_files(
    hub: HubDouble, tokenizer: Any, tmp_path: Path
) -> None:
    arrived = await collect(tmp_path / "there", dataset="team/chats@v1", **STORAGE)

    assert count_rows(tokenizer, arrived, tmp_path) == [
        ("data/train-0.parquet", 50),
        ("data/train-1.parquet", 50),
    ]
    assert all(COMMIT in one.source for one in arrived)
    held = dict(hub.asked)
    assert held["/api/datasets/team/chats/revision/v1"] == f"Bearer {TOKEN}"
    assert held[f"/datasets/team/chats/resolve/{COMMIT}/data/train-0.parquet"] == f"Bearer {TOKEN}"
    assert held["/storage/data/train-0.parquet"] == "", "the hub's token is for the hub alone"


async def test_a_list_that_the_hub_gives_in_pages_is_read_to_its_end(
    hub: HubDouble, tmp_path: Path
) -> None:
    hub.page = 2
    arrived = await collect(tmp_path / "there", dataset="team/chats@v1", **STORAGE)

    assert [one.name for one in arrived] == ["data/train-0.parquet", "data/train-1.parquet"]


async def test_a_path_names_files_of_a_data_set_and_no_other_is_fetched(
    hub: HubDouble, tmp_path: Path
) -> None:
    body = hub.files["data/train-0.parquet"]
    hub.files |= {"de/train.parquet": body, "en/train.parquet": body, "en/test.parquet": body}
    board, clock = Board("tuning", SystemClock()), SystemClock()
    arguments = TuningArguments(
        model="m", dataset="team/chats@v1", private_hosts=STORAGE["private_hosts"]
    )
    folder = tmp_path / "there"

    arrived = await collect_data(arguments, folder, board=board, clock=clock, wanted="/mnt/en")
    assert [one.name for one in arrived] == ["en/train.parquet"]
    assert not any("de/train" in path for path, _ in hub.asked)
    assert select_files(arrived, DataSettings(path="/mnt/en")) == arrived
    assert not board.report.warnings

    await collect_data(arguments, tmp_path / "all", board=board, clock=clock)
    (warning,) = board.report.warnings
    assert "training files in 3 folders, and all are used: data, de, en; " in warning
    with pytest.raises(DataRefused, match=r"asks for /mnt/fr/\*\.csv, which data set team"):
        await collect_data(arguments, folder, board=board, clock=clock, wanted="/mnt/fr/*.csv")


async def test_a_revision_that_the_hub_does_not_know_is_named(
    hub: HubDouble, tmp_path: Path
) -> None:
    with pytest.raises(SourceFailed, match="team/chats@v2: the hub knows no such data set"):
        await collect(tmp_path, dataset="team/chats@v2")


async def test_a_data_set_that_was_renamed_is_found_and_a_hub_that_points_inward_is_not_followed(
    hub: HubDouble, tmp_path: Path
) -> None:
    hub.moved = f"{hub.endpoint}/api/datasets/team/chats/revision/v1"
    assert len(await collect(tmp_path / "a", dataset="old/name@v1", **STORAGE)) == 2
    hub.moved = "http://169.254.169.254/latest"
    with pytest.raises(DataRefused, match="metadata"):
        await collect(tmp_path / "b", dataset="old/name@v1", **STORAGE)


async def test_a_hub_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV_HUB_ENDPOINT, "http://127.0.0.1:9")
    with pytest.raises(SourceFailed, match=r"team/chats: cannot reach http://127\.0\.0\.1:9"):
        await collect(tmp_path, dataset="team/chats")


@pytest.mark.parametrize(
    "inward", ["http://169.254.169.254", "http://10.0.0.1", "http://[fd00::1]"]
)
async def test_a_hub_sends_nobody_inward(inward: str, hub: HubDouble, tmp_path: Path) -> None:
    hub.storage = inward
    with pytest.raises(DataRefused, match="data source URL must not target a l"):
        await collect(tmp_path, dataset="team/chats@v1")


async def test_without_a_source_it_is_said_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(Ending, match="no data is named"):
        await collect(tmp_path)
