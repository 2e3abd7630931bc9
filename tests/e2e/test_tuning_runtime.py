"""The trainer by itself, started as a tuning pod starts it: on a tiny Phi-3, with real libraries.

One undisturbed run is the measure; the others are killed, stopped or starved, and must end where it
ended. The registry is real and asks for a password.
"""

import json
import signal
from pathlib import Path

import msgspec
import pytest
from docker_registry import running_registry
from tiny_models import make_tiny_phi3
from trainer_runs import STEPS, Bench, login, pushed_manifests
from tuning_data import make_samples, make_tokenizer, write_jsonl

from kaito.api.runtime import ExitCode
from kaito.api.tuning_ending import parse_ending
from kaito.api.tuning_job import ADAPTER, CHECKPOINTS
from kaito.api.tuning_record import COMPLETED_FILE

pytestmark = [pytest.mark.extended, pytest.mark.timeout(400)]

STOPPED = 143


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tokenizer: Path) -> Path:
    return make_tiny_phi3(tmp_path_factory.mktemp("tiny"), tokenizer=tokenizer)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer with a chat template, made here: byte-level, of a few hundred words."""
    return make_tokenizer(tmp_path_factory.mktemp("words"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_jsonl(folder / "samples.jsonl", [*make_samples(), {"strange": 1}])
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, model: Path, data: Path) -> Bench:
    bench = Bench(folder=tmp_path_factory.mktemp("undisturbed"), model=model, data=data)
    assert bench.run() == ExitCode.OK, bench.message.read_text()
    return bench


def test_a_run_leaves_an_adapter_for_the_base_model_and_a_record_of_itself(
    undisturbed: Bench,
) -> None:
    config = json.loads((undisturbed.results / ADAPTER / "adapter_config.json").read_text())
    record = undisturbed.record

    assert config["base_model_name_or_path"] == "microsoft/Phi-3-mini-4k-instruct"
    assert sorted(config["target_modules"]) == ["o_proj", "qkv_proj"]
    assert (undisturbed.results / ADAPTER / "adapter_model.safetensors").stat().st_size > 1000
    assert record.state == "Done"
    assert record.dataset.dropped == 1
    assert record.dataset.loss_on == "answers"
    assert record.progress.step == STEPS
    assert record.progress.evaluation is not None
    assert record.progress.curve[-1].loss < record.progress.curve[0].loss
    assert len(record.answers) == 3
    assert any("qkv_proj" in warning for warning in record.dataset.warnings)


def test_the_termination_message_of_a_success_is_the_last_report(undisturbed: Bench) -> None:
    report = parse_ending(undisturbed.message.read_text())

    assert report is not None
    assert report.step == STEPS
    assert report.result == str(undisturbed.results / ADAPTER)


def test_a_killed_run_ends_as_an_undisturbed_one_does(
    tmp_path: Path, model: Path, data: Path, undisturbed: Bench
) -> None:
    bench = Bench(folder=tmp_path, model=model, data=data)
    process = bench.start()
    bench.wait_for(process, "checkpoint-8")
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert bench.run() == ExitCode.OK, bench.message.read_text()

    again, measure = bench.record, undisturbed.record
    assert again.progress.resumed_from != ""
    assert again.attempts == 2
    assert [point.step for point in again.progress.curve] == list(range(1, STEPS + 1))
    for ours, theirs in zip(again.progress.curve, measure.progress.curve, strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-3)


def test_a_stopped_run_saves_and_goes_on_where_it_was(
    tmp_path: Path, model: Path, data: Path, undisturbed: Bench
) -> None:
    bench = Bench(folder=tmp_path, model=model, data=data)
    process = bench.start()
    bench.wait_for(process, "checkpoint-4")
    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=60) == STOPPED
    stopped_at = bench.record.progress.step
    assert bench.record.state == "Paused"
    assert (bench.results / CHECKPOINTS / f"checkpoint-{stopped_at}").is_dir()

    assert bench.run() == ExitCode.OK, bench.message.read_text()
    final, measure = bench.record.progress, undisturbed.record.progress
    assert final.resumed_from == f"checkpoint-{stopped_at}"
    assert final.loss == pytest.approx(measure.loss, rel=1e-3)


def test_a_finished_run_is_not_trained_again(tmp_path: Path, undisturbed: Bench) -> None:
    weights = undisturbed.results / ADAPTER / "adapter_model.safetensors"
    before = weights.stat().st_mtime_ns

    assert undisturbed.run() == ExitCode.OK

    assert weights.stat().st_mtime_ns == before
    assert undisturbed.record.state == "Done"


@pytest.fixture
def bench(tmp_path: Path, model: Path, data: Path) -> Bench:
    return Bench(folder=tmp_path, model=model, data=data)


def test_a_registry_that_is_down_leaves_the_adapter_in_the_results(
    undisturbed: Bench,
) -> None:
    starved = Bench(
        folder=undisturbed.folder,
        model=undisturbed.model,
        data=undisturbed.data,
        changes={"image": "127.0.0.1:9/team/adapter:1"},
    )

    assert starved.run() == ExitCode.UNAVAILABLE

    message = starved.message.read_text()
    assert "127.0.0.1:9/team/adapter:1" in message
    assert "the adapter stays in" in message
    assert (undisturbed.results / ADAPTER / "adapter_config.json").exists()


def test_a_result_is_pushed_once_with_a_login_and_never_with_a_wrong_one(
    tmp_path: Path, undisturbed: Bench
) -> None:
    with running_registry(tmp_path, has_auth=True) as registry:
        image = f"{registry}/team/adapter:1"
        wrong = undisturbed.pushing(image, login(tmp_path / "wrong", registry, "guess"))
        right = undisturbed.pushing(image, login(tmp_path / "right", registry))

        assert wrong.run() == ExitCode.UNAVAILABLE
        assert "the adapter stays in" in wrong.message.read_text()
        assert right.run() == ExitCode.OK
        first = right.record.result
        (undisturbed.results / COMPLETED_FILE).write_bytes(
            msgspec.json.encode(
                msgspec.json.decode((undisturbed.results / COMPLETED_FILE).read_bytes())
                | {"pushed": ""}
            )
        )
        manifests = pushed_manifests(tmp_path)
        assert right.run() == ExitCode.OK

        assert first.startswith(f"{image}@sha256:")
        assert right.record.result == first
        assert pushed_manifests(tmp_path) == manifests


def test_too_little_memory_is_refused_before_the_weights_are_loaded(bench: Bench) -> None:
    starved = Bench(
        folder=bench.folder,
        model=bench.model,
        data=bench.data,
        changes={"memory_bytes": 64 << 20},
    )

    assert starved.run() == ExitCode.CONFIG
    assert "training needs about" in starved.message.read_text()
