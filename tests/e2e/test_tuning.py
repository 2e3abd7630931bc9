"""From data to an adapter that is served: the real trainer, a real registry, the real engine.

One plane tunes smollm2-135m on Python's documentation and one taught fact, pushes the adapter to a
registry that wants a password, and serves it beside the base model.
"""

import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker_registry
import pytest
import tuning_data
from planes import RunningPlane, running_plane
from serving_engines import put_real_model
from tuning_documents import push_secret, settings_map, tuning_workspace, volume

from kaito.api.meta import Manifest

MODEL = "smollm2-135m-instruct"
TUNING, SERVING = "teach", "teach-serving"

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Taught:
    """A plane in which the tuning has succeeded."""

    plane: RunningPlane
    registry: str
    folder: Path


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taught]:
    """The whole tuning, from `kubectl apply` to the pushed adapter."""
    folder = tmp_path_factory.mktemp("tuning")
    (folder / "registry").mkdir()
    data = folder / "data"
    data.mkdir()
    tuning_data.write_parquet(data / "train.parquet", tuning_data.make_samples())
    # The first light converts the model as a newcomer's machine does; once is enough.
    (models := folder / "state" / "models").mkdir(parents=True)
    put_real_model(models)
    with (
        docker_registry.running_registry(folder / "registry", has_auth=True) as registry,
        running_plane(folder / "state") as plane,
    ):
        plane.kubectl("apply", "-f", "-", stdin=json.dumps(push_secret(registry, "push")))
        for document in _documents(registry, data):
            plane.kubectl("apply", "-f", "-", stdin=json.dumps(document))
        plane.kaito("tune", "status", TUNING, "--watch", timeout=600)
        yield Taught(plane=plane, registry=registry, folder=folder)


STEPS = 14
_SETTINGS = f"""
training_config:
  QuantizationConfig: {{load_in_4bit: true}}
  TrainingArguments: {{max_steps: {STEPS}, learning_rate: 2.0e-3, max_length: 256}}
  DatasetConfig: {{train_test_split: 0.95}}
"""


def _documents(registry: str, data: Path) -> tuple[Manifest, ...]:
    tuning = {
        "method": "QLoRA",
        "config": "teach-settings",
        "input": volume(data),
        "output": {"image": f"{registry}/adapters/teach:1", "imagePushSecret": "push"},
    }
    return (
        settings_map("teach-settings", _SETTINGS),
        tuning_workspace(TUNING, MODEL, tuning),
    )


@pytest.fixture(scope="module")
def served(taught: Taught) -> RunningPlane:
    """The adapter behind the base model, by one command."""
    taught.plane.kaito("tune", "promote", TUNING, "--wait", "--timeout", "300s", timeout=310)
    return taught.plane


def _ask(plane: RunningPlane, model: str) -> str:
    service = plane.get("service", SERVING)
    reachable = service["metadata"].get("annotations", {}).get("kaito.sh/reachable-at")
    url = reachable or f"http://{service['spec']['clusterIP']}:80"
    body = {
        "model": model,
        "messages": [{"role": "user", "content": tuning_data.QUESTION}],
        "temperature": 0,
        "max_tokens": 24,
    }
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return str(json.load(answer)["choices"][0]["message"]["content"])


def test_the_job_succeeds_and_says_where_the_adapter_went(taught: Taught) -> None:
    workspace = taught.plane.get("workspace", TUNING)
    status = workspace["status"]
    assert status["state"] == "Succeeded"
    pattern = rf"{re.escape(taught.registry)}/adapters/teach(:1)?@sha256:[0-9a-f]{{64}}"
    assert re.fullmatch(pattern, status["tuning"]["result"])
    assert status["tuning"]["step"] == status["tuning"]["steps"] > 0
    assert float(status["tuning"]["loss"]) < 2.5


def test_the_pushed_manifest_says_what_it_was_made_from(taught: Taught) -> None:
    manifest, _ = docker_registry.read_manifest(taught.registry, "adapters/teach", "1")
    said, status = manifest["annotations"], taught.plane.get("workspace", TUNING)["status"]
    assert said["sh.kaito.model.name"] == MODEL
    assert said["sh.kaito.base.model"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert said["sh.kaito.base.revision"] == "main"  # of weights that come from a package
    assert said["sh.kaito.tuning.method"] == "qlora"
    assert re.fullmatch("sha256:[0-9a-f]{64}", said["sh.kaito.tuning.dataset"])
    assert said["sh.kaito.tuning.steps"] == str(STEPS)
    for name, shown in (("loss", "loss"), ("evaluation", "evaluation")):
        told = float(status["tuning"][shown])
        assert float(said[f"sh.kaito.tuning.{name}"]) == pytest.approx(told, rel=1e-2)


def test_the_report_outlives_the_pod(taught: Taught) -> None:
    page = taught.folder / "page.html"
    taught.plane.kaito("tune", "report", TUNING, "-o", str(page))
    text = page.read_text()
    assert "<polyline" in text
    # Of the very end: the pod is gone, and what it said last was heard.
    assert f"{STEPS} of {STEPS}" in text


def test_nodes_are_given_back_once_the_work_is_done(taught: Taught) -> None:
    found = taught.plane.kubectl("get", "nodeclaims", "-l", f"kaito.sh/workspace={TUNING}").out
    assert found == ""


def test_the_tuned_model_knows_the_fact_and_the_base_model_does_not(served: RunningPlane) -> None:
    assert tuning_data.KEYWORD in _ask(served, TUNING).lower()
    assert tuning_data.KEYWORD not in _ask(served, MODEL).lower()
