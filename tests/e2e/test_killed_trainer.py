"""A trainer that is killed at any moment, and started again, ends as one that never was.

SIGKILL at ten random moments of one training; then at the moments that are hard: half a checkpoint,
an adapter without its mark, half a push, a push that the registry has taken and nobody noted. The
registry is real.
"""

import random
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker_registry
import pytest
from tapped_wire import Direction, TappedWire, tapped_wire
from trainer_runs import (
    Bench,
    assert_same_adapter,
    has_ended,
    login,
    make_material,
    pushed_manifests,
    tag_history,
    wait_until,
)

from kaito.api.runtime import ExitCode
from kaito.api.tuning_job import ADAPTER, CHECKPOINTS
from kaito.api.tuning_record import COMPLETED_FILE

pytestmark = [pytest.mark.extended, pytest.mark.timeout(900)]

STEPS = 60
KILLS = 10
CONFIG = f"""
training_config:
  TrainingArguments:
    max_steps: {STEPS}
    learning_rate: 1e-3
    per_device_train_batch_size: 4
    save_strategy: steps
    save_steps: 3
  LoraConfig: {{r: 8, lora_alpha: 16}}
  DatasetConfig: {{train_test_split: 0.9}}
"""
MARK = "kaito-complete.json"


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A tiny model and its data."""
    return make_material(tmp_path_factory.mktemp("material"), CONFIG)


@pytest.fixture(scope="module")
def undisturbed(material: Bench, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """One run to its end; its result was never pushed."""
    bench = replace(material, folder=tmp_path_factory.mktemp("undisturbed"))
    assert bench.run() == ExitCode.OK, bench.message.read_text()
    return bench


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A real one, that asks for a password."""
    (tmp_path / "registry").mkdir()
    with docker_registry.running_registry(tmp_path / "registry", has_auth=True) as address:
        yield address


@pytest.fixture
def wire(registry: str) -> Iterator[TappedWire]:
    with tapped_wire(registry) as wire:
        yield wire


def test_ten_kills_at_random_moments_change_nothing_and_push_once(
    material: Bench, undisturbed: Bench, registry: str, tmp_path: Path
) -> None:
    bench = replace(material, folder=tmp_path / "job").pushing(
        f"{registry}/team/adapter:1", login(tmp_path / "login", registry)
    )
    chance = random.Random(20)
    for moment in sorted(chance.uniform(0, STEPS) for _ in range(KILLS)):
        kill_at(bench, moment)

    assert bench.run() == ExitCode.OK, bench.message.read_text()

    record, measure = bench.record, undisturbed.record
    assert [point.step for point in record.progress.curve] == list(range(1, STEPS + 1))
    for ours, theirs in zip(record.progress.curve, measure.progress.curve, strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-3)
    assert record.progress.evaluation == pytest.approx(measure.progress.evaluation, rel=1e-3)
    assert_same_adapter(bench, undisturbed)
    assert bench.run() == ExitCode.OK
    assert len(pushed_manifests(tmp_path)) == len(tag_history(tmp_path)) == 1
    assert bench.record.result.endswith(pushed_manifests(tmp_path)[0])


def kill_at(bench: Bench, moment: float) -> None:
    """Start the trainer, and kill it that many steps into the training, wherever that is."""
    before, _ = bench.standing
    process = bench.start()

    def is_there() -> bool:
        attempt, steps = bench.standing
        return attempt > before and steps >= int(moment)

    try:
        assert wait_until(process, is_there), bench.message.read_text()
        # The rest of the moment: a part of a step, in which anything may be half done.
        assert not has_ended(process, within=0.1 * (moment % 1)), bench.message.read_text()
    finally:
        process.kill()
        process.wait()


def test_half_a_checkpoint_is_not_gone_on_from(
    material: Bench, undisturbed: Bench, tmp_path: Path
) -> None:
    bench = replace(material, folder=tmp_path / "job")
    folder = bench.results / CHECKPOINTS

    def is_half_written() -> bool:
        return any(not (one / MARK).exists() for one in folder.glob("checkpoint-*[369]"))

    for _ in range(3):
        process = bench.start()
        bench.wait_for(process, "checkpoint-*")
        assert wait_until(process, is_half_written, every=0.001)
        process.kill()
        process.wait()
        if is_half_written():
            break
    assert is_half_written(), "every one was whole before the kill came"

    assert bench.run() == ExitCode.OK, bench.message.read_text()
    assert bench.record.progress.resumed_from
    assert not is_half_written()
    assert_same_adapter(bench, undisturbed)


def test_an_adapter_without_its_mark_is_made_again(
    material: Bench, undisturbed: Bench, tmp_path: Path
) -> None:
    bench = replace(material, folder=tmp_path / "job")
    process = bench.start()
    saved = bench.results / ADAPTER
    assert wait_until(process, saved.exists, every=0.001)
    process.kill()
    process.wait()
    (bench.results / COMPLETED_FILE).unlink(missing_ok=True)

    assert bench.run() == ExitCode.OK, bench.message.read_text()
    assert_same_adapter(bench, undisturbed)


@pytest.mark.parametrize(
    ("direction", "needle", "is_there"),
    [
        pytest.param("request", b"POST /v2/", False, id="before-the-first-blob"),
        pytest.param("response", b"HTTP/1.1 202", False, id="within-a-blob"),
        pytest.param("request", b"PUT /v2/team/adapter/manifests/", False, id="at-the-manifest"),
        pytest.param("response", b"/v2/team/adapter/manifests/sha256:", True, id="taken-not-noted"),
    ],
)
def test_a_kill_within_the_push_leaves_one_manifest(
    undisturbed: Bench,
    wire: TappedWire,
    tmp_path: Path,
    direction: Direction,
    needle: bytes,
    is_there: bool,
) -> None:
    shutil.copytree(undisturbed.results, tmp_path / "job" / "results")
    bench = replace(undisturbed, folder=tmp_path / "job").pushing(
        f"{wire.address}/team/adapter:1", login(tmp_path / "login", wire.address)
    )
    # The results move with their job: nothing but the push is left to do.
    process = bench.start()
    wire.arm(direction, needle, process.kill)

    assert process.wait(timeout=300) == -signal.SIGKILL, bench.message.read_text()
    assert wire.has_acted.is_set()
    assert len(pushed_manifests(tmp_path)) == int(is_there)

    assert bench.run() == ExitCode.OK, bench.message.read_text()
    assert len(pushed_manifests(tmp_path)) == len(tag_history(tmp_path)) == 1
    assert bench.record.result.endswith(pushed_manifests(tmp_path)[0])
    assert bench.record.progress.step == STEPS
    assert_same_adapter(bench, undisturbed)
