"""A Workspace that tunes on two nodes of the plane, and loses one pod on the way: one adapter.

One machine plays both nodes. The pods share a volume; one is deleted without grace in mid-training,
so that its peer has to notice, and both go on from the last checkpoint.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker_registry
import pytest
import tuning_data
from planes import RunningPlane, running_plane
from tiny_models import make_tiny_phi3
from trainer_runs import pushed_manifests
from tuning_documents import push_secret, settings_map, tuning_workspace, volume

from kaito.api.tuning_job import REPORT_FILE
from kaito.api.tuning_record import TuningRecord, parse_tuning_record

NAME, PRESET = "both", "phi-3-mini-4k-instruct"
STEPS = 80
_SETTINGS = f"""
training_config:
  TrainingArguments:
    max_steps: {STEPS}
    learning_rate: 1e-3
    per_device_train_batch_size: 2
    save_strategy: steps
    save_steps: 10
"""

pytestmark = [pytest.mark.extended, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Tuned:
    """What is left of it."""

    plane: RunningPlane
    folder: Path
    registry: str
    before: dict[str, Any]
    """The Job's pods while they trained, by number."""

    @property
    def record(self) -> TuningRecord:
        """What the first rank has written down."""
        return parse_tuning_record((self.folder / "results" / REPORT_FILE).read_bytes())


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tuned]:
    folder = tmp_path_factory.mktemp("nodes")
    for name in ("data", "results", "registry"):
        (folder / name).mkdir()
    tuning_data.write_jsonl(folder / "data" / "train.jsonl", tuning_data.make_samples())
    model = make_tiny_phi3(folder / "phi", tokenizer=tuning_data.make_tokenizer(folder / "words"))
    with (
        docker_registry.running_registry(folder / "registry", has_auth=True) as registry,
        running_plane(folder / "state") as plane,
    ):
        plane.kaito("models", "import", PRESET, str(model))
        for document in _documents(folder, registry):
            plane.kubectl("apply", "-f", "-", stdin=json.dumps(document))
        _wait(plane, "jsonpath={.status.tuning.checkpoint}")
        before = _pods(plane)
        lost = before["1"]["metadata"]["name"]
        plane.kubectl("delete", "pod", lost, "--grace-period=0", "--force")
        _wait(plane, "condition=WorkspaceSucceeded")
        yield Tuned(plane=plane, folder=folder, registry=registry, before=before)


def _documents(folder: Path, registry: str) -> tuple[Any, ...]:
    tuning = {
        "method": "lora",
        "config": "both-settings",
        "input": volume(folder / "data"),
        "output": {
            **volume(folder / "results"),
            "image": f"{registry}/adapters/both:1",
            "imagePushSecret": "push",
        },
    }
    workspace = tuning_workspace(NAME, PRESET, tuning)
    workspace["resource"]["count"] = 2
    return push_secret(registry, "push"), settings_map("both-settings", _SETTINGS), workspace


def _wait(plane: RunningPlane, what: str) -> None:
    plane.kubectl("wait", f"workspace/{NAME}", f"--for={what}", "--timeout=240s", timeout=250)


def _pods(plane: RunningPlane) -> dict[str, Any]:
    key = "batch.kubernetes.io/job-completion-index"
    found = plane.get("pods", "-l", f"batch.kubernetes.io/job-name={NAME}")["items"]
    return {pod["metadata"]["labels"][key]: pod for pod in found}


def test_each_pod_had_a_name_and_a_node_of_its_own(tuned: Tuned) -> None:
    pods = tuned.before
    assert sorted(pods) == ["0", "1"]
    assert [pods[n]["spec"]["hostname"] for n in "01"] == [f"{NAME}-0", f"{NAME}-1"]
    assert len({pod["spec"]["nodeName"] for pod in pods.values()}) == 2
    assert len({pod["status"]["podIP"] for pod in pods.values()}) == 2


def test_the_job_is_complete_once_its_first_pod_has_delivered(tuned: Tuned) -> None:
    status = tuned.plane.get("job", NAME)["status"]
    assert status["completedIndexes"] in ("0", "0,1")
    assert {"SuccessCriteriaMet", "Complete"} <= {one["type"] for one in status["conditions"]}
    assert tuned.plane.get("workspace", NAME)["status"]["plan"]["nodes"] == 2


def test_a_lost_pod_made_all_go_on_from_the_last_checkpoint(tuned: Tuned) -> None:
    record = tuned.record
    assert record.attempts >= 2
    assert record.progress.resumed_from.startswith("checkpoint-")
    assert [point.step for point in record.progress.curve][-1] == STEPS
    assert record.progress.curve[-1].loss < record.progress.curve[0].loss


def test_one_adapter_is_pushed_and_the_status_says_where(tuned: Tuned) -> None:
    (digest,) = pushed_manifests(tuned.folder)
    status = tuned.plane.get("workspace", NAME)["status"]
    assert status["state"] == "Succeeded"
    assert status["tuning"]["result"].endswith(digest)
    assert status["tuning"]["step"] == STEPS
