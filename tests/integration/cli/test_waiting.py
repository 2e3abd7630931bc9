"""`kaito apply --wait`: one line a stage, and an end in any case."""

import asyncio
import json

import pytest
from tests.integration.cli.cluster import PATIENCE, Cluster, finish
from tests.integration.cli.manifests import PHI, inference, node_pending, ready, workspace_yaml

from kaito.api.workspace import WORKSPACES


async def _line(waiting: asyncio.subprocess.Process, word: str) -> str:
    """The next line of the command's progress, which is about `word`."""
    assert waiting.stderr is not None
    async with asyncio.timeout(PATIENCE):
        line = (await waiting.stderr.readline()).decode()
    assert word in line, line
    return line


@pytest.fixture
def applied(cluster: Cluster) -> list[str]:
    (cluster.folder / "state").mkdir()
    cluster.write("phi.yaml", workspace_yaml())
    return ["apply", "-f", "phi.yaml", "--wait"]


async def test_each_stage_is_one_line_and_its_time_is_kept(
    cluster: Cluster, applied: list[str]
) -> None:
    waiting = await cluster.start(*applied)
    assert (await _line(waiting, "node")).startswith("node ")
    await cluster.report(PHI, node_pending())
    await cluster.report(PHI, inference("FetchingWeights", "the weights are being put in place"))
    assert "the weights are being put in place" in await _line(waiting, "weights")
    await cluster.report(PHI, inference("StartingEngine", "the engine is loading the model"))
    await _line(waiting, "engine")
    await cluster.report(PHI, ready())
    await _line(waiting, "ready")
    done = await finish(waiting)
    assert (done.code, done.err) == (0, "")
    assert done.out == "workspace.kaito.sh/phi created\n"
    kept = json.loads((cluster.folder / "state" / "history.json").read_text())
    assert set(kept["phi-4/vllm"]) == {"node", "weights", "engine"}


async def test_a_start_is_predicted_told_byte_by_byte_and_compared(
    cluster: Cluster, applied: list[str]
) -> None:
    stages = [
        {"name": "nodes"},
        {"name": "weights", "predictedSeconds": 12},
        {"name": "engine", "predictedSeconds": 41},
    ]
    start = {"predictedSeconds": 53, "stages": stages}
    waiting = await cluster.start(*applied)
    await _line(waiting, "node")
    await cluster.report(PHI, node_pending(), startUp=start)
    assert await _line(waiting, "expected to take about 53s: weights 12s, engine 41s")
    transfer = {"done": 10**9, "total": 3 * 10**9, "etaSeconds": 40, "source": "hub:a/b@1"}
    fetching = inference("FetchingWeights", "1.0 of 3.0 GB")
    await cluster.report(PHI, fetching, startUp={**start, "weights": transfer})
    assert "ready in about" in await _line(waiting, "weights")
    assert "1.0 of 3.0 GB, 50 MB/s, 40s left, from hub:a/b@1" in await _line(waiting, "####")
    for words in (("get", "wk", "phi", "-o", "json"), ("describe", "wk", "phi")):
        shown = (await cluster.kaito(*words)).out
        assert "53" in shown
    assert "1.0 of 3.0 GB, 50 MB/s, 40s left" in shown
    await cluster.report(PHI, ready(), startUp={**start, "seconds": 45, "weights": None})
    await _line(waiting, "engine")
    assert "the model answers; took 45s, expected 53s" in await _line(waiting, "ready")
    assert (await finish(waiting)).code == 0


async def test_what_is_ready_already_is_one_line(cluster: Cluster, applied: list[str]) -> None:
    await cluster.kaito(*applied[:3])
    await cluster.report(PHI, ready())
    done = await cluster.kaito(*applied)
    assert done.code == 0
    assert done.err.split()[0] == "ready"
    assert done.err.count("\n") == 1


async def test_a_failure_for_good_ends_the_wait_at_once(
    cluster: Cluster, applied: list[str]
) -> None:
    waiting = await cluster.start(*applied)
    await _line(waiting, "node")
    await cluster.report(PHI, inference("InsufficientMemory", "needs 30 GiB, has 22 GiB"))
    done = await finish(waiting)
    assert done.code == 1
    assert done.err == (
        "error: workspace default/phi: InsufficientMemory: needs 30 GiB, has 22 GiB\n"
        "hint: choose a model that fits this machine\n"
    )


async def test_a_failure_that_was_there_before_gets_a_moment_to_go_away(
    cluster: Cluster, applied: list[str]
) -> None:
    await cluster.kaito(*applied[:3])
    await cluster.report(PHI, inference("InvalidConfig", "no such option"))
    waiting = await cluster.start(*applied)
    await _line(waiting, "node")
    assert "InvalidConfig: no such option" in await _line(waiting, "still waiting")
    await cluster.report(PHI, ready())
    await _line(waiting, "ready")
    assert (await finish(waiting)).code == 0
    await cluster.report(PHI, inference("InvalidConfig", "no such option"))
    assert (await cluster.kaito(*applied)).code == 1


async def test_a_failure_that_may_pass_is_said_and_waited_for(
    cluster: Cluster, applied: list[str]
) -> None:
    waiting = await cluster.start(*applied)
    await _line(waiting, "node")
    await cluster.report(PHI, inference("ModelUnavailable", "no hub"))
    line = await _line(waiting, "weights")
    assert "ModelUnavailable: no hub (still waiting; " in line
    assert "kaito models import" in line
    await cluster.report(PHI, ready())
    await _line(waiting, "engine")
    await _line(waiting, "ready")
    assert (await finish(waiting)).code == 0


async def test_a_wait_that_takes_too_long_says_what_for(
    cluster: Cluster, applied: list[str]
) -> None:
    waiting = await cluster.start(*applied, "--timeout", "1s")
    await _line(waiting, "node")
    await cluster.report(PHI, node_pending())
    done = await finish(waiting)
    assert done.code == 1
    error, hint = done.err.splitlines()
    assert error == (
        "error: workspace default/phi is not ready after 1s: still waiting for node "
        "(NodeClaimNotReady: 0 of 1 machines are ready)"
    )
    assert "kaito explain phi -n default" in hint


async def test_a_deletion_ends_the_wait(cluster: Cluster, applied: list[str]) -> None:
    waiting = await cluster.start(*applied)
    await _line(waiting, "node")
    await cluster.client.delete(WORKSPACES, PHI)
    done = await finish(waiting)
    assert done.code == 1
    assert done.err.startswith("error: workspace default/phi is gone")


async def test_an_interrupt_is_quiet(cluster: Cluster, applied: list[str]) -> None:
    waiting = await cluster.start(*applied)
    await _line(waiting, "node")
    waiting.send_signal(2)
    done = await finish(waiting)
    assert (done.code, done.err) == (130, "")
