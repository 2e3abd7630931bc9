"""A tuning job that is paused through the plane and goes on: one loss curve, as if nothing was.

A tiny Phi-3, and results on a volume, where checkpoints outlive the pod, and from where the adapter
is served in the end.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import kubernetes_tools
import pytest
import tuning_data
from planes import RunningPlane, running_plane
from tiny_models import make_tiny_phi3
from tuning_documents import settings_map, tuning_workspace, volume

from kaito.api.meta import Manifest
from kaito.api.tuning_job import CHECKPOINTS, REPORT_FILE
from kaito.api.tuning_record import TuningRecord, parse_tuning_record

NAME, PRESET = "paused", "phi-3-mini-4k-instruct"
STEPS = 200
_SETTINGS = f"""
training_config:
  TrainingArguments: {{max_steps: {STEPS}, learning_rate: 1e-3, per_device_train_batch_size: 4}}
"""

pytestmark = [pytest.mark.extended, pytest.mark.timeout(400)]


@dataclass(frozen=True)
class Paused:
    """What was seen of a job that was paused, and has gone on to its end."""

    plane: RunningPlane
    results: Path
    stopped: TuningRecord
    """What it had written down while nothing ran."""
    said: str
    """By `kaito tune status` meanwhile."""

    @property
    def record(self) -> TuningRecord:
        """What it has written down in the end."""
        return parse_tuning_record((self.results / REPORT_FILE).read_bytes())


@pytest.fixture(scope="module")
def paused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paused]:
    folder = tmp_path_factory.mktemp("paused")
    results = folder / "results"
    for name in ("data", "results"):
        (folder / name).mkdir()
    tuning_data.write_jsonl(folder / "data" / "train.jsonl", tuning_data.make_samples())
    model = make_tiny_phi3(folder / "phi", tokenizer=tuning_data.make_tokenizer(folder / "words"))
    with running_plane(folder / "state") as plane:
        plane.kaito("models", "import", PRESET, str(model))
        for document in _documents(folder):
            plane.kubectl("apply", "-f", "-", stdin=json.dumps(document))
        _wait_for_steps(plane, results, 20)
        plane.kaito("tune", "pause", NAME)
        _wait(plane, "jsonpath={.status.tuning.phase}=Paused")
        _wait_until_gone(plane)
        stopped = parse_tuning_record((results / REPORT_FILE).read_bytes())
        said = plane.kaito("tune", "status", NAME).out
        plane.kaito("tune", "resume", NAME)
        _wait(plane, "condition=WorkspaceSucceeded")
        yield Paused(plane=plane, results=results, stopped=stopped, said=said)


def _documents(folder: Path) -> tuple[Manifest, ...]:
    tuning = {
        "method": "lora",
        "config": "paused-settings",
        "input": volume(folder / "data"),
        "output": volume(folder / "results"),
    }
    return (
        settings_map("paused-settings", _SETTINGS),
        tuning_workspace(NAME, PRESET, tuning),
    )


def _wait(plane: RunningPlane, what: str) -> None:
    plane.kubectl("wait", f"workspace/{NAME}", f"--for={what}", "--timeout=200s", timeout=210)


def _wait_until_gone(plane: RunningPlane) -> None:
    """Until no pod of the job is left: it has written what it had to say."""
    pods = ("wait", "pods", "-l", f"kaito.sh/workspace={NAME}", "--for=delete", "--timeout=100s")
    plane.kubectl(*pods, timeout=110)


def _wait_for_steps(plane: RunningPlane, results: Path, steps: int) -> None:
    """Until the trainer has done so many; the plane's own watch is what wakes this up."""
    watch = subprocess.Popen(
        [
            *(kubernetes_tools.tool_path("kubectl"), "get", "workspace", NAME, "--watch"),
            *("-o", "jsonpath={.status.tuning.step} "),
        ],
        env=plane.environment,
        stdout=subprocess.PIPE,
    )
    assert watch.stdout is not None
    told = b""
    try:
        while piece := os.read(watch.stdout.fileno(), 4096):
            told += piece
            words = told.split(b" ")[:-1]
            if any(int(word or 0) >= steps for word in words):
                return
    finally:
        watch.kill()
        watch.wait()
        watch.stdout.close()
    raise AssertionError(f"the watch has ended, at {told!r}, results {sorted(results.iterdir())}")


def test_a_pause_leaves_a_checkpoint_and_says_so(paused: Paused) -> None:
    step = paused.stopped.progress.step
    assert 20 <= step < STEPS
    assert paused.stopped.state == "Paused"
    assert paused.stopped.progress.checkpoint == f"checkpoint-{step}"
    # A pod that ends is not asked any more: the status is of up to ten seconds before.
    told = re.search(rf"step (\d+) of {STEPS}", paused.said)
    assert told is not None
    assert 20 <= int(told[1]) <= step
    assert "paused" in paused.said


def test_a_pause_is_no_restart(paused: Paused) -> None:
    assert "restarts" not in paused.said
    assert paused.plane.get("workspace", NAME)["status"]["tuning"].get("restarts", 0) == 0


def test_the_job_goes_on_from_there_and_keeps_one_curve(paused: Paused) -> None:
    record, before = paused.record, paused.stopped.progress
    assert record.attempts == 2
    assert record.progress.resumed_from == f"checkpoint-{before.step}"
    assert [point.step for point in record.progress.curve] == list(range(1, STEPS + 1))
    assert record.progress.curve[: before.step] == before.curve
    assert record.progress.curve[-1].loss < record.progress.curve[0].loss
    assert (paused.results / CHECKPOINTS).is_dir()


def test_the_report_shows_the_curve_as_a_whole(paused: Paused, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    paused.plane.kaito("tune", "report", NAME, "-o", str(page))
    assert f"{STEPS} of {STEPS}" in page.read_text()
    assert f"checkpoint-{paused.stopped.progress.step}" in page.read_text()


def test_the_adapter_is_served_from_the_volume(paused: Paused) -> None:
    plane, served = paused.plane, f"{NAME}-serving"
    written = plane.kaito("tune", "promote", NAME, "--dry-run", "-o", "json").out
    (adapter,) = json.loads(written)["inference"]["adapters"]
    assert adapter["source"] == {"name": NAME, **volume(paused.results)}
    plane.kaito("tune", "promote", NAME, "--wait", "--timeout", "200s", timeout=210)
    (status,) = plane.get("workspace", served)["status"]["adapters"]
    assert (status["name"], status["state"]) == (NAME, "Ready")
    asked = ("chat", served, "--max-tokens", "4", "hello")
    assert plane.kaito(*asked, "--model", NAME).code == 0
    unknown = plane.kaito(*asked, "--model", "nobody", check=False)
    assert "nobody" in unknown.err
    plane.kubectl("delete", "workspace", served, "--timeout=60s")
