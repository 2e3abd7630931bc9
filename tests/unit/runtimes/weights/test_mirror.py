"""A bucket as a mirror: filled from a source, looked at, and read as a source of weights."""

import io
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from bucket_server import LOGIN, NOWHERE, BucketServer, running_bucket_server

from kaito.api.runtime import ExitCode, MirrorArguments, WeightsArguments
from kaito.api.weight_source import S3Source
from kaito.base.clock import SystemClock
from kaito.bucket.client import open_bucket
from kaito.bucket.inventory import INVENTORY
from kaito.bucket.turn import WRITER, writing
from kaito.runtimes.ending import Ending
from kaito.runtimes.weights.fetch import fetch_weights
from kaito.runtimes.weights.mirror import fill_mirror
from kaito.runtimes.weights.progress import Reporter

Make = Callable[[Path | None], S3Source]
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[BucketServer]:
    with running_bucket_server() as server:
        yield server


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**LOGIN, **NOWHERE}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def make(server: BucketServer) -> Make:
    """A bucket; with a folder, its files are in it as if somebody had put them there."""

    def made(folder: Path | None = None) -> S3Source:
        source = server.make_bucket(f"weights-{next(_NUMBERS)}")
        for path in folder.iterdir() if folder is not None else ():
            server.put(source, path.name, path.read_bytes())
        return source

    return made


async def fill(source: S3Source, reporter: Reporter, root: Path, model: Path | None) -> str:
    given = (f"folder:{model}",) if model is not None else ()
    asked = MirrorArguments(bucket=str(source), key="m", root=str(root), source=given)
    return await fill_mirror(asked, clock=SystemClock(), reporter=reporter)


async def refused(source: S3Source, reporter: Reporter) -> Ending:
    with pytest.raises(Ending) as caught:
        await fill(source, reporter, Path("/nowhere"), None)
    return caught.value


async def fetch(source: S3Source, reporter: Reporter, root: Path) -> Path:
    asked = WeightsArguments(key="m", root=str(root), source=(str(source),))
    return await fetch_weights(asked, clock=SystemClock(), reporter=reporter)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def sealed(source: S3Source) -> S3Source:
    return msgspec.structs.replace(source, is_sealed=True)


async def test_what_is_filled_is_what_is_fetched(
    make: Make, model: Path, reporter: Reporter, tmp_path: Path
) -> None:
    source = sealed(make(None))
    assert await fill(source, reporter, tmp_path / "there", model) == source.url
    folder = await fetch(source, reporter, tmp_path / "here")
    assert contents(folder).items() >= contents(model).items()


async def test_a_file_that_was_taken_away_or_cut_is_put_back(
    server: BucketServer, make: Make, model: Path, reporter: Reporter, tmp_path: Path
) -> None:
    source = sealed(make(None))
    await fill(source, reporter, tmp_path, model)
    server.put(source, "config.json", b"{")
    await fill(source, reporter, tmp_path, model)
    assert server.read(source, "config.json") == (model / "config.json").read_bytes()


async def test_another_revision_takes_the_place_of_the_one_before(
    server: BucketServer, make: Make, model: Path, reporter: Reporter, tmp_path: Path
) -> None:
    source = make(None)
    first, second = (shutil.copytree(model, tmp_path / f"model@{number}") for number in (1, 2))
    await fill(source, reporter, tmp_path / "a", first)
    (second / "tokenizer.json").write_text('{"another": 1}')
    await fill(source, reporter, tmp_path / "b", second)
    assert server.read(source, "tokenizer.json") == b'{"another": 1}'
    assert json.loads(server.read(source, INVENTORY))["source"] == f"folder:{second}"


async def test_another_mirrors_model_is_not_written_over(
    server: BucketServer, make: Make, model: Path, reporter: Reporter, tmp_path: Path
) -> None:
    source = make(None)
    await fill(source, reporter, tmp_path / "a", model)
    other = shutil.copytree(model, tmp_path / "other")
    (other / "tokenizer.json").write_text('{"another": 1}')
    with pytest.raises(Ending, match="give this mirror a folder of its own") as caught:
        await fill(source, reporter, tmp_path / "b", other)
    assert caught.value.code is ExitCode.INVALID_DATA
    assert str(model) in str(caught.value)
    assert server.read(source, "tokenizer.json") == (model / "tokenizer.json").read_bytes()
    assert INVENTORY in server.names(source)


async def test_who_comes_second_says_who_is_writing_and_leaves_the_folder_alone(
    server: BucketServer, make: Make, model: Path, reporter: Reporter, tmp_path: Path
) -> None:
    source = make(None)
    async with (
        open_bucket(source, SystemClock()) as bucket,
        writing(bucket, "ModelMirror phi (uid 1)", SystemClock()),
    ):
        with pytest.raises(Ending, match=r"is being filled by ModelMirror phi \(uid 1\)") as caught:
            await fill(source, reporter, tmp_path, model)
        assert caught.value.code is ExitCode.UNAVAILABLE
        assert server.names(source) == {WRITER}
    await fill(source, reporter, tmp_path, model)
    assert server.names(source) == {*contents(model), INVENTORY}


async def test_nothing_is_sealed_that_somebody_else_wrote(
    server: BucketServer, make: Make, model: Path, reporter: Reporter, tmp_path: Path
) -> None:
    """Someone who keeps to no turns; of the same size, so that no listing shows it."""
    source = make(None)
    content = (model / "config.json").read_bytes()

    class Meddling(Reporter):
        def advance(self, size: int, *, item: str = "") -> None:
            if item == "model.safetensors":
                key, note = f"{source.prefix}/config.json", {"kaito-sha256": "0" * 64}
                client, body = server.client(), bytes(len(content))
                client.put_object(Bucket=source.bucket, Key=key, Body=body, Metadata=note)

    meddling = Meddling(SystemClock(), io.StringIO())
    with pytest.raises(
        Ending, match=r"config\.json was replaced while the folder was being filled"
    ):
        await fill(source, meddling, tmp_path, model)
    assert server.names(source) == set(contents(model)), "neither a list nor a turn is left"
    await fill(source, reporter, tmp_path, model)
    assert server.read(source, "config.json") == content
    assert INVENTORY in server.names(source)


async def test_a_folder_that_is_being_filled_is_no_model_yet(
    make: Make, model: Path, reporter: Reporter
) -> None:
    source = make(model)
    async with (
        open_bucket(source, SystemClock()) as bucket,
        writing(bucket, "ModelMirror phi (uid 1)", SystemClock()),
    ):
        assert "is being filled by ModelMirror phi" in (await refused(source, reporter)).line


async def test_of_a_folder_that_somebody_filled_only_a_models_files_are_taken(
    server: BucketServer, make: Make, model: Path, reporter: Reporter, tmp_path: Path
) -> None:
    (model / "pytorch_model.bin").write_bytes(b"pickled")
    (model / "README.md").write_text("hello")
    source = make(model)
    await fill(source, reporter, tmp_path, None)
    folder = await fetch(source, reporter, tmp_path)
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "kaito-weights.json"}


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        ("config.json", "there is no config.json"),
        ("tokenizer.json", "there is no tokenizer"),
        ("model.safetensors", "there are no safetensors files"),
    ],
)
async def test_a_folder_that_is_no_model_says_what_is_missing(
    make: Make, model: Path, reporter: Reporter, lacks: str, said: str
) -> None:
    (model / lacks).unlink()
    ending = await refused(make(model), reporter)
    assert ending.code is ExitCode.INVALID_DATA
    assert said in ending.line
    assert ending.line.startswith("s3://weights-")


async def test_a_cut_file_is_found_by_a_look(make: Make, model: Path, reporter: Reporter) -> None:
    content = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(content[:-1])
    ending = await refused(make(model), reporter)
    assert ending.code is ExitCode.INVALID_DATA
    assert "its tensors need" in ending.line


async def test_half_a_mirror_is_no_source(
    make: Make, model: Path, reporter: Reporter, tmp_path: Path
) -> None:
    with pytest.raises(Ending, match="was not filled to the end"):
        await fetch(sealed(make(model)), reporter, tmp_path)
