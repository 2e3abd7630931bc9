"""Two nodes with their own folders: no rank begins before the data of both is ready."""

import asyncio
from pathlib import Path

import pytest

from kaito.api.report import StageReport
from kaito.api.runtime import ENV_POD_IP
from kaito.base.clock import SystemClock
from kaito.runtimes.reporting import Board
from kaito.runtimes.tuning.group import Group
from kaito.runtimes.tuning.meeting import Guest, Host, free_port
from kaito.runtimes.tuning.pace import (
    PREPARED_FILE,
    in_words,
    keep_pace,
    telling_stage,
    wait_for_nodes,
)
from kaito.runtimes.tuning.ranks import ENV_LOCAL_RANK, ENV_NODE_FOLDER, ENV_PACED, is_paced

LOOPBACK = "127.0.0.1"
CLOCK = SystemClock()


def act_in(monkeypatch: pytest.MonkeyPatch, folder: Path, *, local_rank: int = 0) -> None:
    """Be a rank of the node with that folder."""
    monkeypatch.setenv(ENV_NODE_FOLDER, str(folder))
    monkeypatch.setenv(ENV_PACED, "true")
    monkeypatch.setenv(ENV_LOCAL_RANK, str(local_rank))


async def told(board: Board, part: str) -> None:
    """Until a stage says that."""
    async with asyncio.timeout(20):
        while part not in str(board.report.stages):
            await CLOCK.sleep(0.02)


async def test_a_fast_node_waits_for_a_slow_one_and_says_what_that_one_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(ENV_POD_IP, LOOPBACK)
    fast, slow, port = tmp_path / "fast", tmp_path / "slow", free_port()
    fast.mkdir()
    slow.mkdir()
    fast_board, slow_board = Board("tuning", CLOCK), Board("tuning", CLOCK)
    async with Host(port, 2) as host, Guest(LOOPBACK, port, 1, clock=CLOCK) as guest:
        await asyncio.gather(host.gather(20), guest.gather(20))
        hearing = asyncio.create_task(guest.departure())
        launchers = [
            asyncio.create_task(keep_pace(folder, meeting, CLOCK))
            for folder, meeting in ((fast, host), (slow, guest))
        ]
        act_in(monkeypatch, slow)
        slow_board.start_stage("download", item="a.parquet", total=90, done=10)
        async with telling_stage(slow_board, CLOCK):
            act_in(monkeypatch, fast)
            (fast / PREPARED_FILE).touch()
            waiting = asyncio.create_task(wait_for_nodes(fast_board, CLOCK))
            await told(fast_board, "a.parquet")
            assert fast_board.report.stages[-1].name == "wait"
            assert not waiting.done()
        (slow / PREPARED_FILE).touch()
        await asyncio.wait_for(asyncio.gather(waiting, *launchers), 20)
        act_in(monkeypatch, slow)
        await asyncio.wait_for(wait_for_nodes(slow_board, CLOCK), 20)
        hearing.cancel()

    assert "node 2 of 2, which downloads a.parquet, 10 of 90" in str(fast_board.report.stages)


async def test_the_ranks_of_one_node_wait_for_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(ENV_NODE_FOLDER, str(tmp_path))
    monkeypatch.delenv(ENV_PACED, raising=False)
    board = Board("tuning", CLOCK)
    async with telling_stage(board, CLOCK):
        await wait_for_nodes(board, CLOCK)

    assert not is_paced()
    assert board.report.stages == ()


@pytest.mark.parametrize(("nodes", "is_set"), [(1, False), (2, True)])
def test_ranks_are_told_to_wait_where_there_are_other_nodes(nodes: int, is_set: bool) -> None:
    group = Group(processes=2, nodes=nodes, node=0, address=LOOPBACK, port=1)
    assert (ENV_PACED in group.environment(0)) is is_set


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (StageReport(name="download", item="a.json", done=3, total=9), "downloads a.json, 3 of 9"),
        (StageReport(name="preflight", done=640), "reads and checks the data, 640"),
        (StageReport(name="look"), "looks for the data"),
    ],
)
def test_how_far_another_node_is_stands_in_words(stage: StageReport, said: str) -> None:
    assert in_words(stage) == said
