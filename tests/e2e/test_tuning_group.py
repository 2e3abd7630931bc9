"""Several processes that train together, on CPUs: two of a node, and two nodes that share nothing.

One process alone is the measure. The losses are the same, whether each rank has a copy of the model
or all share one; the first rank alone writes and pushes; a rank that is gone ends the group, in
words, and the next attempt goes on from the last checkpoint.
"""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import docker_registry
import pytest
import torch
from safetensors.torch import load_file
from serving_engines import free_port
from trainer_runs import (
    CONFIG,
    STEPS,
    Bench,
    assert_same_adapter,
    login,
    make_material,
    pushed_manifests,
)

from kaito.api.runtime import ExitCode
from kaito.api.tuning_job import ADAPTER, CHECKPOINTS

pytestmark = [pytest.mark.extended, pytest.mark.timeout(600)]

STOPPED = 143
HALVED = CONFIG.replace("per_device_train_batch_size: 4", "per_device_train_batch_size: 2")
"""Two ranks see together, step by step, what one sees alone."""
WHOLE = "\n".join(line for line in CONFIG.splitlines() if "LoraConfig" not in line)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """One process, undisturbed."""
    bench = make_material(tmp_path_factory.mktemp("alone"))
    assert bench.run() == ExitCode.OK, bench.message.read_text()
    return bench


@pytest.fixture
def pair(alone: Bench, tmp_path: Path) -> Bench:
    """Two processes on one node."""
    return replace(alone, folder=tmp_path / "job", config=HALVED, changes={"processes": 2})


def test_two_processes_end_where_one_does_and_push_once(
    pair: Bench, alone: Bench, tmp_path: Path
) -> None:
    (tmp_path / "registry").mkdir()
    with docker_registry.running_registry(tmp_path / "registry", has_auth=True) as registry:
        image, secret = f"{registry}/team/adapter:1", login(tmp_path / "login", registry)
        changes = {**pair.changes, "image": image, "push_secret": str(secret)}
        pushing = replace(pair, changes=changes)
        assert pushing.run() == ExitCode.OK, pushing.message.read_text()

    assert_same_curve(pushing, alone)
    assert len(pushed_manifests(tmp_path)) == 1
    assert pushing.record.result.endswith(pushed_manifests(tmp_path)[0])
    asked = [(answer.prompt, answer.before) for answer in alone.record.answers]
    assert [(answer.prompt, answer.before) for answer in pushing.record.answers] == asked
    # Fetched and tokenized once, by the node's first rank.
    assert len(list(pushing.folder.rglob("train.arrow"))) == 1


def test_a_killed_rank_ends_its_node_in_words_and_the_next_attempt_goes_on(
    pair: Bench, alone: Bench
) -> None:
    process = pair.start()
    with ended(process):
        pair.wait_for(process, "checkpoint-8")
        kill_rank(process, 1)
        assert process.wait(timeout=60) == 128 + signal.SIGKILL

    assert "process 2 of 2 was ended by SIGKILL" in pair.message.read_text()
    assert pair.run() == ExitCode.OK, pair.message.read_text()
    assert pair.record.progress.resumed_from
    assert_same_curve(pair, alone)


def test_two_processes_that_share_the_model_end_where_one_does(pair: Bench, alone: Bench) -> None:
    sharing = replace(pair, changes={**pair.changes, "shares_model": True})
    process = sharing.start()
    with ended(process):
        sharing.wait_for(process, "checkpoint-8")
        kill_rank(process, 1)
        assert process.wait(timeout=60) == 128 + signal.SIGKILL

    assert sharing.run() == ExitCode.OK, sharing.message.read_text()
    assert sharing.record.progress.resumed_from
    assert_same_curve(sharing, alone)
    assert_same_adapter(sharing, alone)


def test_a_model_that_is_trained_whole_is_shared_saved_and_gone_on_with(
    alone: Bench, tmp_path: Path
) -> None:
    whole = replace(alone, folder=tmp_path / "whole", config=WHOLE, changes={"method": "full"})
    assert whole.run() == ExitCode.OK, whole.message.read_text()
    changes = {"method": "full", "processes": 2, "shares_model": True}
    halved = WHOLE.replace("per_device_train_batch_size: 4", "per_device_train_batch_size: 2")
    sharing = replace(whole, folder=tmp_path / "shared", config=halved, changes=changes)
    process = sharing.start()
    with ended(process):
        sharing.wait_for(process, "checkpoint-8")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == STOPPED

    assert sharing.run() == ExitCode.OK, sharing.message.read_text()
    assert sharing.record.progress.resumed_from
    for one, other in zip(curve_of(sharing), curve_of(whole), strict=True):
        assert one == pytest.approx(other, rel=5e-3)
    ours, theirs = (weights_of(bench) for bench in (sharing, whole))
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-2, atol=1e-3)


def curve_of(bench: Bench) -> list[float]:
    return [point.loss for point in bench.record.progress.curve]


def weights_of(bench: Bench) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(bench.results / ADAPTER / "model.safetensors")
    return found


def test_a_node_that_is_stopped_saves_once_and_goes_on(pair: Bench, alone: Bench) -> None:
    process = pair.start()
    with ended(process):
        pair.wait_for(process, "checkpoint-4")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == STOPPED

    stopped_at = pair.record.progress.step
    assert pair.record.state == "Paused"
    assert (pair.results / CHECKPOINTS / f"checkpoint-{stopped_at}").is_dir()
    assert pair.run() == ExitCode.OK, pair.message.read_text()
    assert pair.record.progress.resumed_from == f"checkpoint-{stopped_at}"
    assert_same_curve(pair, alone)


def test_two_nodes_without_a_common_volume_train_lose_one_and_go_on(
    alone: Bench, tmp_path: Path
) -> None:
    first, second = (node(alone, tmp_path, index, free_port()) for index in range(2))
    second = replace(second, changes=first.changes)
    leader, follower = first.start(), second.start()
    with ended(leader), ended(follower):
        first.wait_for(leader, "checkpoint-8")
        follower.kill()
        assert leader.wait(timeout=60) == ExitCode.PEERS
    assert "another process of this training is gone" in first.message.read_text()

    leader, follower = first.start(), second.start()
    with ended(leader), ended(follower):
        assert leader.wait(timeout=300) == ExitCode.OK, first.message.read_text()
        assert follower.wait(timeout=60) == ExitCode.OK, second.message.read_text()
    assert first.record.progress.resumed_from
    assert_same_curve(first, alone)
    assert not (second.results / ADAPTER).exists()


def node(alone: Bench, folder: Path, index: int, port: int) -> Bench:
    """One of two nodes, with a volume of its own."""
    return replace(
        alone,
        folder=folder / f"node-{index}",
        config=HALVED,
        changes={"nodes": 2, "first_node": f"127.0.0.1:{port}"},
        environment={"JOB_COMPLETION_INDEX": str(index)},
    )


def assert_same_curve(bench: Bench, alone: Bench) -> None:
    ours, theirs = bench.record.progress, alone.record.progress
    assert [point.step for point in ours.curve] == list(range(1, STEPS + 1))
    for one, other in zip(ours.curve, theirs.curve, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=5e-3)
    assert (bench.results / ADAPTER / "adapter_model.safetensors").exists()


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever happens, the process is gone after it."""
    try:
        yield
    finally:
        process.kill()
        process.wait()


def kill_rank(launcher: subprocess.Popen[bytes], rank: int) -> None:
    """End one of the processes that the launcher has started."""
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    for child in children:
        environment = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        if f"RANK={rank}".encode() in environment:
            subprocess.run(["kill", "-KILL", child], check=True)
            return
    raise AssertionError(f"no rank {rank} among {children}")
