"""A trainer that takes more memory than there is: killed by the kernel, and told what would fit.

The plane and all its pods share a control group that is smaller than what one step takes; nobody
knows beforehand, for the machine has more. The setting that the Workspace then names is set, and
the same job comes to its end in the same memory.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tuning_data
from memory_limits import limited_memory
from planes import RunningPlane, running_plane
from tiny_models import make_tiny_phi3
from tuning_documents import settings_map, tuning_workspace, volume

from kaito.base.quantity import MIB

NAME, PRESET, SETTINGS = "hungry", "phi-3-mini-4k-instruct", "hungry-settings"
WOULD_FIT = "gradient_checkpointing: true"
MEMORY = 2800 * MIB
"""More than the plane, torch and the model take, less than all activations of a step do."""
_TRAINING = "max_steps: 1, per_device_train_batch_size: 32, max_length: 640"
_REPEATED = 40
"""Times that an answer is said, to be longer than what is trained on."""
_WAIT = "--timeout=200s"

pytestmark = [pytest.mark.extended, pytest.mark.timeout(500)]


@dataclass(frozen=True)
class Hungry:
    """What was seen of a job whose trainer was killed, and of the same one with less to hold."""

    killed: dict[str, Any]
    """The Workspace's status."""
    container: dict[str, Any]
    """The trainer's, at the time."""
    done: dict[str, Any]
    """The Workspace's status in the end."""
    told: str
    """By `kaito tune status` meanwhile."""


@pytest.fixture(scope="module")
def hungry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hungry]:
    folder = tmp_path_factory.mktemp("hungry")
    with ExitStack() as held:
        group = held.enter_context(limited_memory(MEMORY))
        if group is None:
            pytest.skip("this user may not make a control group that counts memory")
        plane = held.enter_context(running_plane(folder / "state"))
        group.adopt(json.loads((plane.state / "plane.lock").read_text())["pid"])
        _apply(plane, folder)
        _wait_for(plane, "jsonpath={.status.conditions[?(@.type=='WorkspaceReady')].reason}"
                  "=ContainerOOMKilled")  # fmt: skip
        killed, told = plane.get("workspace", NAME)["status"], plane.kaito("tune", "status", NAME)
        (pod,) = plane.get("pods", "-l", f"kaito.sh/workspace={NAME}")["items"]
        plane.kubectl("apply", "-f", "-", stdin=json.dumps(_settings(f", {WOULD_FIT}")))
        _wait_for(plane, "condition=WorkspaceSucceeded")
        yield Hungry(
            killed=killed,
            container=pod["status"]["containerStatuses"][0],
            done=plane.get("workspace", NAME)["status"],
            told=told.out,
        )


def _settings(more: str = "") -> dict[str, Any]:
    text = f"training_config: {{TrainingArguments: {{{_TRAINING}{more}}}}}"
    return settings_map(SETTINGS, text)


def _apply(plane: RunningPlane, folder: Path) -> None:
    for name in ("data", "results"):
        (folder / name).mkdir()
    long = [_lengthened(sample) for sample in tuning_data.make_samples()[:64]]
    tuning_data.write_jsonl(folder / "data" / "train.jsonl", long)
    words = tuning_data.make_tokenizer(folder / "words")
    model = make_tiny_phi3(folder / "phi", tokenizer=words, hidden=128, layers=12)
    plane.kaito("models", "import", PRESET, str(model))
    tuning = {
        "method": "lora",
        "config": SETTINGS,
        "input": volume(folder / "data"),
        "output": volume(folder / "results"),
    }
    for document in (_settings(), tuning_workspace(NAME, PRESET, tuning)):
        plane.kubectl("apply", "-f", "-", stdin=json.dumps(document))


def _lengthened(sample: dict[str, Any]) -> dict[str, Any]:
    question, answer = sample["messages"]
    return {"messages": [question, {**answer, "content": f"{answer['content']} " * _REPEATED}]}


def _wait_for(plane: RunningPlane, what: str) -> None:
    waited = plane.kubectl(
        "wait", f"workspace/{NAME}", f"--for={what}", _WAIT, check=False, timeout=210
    )
    assert waited.code == 0, plane.kubectl("describe", "workspace", NAME).out


def test_the_kernel_killed_it_and_the_pod_says_so(hungry: Hungry) -> None:
    states = (hungry.container["state"], hungry.container["lastState"])
    ended = next(state["terminated"] for state in states if "terminated" in state)
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


def test_the_workspace_says_which_setting_would_fit(hungry: Hungry) -> None:
    (ready,) = (c for c in hungry.killed["conditions"] if c["type"] == "WorkspaceReady")
    assert ready["reason"] == "ContainerOOMKilled"
    assert "the trainer took more memory than there is; " in ready["message"]
    assert f"{WOULD_FIT} would fit; set it in training_config.yaml" in ready["message"]
    assert hungry.killed["state"] == "Running"
    assert "ContainerOOMKilled" in hungry.told


def test_with_that_setting_the_same_job_fits(hungry: Hungry) -> None:
    assert hungry.done["state"] == "Succeeded"
    assert hungry.done["tuning"]["phase"] == "Done"
