"""What is known of the plane without asking its API, and how it is shown."""

import os
from pathlib import Path

import msgspec

from kaito.app.state import PlaneLock, StateFolder
from kaito.cli.commands.status import render_status
from kaito.cli.condition import (
    ModelLine,
    NodeLine,
    PlaneStatus,
    WorkspaceLine,
    observe_plane,
)

RUNNING = PlaneStatus(
    state_folder="/state",
    running=True,
    pid=7,
    memory_bytes=95 * 2**20,
    url="https://127.0.0.1:6443",
    kubeconfig="/my state/kubeconfig",
    nodes=(
        NodeLine(name="box", ready=True, instance_type="", emulated=False, cpu="2", memory="8Gi"),
        NodeLine(name="ws1", ready=False, instance_type="NC6", emulated=True, cpu="2", memory=""),
    ),
    workspaces=(
        WorkspaceLine(
            namespace="default",
            name="phi",
            state="Ready",
            reason="Ready",
            address="http://127.32.0.1",
        ),
    ),
    models=(
        ModelLine(name="phi-4", bytes=2**30, complete=True),
        ModelLine(name="smollm2", bytes=2**20, complete=False),
    ),
)


def test_a_folder_without_a_plane_tells_of_its_weights(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.prepare()
    for name, manifest in (("a", "kaito-weights.json"), ("b", "other"), (".staging", "c")):
        (state.models / name).mkdir()
        (state.models / name / manifest).write_text("12345")
    found = observe_plane(state)
    assert not found.running
    assert found.models == (
        ModelLine(name="a", bytes=5, complete=True),
        ModelLine(name="b", bytes=5, complete=False),
    )
    assert "not running; start it with `kaito up`" in render_status(found)


def test_a_plane_that_has_not_published_its_address_is_starting(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.prepare()
    lock = PlaneLock(state)
    lock.acquire()
    found = observe_plane(state)
    lock.release()
    assert (found.running, found.pid) == (True, os.getpid())
    assert found.problem == "it is still starting"
    assert found.memory_bytes > 2**20
    assert found.started_at is not None


def test_everything_there_is_to_say_fits_a_screen() -> None:
    assert render_status(RUNNING).splitlines() == [
        "plane       running (process 7)",
        "api         https://127.0.0.1:6443",
        "memory      95 MiB",
        "kubeconfig  export KUBECONFIG='/my state/kubeconfig'",
        "state       /state",
        "weights     1.0 GiB: phi-4, smollm2 (incomplete)",
        "",
        "NODE   READY   CPU   MEMORY    INSTANCE",
        "box    yes     2     8.0 GiB   this machine",
        "ws1    no      2               NC6 (emulated)",
        "",
        "NAMESPACE   WORKSPACE   STATE   REASON   ADDRESS",
        "default     phi         Ready   Ready    http://127.32.0.1",
    ]


def test_a_problem_is_said_and_no_workspaces_are_invented() -> None:
    silent = msgspec.structs.replace(RUNNING, problem="no answer", nodes=(), workspaces=())
    text = render_status(silent)
    assert "problem     no answer" in text
    assert "WORKSPACE" not in text
    assert "No workspaces yet" not in text
