"""Which processes a pod starts: as many as it has GPUs, knowing who they are and where to meet."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from trainer_runs import wait_until

from kaito.api.runtime import ENV_POD_IP, ENV_TERMINATION_LOG
from kaito.api.tuning_job import TUNING_COMMAND, TuningArguments
from kaito.runtimes.tuning.errors import RETRY_ME
from kaito.runtimes.tuning.group import ENV_NODE, Group, plan_group
from kaito.runtimes.tuning.meeting import free_port
from kaito.runtimes.tuning.ranks import ENV_RANK


def arguments(**changes: object) -> TuningArguments:
    argv = [f"--{name.replace('_', '-')}={value}" for name, value in changes.items()]
    return TuningArguments.parse_argv(["--model=m", *argv])


def test_one_process_on_one_node_needs_no_group() -> None:
    assert plan_group(arguments(processes=1)) is None


def test_a_rank_starts_no_group_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_RANK, "1")
    assert plan_group(arguments(processes=2)) is None


def test_the_processes_of_one_node_meet_on_it() -> None:
    group = plan_group(arguments(processes=4))
    assert group is not None
    assert (group.ranks, group.address) == (4, "127.0.0.1")
    assert group.port > 0


def test_the_nodes_of_a_job_meet_on_the_first_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_NODE, "2")
    group = plan_group(arguments(processes=2, nodes=3, first_node="teach-0.teach:29500"))
    assert group == Group(processes=2, nodes=3, node=2, address="teach-0.teach", port=29500)


def test_a_rank_is_told_who_it_is_on_all_nodes_and_on_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    group = Group(processes=2, nodes=3, node=2, address="teach-0", port=29500)
    told = group.environment(1)
    assert (told["RANK"], told["WORLD_SIZE"]) == ("5", "6")
    assert (told["LOCAL_RANK"], told["LOCAL_WORLD_SIZE"]) == ("1", "2")
    assert (told["MASTER_ADDR"], told["MASTER_PORT"]) == ("teach-0", "29500")
    assert int(told["OMP_NUM_THREADS"]) <= max(len(os.sched_getaffinity(0)) // 2, 1)


def test_threads_that_the_pod_was_given_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    group = Group(processes=2, nodes=1, node=0, address="127.0.0.1", port=1)
    assert group.environment(0)["OMP_NUM_THREADS"] == "7"


def test_a_node_that_waits_for_the_others_is_stopped_at_once(tmp_path: Path) -> None:
    message, port = tmp_path / "message", free_port()
    environment = {
        **os.environ,
        ENV_NODE: "0",
        ENV_POD_IP: "127.0.0.1",
        ENV_TERMINATION_LOG: str(message),
    }
    argv = ["--model=m", "--processes=1", "--nodes=2", f"--first-node=127.0.0.1:{port}"]
    process = subprocess.Popen([sys.executable, *TUNING_COMMAND[1:], *argv], env=environment)
    try:
        assert wait_until(process, lambda: is_heard(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == RETRY_ME
    finally:
        process.kill()
        process.wait()
    assert message.read_text() == "stopped before training began: not all nodes were there"


def is_heard(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
