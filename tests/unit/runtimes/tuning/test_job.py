"""What a job keeps where: downloads that the next pod goes on with, and reports without samples."""

from pathlib import Path
from typing import Any

import pytest
from faulty_site import running_site
from tuning_data import make_samples, write_jsonl

from kaito.api.report import TuningReport
from kaito.api.tuning_job import ADAPTER, TuningArguments
from kaito.api.tuning_record import Answer, TuningRecord
from kaito.base.clock import SystemClock
from kaito.runtimes.reporting import Board
from kaito.runtimes.tuning.job import Job, has_room, open_job
from kaito.runtimes.tuning.ledger import Ledger
from kaito.runtimes.tuning.result import ADAPTER_FILES, Completed, write_completed
from kaito.runtimes.tuning.run import run_job
from kaito.runtimes.tuning.sources.arrived import digest_file
from kaito.runtimes.tuning.sources.collect import collect_data

SECRET = "the patient's name"


def new_pod(folder: Path, name: str, *, keeps_results: bool = True, **given: Any) -> Job:
    """A job in a pod of its own: the results are a volume, the scratch goes with the pod."""
    arguments = TuningArguments(
        model="m",
        results=str(folder / "volume"),
        scratch=str(folder / name),
        keeps_results=keeps_results,
        **given,
    )
    clock = SystemClock()
    return open_job(arguments, Board("tuning", clock), clock)


async def test_a_pod_that_takes_over_goes_on_with_the_download_on_the_volume(
    tmp_path: Path,
) -> None:
    content = write_jsonl(tmp_path / "content", make_samples()).read_bytes()
    half = len(content) // 2
    with running_site(content) as site:
        url = (f"{site.url}/train.jsonl",)
        first = new_pod(tmp_path, "pod-1", url=url, private_hosts=("127.0.0.1",))
        first.downloads.mkdir(parents=True)
        part = first.downloads / "0-train.jsonl.part"
        part.write_bytes(content[:half])
        part.with_name(f"{part.name}.version").write_text('"one"')

        second = new_pod(tmp_path, "pod-2", url=url, private_hosts=("127.0.0.1",))
        (arrived,) = await collect_data(
            second.arguments, second.downloads, board=second.board, clock=second.clock
        )

        assert arrived.path.read_bytes() == content
        assert site.asked == [("/train.jsonl", f"bytes={half}-")]
    second.remove_downloads()
    assert [path.name for path in (tmp_path / "volume").iterdir()] == []


def test_without_a_volume_downloads_are_the_pods_own(tmp_path: Path) -> None:
    first = new_pod(tmp_path, "pod-1", keeps_results=False)
    second = new_pod(tmp_path, "pod-2", keeps_results=False)

    assert first.downloads.is_relative_to(tmp_path / "pod-1")
    assert second.downloads.is_relative_to(tmp_path / "pod-2")


def test_another_jobs_downloads_are_not_gone_on_with(tmp_path: Path) -> None:
    one, other = (new_pod(tmp_path, "pod", url=(f"https://a/{n}",)) for n in (1, 2))

    assert one.downloads != other.downloads


def test_what_another_job_left_on_the_volume_goes_when_this_one_opens(tmp_path: Path) -> None:
    other = new_pod(tmp_path, "pod", url=("https://a/1",))
    other.downloads.mkdir(parents=True)
    (tmp_path / "volume" / ".downloads-of-mine").mkdir()
    mine = new_pod(tmp_path, "pod", url=("https://a/2",))
    mine.downloads.mkdir(parents=True)

    again = new_pod(tmp_path, "pod", url=("https://a/2",))

    assert not other.downloads.parent.exists()
    assert again.downloads.is_dir()
    assert (tmp_path / "volume" / ".downloads-of-mine").is_dir()


def test_what_another_job_left_is_the_first_ranks_to_remove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_pod(tmp_path, "pod", url=("https://a/1",))
    other.downloads.mkdir(parents=True)
    monkeypatch.setenv("RANK", "1")
    new_pod(tmp_path, "pod", url=("https://a/2",))

    assert list((tmp_path / "volume").glob(".downloads-*"))


async def test_a_pod_after_the_trainings_end_frees_what_the_one_before_left(
    tmp_path: Path,
) -> None:
    job = new_pod(tmp_path, "pod", url=("https://a/1",))
    job.downloads.mkdir(parents=True)
    (job.results / ADAPTER).mkdir()
    (job.results / ADAPTER / ADAPTER_FILES[1]).write_bytes(b"weights")
    digest = digest_file(job.results / ADAPTER / ADAPTER_FILES[1])
    write_completed(job.results, Completed(job=job.fingerprint, digest=digest))

    assert (await run_job(job)).state == "Done"
    assert not list(job.results.glob(".downloads-*"))


def test_a_volume_on_the_scratchs_own_disk_has_room_for_what_that_has(tmp_path: Path) -> None:
    assert has_room(tmp_path, tmp_path / "not" / "there" / "yet")


def test_reports_hold_no_samples_where_that_is_asked_for(tmp_path: Path) -> None:
    results = tmp_path / "volume"
    results.mkdir()
    before = TuningRecord(
        answers=(Answer(prompt=SECRET, before="?", after=SECRET),), progress=TuningReport(step=3)
    )
    clock = SystemClock()
    Ledger(results, Board("tuning", clock), clock).write(before)
    config = tmp_path / "training_config.yaml"
    config.write_text("training_config: {DatasetConfig: {show_samples: false}}")

    job = new_pod(tmp_path, "pod", config_file=str(config))
    job.ledger.update(state="Preparing")

    assert not job.settings.data.shows_samples
    assert job.ledger.record.progress.step == 3
    assert SECRET not in job.board.report.record
    assert SECRET not in (results / "kaito-tuning.json").read_text()
