"""Adapters from a folder: the two files, or the results of a tuning job that hold them deeper."""

from pathlib import Path

import pytest
from tiny_adapters import make_adapter

from kaito.api.tuning_job import ADAPTER
from kaito.base.clock import SystemClock
from kaito.runtimes.serving.adapters.errors import AdapterInvalid, AdapterNotFound
from kaito.runtimes.serving.adapters.fetch import Counter, Fetcher

FILES = ("adapter_config.json", "adapter_model.safetensors")
MODULES = {"model.layers.0.q_proj": (6, 4)}


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    folder = tmp_path / "fetched"
    folder.mkdir()
    return folder


async def fetch(source: Path, folder: Path, counter: Counter | None = None) -> str:
    return await Fetcher(clock=SystemClock()).fetch(
        f"folder:{source}", folder, counter or Counter()
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


async def test_a_tuning_jobs_volume_gives_the_adapter_that_it_holds(
    tmp_path: Path, fetched: Path
) -> None:
    results = tmp_path / "results"
    made = make_adapter(results / ADAPTER, modules=MODULES)
    (results / "checkpoints").mkdir()
    (results / "tuning.json").write_text("{}")

    digest = await fetch(results, fetched)

    assert contents(fetched) == {name: (made / name).read_bytes() for name in FILES}
    assert digest.startswith("sha256:")


async def test_the_same_adapter_has_one_digest_wherever_in_a_volume_it_is(
    tmp_path: Path, fetched: Path
) -> None:
    results = tmp_path / "results"
    make_adapter(results / ADAPTER, modules=MODULES)
    plain = make_adapter(tmp_path / "plain", modules=MODULES)
    other = make_adapter(tmp_path / "other", modules=MODULES, seed=1)

    first = await fetch(results, fetched)

    assert await fetch(plain, fetched) == first
    assert await fetch(other, fetched) != first


async def test_files_at_the_top_are_taken_before_those_of_a_job(
    tmp_path: Path, fetched: Path
) -> None:
    top = make_adapter(tmp_path / "both", modules=MODULES, seed=1)
    make_adapter(top / ADAPTER, modules=MODULES)

    await fetch(top, fetched)

    assert contents(fetched) == {name: (top / name).read_bytes() for name in FILES}


async def test_every_byte_of_a_copy_is_counted(tmp_path: Path, fetched: Path) -> None:
    made = make_adapter(tmp_path / "made", modules=MODULES)
    counter = Counter()

    await fetch(made, fetched, counter)

    assert counter.done == counter.total == sum((made / name).stat().st_size for name in FILES)


async def test_a_job_that_has_not_finished_may_still_bring_its_adapter(
    tmp_path: Path, fetched: Path
) -> None:
    results = tmp_path / "results"
    (results / f".{ADAPTER}.partial").mkdir(parents=True)
    with pytest.raises(AdapterNotFound, match=r"/results has no adapter_config\.json"):
        await fetch(results, fetched)
    make_adapter(results / ADAPTER, modules=MODULES)
    (results / ADAPTER / FILES[1]).unlink()
    with pytest.raises(AdapterNotFound, match=r"/adapter has no adapter_model\.safetensors"):
        await fetch(results, fetched)
    with pytest.raises(AdapterNotFound, match="is not a folder here"):
        await fetch(tmp_path / "nowhere", fetched)


async def test_a_jobs_pickled_weights_are_refused(tmp_path: Path, fetched: Path) -> None:
    made = make_adapter(tmp_path / "results" / ADAPTER, modules=MODULES)
    (made / FILES[1]).rename(made / "adapter_model.bin")
    with pytest.raises(AdapterInvalid, match="its weights are pickled"):
        await fetch(tmp_path / "results", fetched)
