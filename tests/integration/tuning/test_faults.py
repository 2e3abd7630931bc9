"""What goes wrong with a tuning's data, disk, memory or registry ends in one clear condition.

The trainer's own stages run against real files and servers to their ending; the controller is shown
a pod that ended so, and what it makes of it is what a user reads. `tests/e2e/test_tuning_faults.py`
is the same through a whole plane.
"""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from faulty_site import FaultySite, running_site
from tests.unit.controllers.workspace.test_tuning import (
    condition,
    ended,
    start_pod,
    state,
    tuned_world,
)
from tests.unit.controllers.workspace.world import settled
from transformers import AutoTokenizer
from tuning_data import make_samples, make_tokenizer, write_jsonl

from kaito.api.tuning_job import ADAPTER, TuningArguments
from kaito.api.tuning_record import TuningRecord
from kaito.base.clock import SystemClock
from kaito.base.quantity import GIB, MIB
from kaito.runtimes.ending import Ending
from kaito.runtimes.reporting import Board
from kaito.runtimes.tuning.data.encode import Encoder
from kaito.runtimes.tuning.errors import to_ending
from kaito.runtimes.tuning.memory import out_of_memory
from kaito.runtimes.tuning.plan import Plan
from kaito.runtimes.tuning.preflight import prepare_data
from kaito.runtimes.tuning.push import push_result
from kaito.runtimes.tuning.result import ADAPTER_FILES
from kaito.runtimes.tuning.settings import DataSettings, read_settings
from kaito.runtimes.tuning.sources.collect import Telling, collect_data

_NOWHERE = "127.0.0.1:9"
"""The discard port, where nothing listens."""
_SMALL_FILE = 32 << 10


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    words = make_tokenizer(tmp_path_factory.mktemp("words"))
    return Encoder(AutoTokenizer.from_pretrained(words), max_length=64)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FaultySite]:
    content = write_jsonl(tmp_path / "content", make_samples()).read_bytes()
    with running_site(content) as running:
        yield running


async def read_data(arguments: TuningArguments, folder: Path, encoder: Encoder) -> int:
    """The trainer's stages up to the weights; how many samples there are."""
    clock = SystemClock()
    arrived = await collect_data(arguments, folder, board=Board("tuning", clock), clock=clock)
    prepared = prepare_data(arrived, encoder, DataSettings(), folder=folder / "samples")
    return prepared.record.samples


async def ending_of(arguments: TuningArguments, folder: Path, encoder: Encoder) -> Ending:
    """How the trainer ends; its program makes endings of what the system refuses."""
    try:
        await read_data(arguments, folder, encoder)
    except Ending as ending:
        return ending
    except OSError as error:
        return to_ending(error)
    raise AssertionError("the data was taken")


def told(ending: Ending) -> tuple[str, str, str, str]:
    """What a user sees of it: the state, WorkspaceReady's reason and message, the status's word."""
    world = tuned_world()
    start_pod(world, state=ended(ending.code, ending.line))
    settled(world)
    found, tuning = condition(world, "WorkspaceReady"), world.observe().workspace.status.tuning
    assert tuning is not None
    assert found.message == tuning.message
    assert "\n" not in found.message
    return state(world), found.reason, found.message, tuning.phase


FROM_THE_WEB = {
    "/missing.parquet": (
        "Running", "SourceUnavailable", ("/missing.parquet: there is no such file (404); check the "
        "address; try 1 of 7 follows"),
    ),
    "/page.parquet": (
        "Failed", "InvalidData", ("/page.parquet: the server answers with a web page, not with "
        "data; give the address of the file itself, such as the hub's /resolve/ link"),
    ),
    "/empty.jsonl": ("Failed", "InvalidData", "/empty.jsonl: the file is empty"),
    "/inward.jsonl": (
        "Failed", "InvalidData", ("http://169.254.169.254/latest: data source URL must not target "
        "a local or metadata endpoint"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("path", FROM_THE_WEB)
async def test_an_address_that_gives_no_data_is_named_with_the_reason(
    path: str, site: FaultySite, encoder: Encoder, tmp_path: Path
) -> None:
    state_, reason, said = FROM_THE_WEB[path]
    given = TuningArguments(model="m", url=(f"{site.url}{path}",), private_hosts=("127.0.0.1",))

    found = told(await ending_of(given, tmp_path / "data", encoder))

    assert found[:2] == (state_, reason)
    assert found[2] == (said if said.startswith("http") else f"{site.url}{said}")


async def test_a_connection_that_is_cut_costs_nothing_that_was_there(
    site: FaultySite, encoder: Encoder, tmp_path: Path
) -> None:
    given = TuningArguments(model="m", url=(f"{site.url}/cut.jsonl",), private_hosts=("127.0.0.1",))

    assert await read_data(given, tmp_path / "data", encoder) == len(make_samples())

    half = len(site.content) // 2
    assert site.asked == [("/cut.jsonl", ""), ("/cut.jsonl", f"bytes={half}-")]


def huge_row(folder: Path) -> None:
    """One line of 300 MiB; the disk holds nothing of it."""
    with (folder / "rows.jsonl").open("wb") as stream:
        stream.truncate(300 * MIB)


def page(folder: Path) -> None:
    (folder / "rows.parquet").write_bytes(b"<!doctype html><html></html>")


def nothing(folder: Path) -> None:
    (folder / "rows.csv").touch()


def no_data(folder: Path) -> None:
    (folder / "notes.txt").write_text("read me")


ON_A_VOLUME: dict[str, tuple[Callable[[Path], None], str]] = {
    "a row of 300 MiB": (
        huge_row, ("1 of 1 rows cannot be trained on: rows.jsonl row 1 is larger than 16 MiB; see "
        "docs/how-to/data-formats.md for what rows may look like"),
    ),
    "a page": (
        page, ("rows.parquet is a web page, not data; give the address of the file itself, such as "
        "the hub's /resolve/ link"),
    ),
    "an empty file": (nothing, "rows.csv is empty"),
    "no data": (
        no_data, ("there is no data file in {folder}, only notes.txt; put parquet, jsonl, json, "
        "csv or arrow files there"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ON_A_VOLUME)
async def test_files_that_are_no_data_are_named_with_the_reason(
    case: str, encoder: Encoder, tmp_path: Path
) -> None:
    write, said = ON_A_VOLUME[case]
    folder = tmp_path / "volume"
    folder.mkdir()
    write(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    given = TuningArguments(model="m", data=str(folder))
    found = told(await ending_of(given, tmp_path / "data", encoder))

    assert found == ("Failed", "InvalidData", said.format(folder=folder), "Failed")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    assert grown < 128 * MIB


@contextmanager
def no_larger_files(size: int) -> Iterator[None]:
    """As a full disk or a quota: no file of this process grows beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("stage", ["download", "samples"])
async def test_a_full_disk_asks_for_a_larger_volume(
    stage: str, site: FaultySite, encoder: Encoder, tmp_path: Path
) -> None:
    source: dict[str, Any] = {"url": (f"{site.url}/train.jsonl",), "private_hosts": ("127.0.0.1",)}
    if stage == "samples":
        volume = tmp_path / "volume"
        volume.mkdir()
        write_jsonl(volume / "train.jsonl", make_samples() * 4)
        source = {"data": str(volume)}
    size = len(site.content) // 2 if stage == "download" else _SMALL_FILE
    with no_larger_files(size):
        ending = await ending_of(TuningArguments(model="m", **source), tmp_path / "data", encoder)

    state_, reason, message, _ = told(ending)

    assert (state_, reason) == ("Failed", "DiskFull")
    assert message.startswith("the disk is full")
    assert "give the Workspace's output a larger volume" in message


def test_memory_that_runs_out_names_the_setting_that_would_fit() -> None:
    plan = Plan(
        batch=8, accumulation=1, checkpoints_activations=False, steps=9, memory_bytes=GIB,
        chosen=frozenset(),
    )  # fmt: skip
    ending = out_of_memory(read_settings("", "lora"), plan, 3 * GIB)

    assert told(ending)[1:3] == (
        "InvalidTrainingConfig",
        (
            "out of memory while training (about 3.0 GiB used); set "
            "TrainingArguments.per_device_train_batch_size: 4"
        ),
    )


async def test_a_registry_that_is_down_is_named_and_the_adapter_stays(tmp_path: Path) -> None:
    folder = tmp_path / ADAPTER
    folder.mkdir()
    for name in ADAPTER_FILES:
        (folder / name).write_bytes(b"{}")
    given = TuningArguments(
        model="m", results=str(tmp_path), image=f"{_NOWHERE}/team/a:1", keeps_results=True
    )
    clock = _Hurried()
    with pytest.raises(Ending) as failure:
        await push_result(
            given, TuningRecord(), clock=clock, progress=Telling(Board("tuning", clock), "")
        )

    state_, reason, message, _ = told(failure.value)

    assert (state_, reason) == ("Running", "SourceUnavailable")
    assert message.startswith(f"cannot push {_NOWHERE}/team/a:1: ")
    assert f"the adapter stays in {folder}" in message


class _Hurried(SystemClock):
    async def sleep(self, seconds: float) -> None:
        """At once."""
