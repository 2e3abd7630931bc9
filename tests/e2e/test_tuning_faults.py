"""What goes wrong with a tuning, through a whole plane: each fault is one clear condition.

Real trainers on a tiny Phi-3, a site that misbehaves, a real registry with a password. The same
faults without a plane, and in seconds: `tests/integration/tuning/test_faults.py`.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker_registry
import pytest
import tuning_data
from faulty_site import FaultySite, running_site
from planes import RunningPlane, running_plane
from tiny_models import make_tiny_phi3
from tuning_documents import push_secret, settings_map, tuning_workspace, volume

from kaito.base.quantity import GIB

PRESET = "phi-3-mini-4k-instruct"
SETTINGS = """
training_config:
  TrainingArguments: {max_steps: 1, per_device_train_batch_size: 1}
"""
TOO_LARGE = """
training_config:
  TrainingArguments: {per_device_train_batch_size: 1000000, max_length: 4096}
"""
NOWHERE = "127.0.0.1:9"
_WAIT_SECONDS = 240
_LOOKS = 4

pytestmark = [pytest.mark.extended, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Case:
    """A Workspace and what is read of it."""

    reason: str
    said: tuple[str, ...]
    state: str = "Failed"
    url: str = ""
    volume: str = ""
    output: str = ""
    """A folder below the test's own; else the registry's address."""
    image: str = ""
    settings: str = "quick"


CASES = {
    "missing": Case(
        url="/missing.parquet",
        state="Running",
        reason="SourceUnavailable",
        said=("/missing.parquet: there is no such file (404); check the address",),
    ),
    "page": Case(
        url="/page.parquet",
        reason="InvalidData",
        said=("/page.parquet: the server answers with a web page", "/resolve/ link"),
    ),
    "empty": Case(url="/empty.jsonl", reason="InvalidData", said=("the file is empty",)),
    "inward": Case(
        url="/inward.jsonl",
        reason="InvalidData",
        said=("http://169.254.169.254/latest", "must not target a local or metadata endpoint"),
    ),
    "huge": Case(
        volume="huge",
        reason="InvalidData",
        said=("1 of 1 rows cannot be trained on: rows.jsonl row 1 is larger than 16 MiB",),
    ),
    "full": Case(
        url="/train.jsonl",
        output="full",
        reason="DiskFull",
        said=("the disk is full", "give the Workspace's output a larger volume"),
    ),
    "memory": Case(
        url="/train.jsonl",
        settings="large",
        reason="InsufficientMemory",
        said=("per_device_train_batch_size: 1",),
    ),
    "cut": Case(
        url="/cut.jsonl",
        output="kept",
        state="Succeeded",
        reason="workspaceSucceeded",
        said=("the adapter is in the output volume",),
    ),
    "down": Case(
        url="/train.jsonl",
        image=f"{NOWHERE}/team/adapter:1",
        state="Running",
        reason="PushFailed",
        said=(f"cannot push {NOWHERE}/team/adapter:1", "the adapter stays in"),
    ),
    "password": Case(
        url="/train.jsonl",
        image="REGISTRY/team/adapter:1",
        state="Running",
        reason="PushFailed",
        said=("cannot push", "the adapter stays in"),
    ),
}


@dataclass(frozen=True)
class Faulty:
    """A plane, and what is broken around it."""

    plane: RunningPlane
    site: FaultySite
    registry: str
    folder: Path
    has_small_disk: bool


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """All that the Workspaces need; none of them yet, for each trainer takes its time."""
    folder = tmp_path_factory.mktemp("faults")
    for name in ("registry", "huge", "full", "kept"):
        (folder / name).mkdir()
    with (folder / "huge" / "rows.jsonl").open("wb") as stream:
        stream.truncate(2 * GIB)
    samples = tuning_data.make_samples(documentation=8)[:16]
    content = tuning_data.write_jsonl(folder / "content", samples).read_bytes()
    tokenizer = tuning_data.make_tokenizer(folder / "words")
    model = make_tiny_phi3(folder / "phi", tokenizer=tokenizer)
    with ExitStack() as held:
        registry = held.enter_context(
            docker_registry.running_registry(folder / "registry", has_auth=True)
        )
        site = held.enter_context(running_site(content))
        small = held.enter_context(small_disk(folder / "full"))
        plane = held.enter_context(running_plane(folder / "state"))
        plane.kaito("models", "import", PRESET, str(model))
        configs = (settings_map("quick", SETTINGS), settings_map("large", TOO_LARGE))
        for document in (push_secret(registry, "push", password="not-the-password"), *configs):
            plane.kubectl("apply", "-f", "-", stdin=json.dumps(document))
        yield Faulty(plane=plane, site=site, registry=registry, folder=folder, has_small_disk=small)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount one of 64 KiB there; False where this user may not."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    is_mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _workspace(name: str, case: Case, faulty: Faulty) -> dict[str, Any]:
    folder, registry, site = faulty.folder, faulty.registry, faulty.site.url
    source: dict[str, Any] = {"urls": [f"{site}{case.url}"]}
    if case.volume:
        source = volume(folder / case.volume)
    output: dict[str, Any] = {
        "image": case.image.replace("REGISTRY", registry) or f"{registry}/any:1",
        "imagePushSecret": "push",
    }
    if case.output:
        output = volume(folder / case.output)
    tuning = {"method": "lora", "config": case.settings, "input": source, "output": output}
    return tuning_workspace(name, PRESET, tuning)


def _standing(plane: RunningPlane, name: str, reason: str) -> tuple[dict[str, Any], str]:
    """The status while that is why it is not ready: a trainer that tries again says so between."""
    path = "{.status.conditions[?(@.type=='WorkspaceReady')].reason}"
    awaited = ("wait", f"workspace/{name}", f"--for=jsonpath={path}={reason}")
    for _ in range(_LOOKS):
        waited = plane.kubectl(
            *awaited, f"--timeout={_WAIT_SECONDS}s", check=False, timeout=_WAIT_SECONDS + 10
        )
        assert waited.code == 0, plane.kubectl("describe", "workspace", name).out
        status = plane.get("workspace", name)["status"]
        (ready,) = (c for c in status["conditions"] if c["type"] == "WorkspaceReady")
        if ready["reason"] == reason:
            return status, ready["message"]
    raise AssertionError(f"{name} never stays {reason}")


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_one_clear_condition(name: str, faulty: Faulty) -> None:
    if name == "full" and not faulty.has_small_disk:
        pytest.skip("this user may not mount a small disk")
    case, plane = CASES[name], faulty.plane
    plane.kubectl("apply", "-f", "-", stdin=json.dumps(_workspace(name, case, faulty)))
    status, message = _standing(plane, name, case.reason)
    for said in case.said:
        assert said in message
    assert "\n" not in message
    assert status["state"] == case.state
    assert status["tuning"]["message"] == message
    plane.kubectl("delete", "workspace", name, "--timeout=60s")


def test_a_connection_that_was_cut_is_gone_on_with_where_it_was(faulty: Faulty) -> None:
    asked = [given for path, given in faulty.site.asked if path == "/cut.jsonl"]
    if not asked:
        pytest.skip("the Workspace of this name was not asked for")
    assert asked == ["", f"bytes={len(faulty.site.content) // 2}-"]
