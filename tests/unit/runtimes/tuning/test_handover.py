"""Data that is prepared once a node: who prepares it, and what the others are told."""

import asyncio
from pathlib import Path

import pytest

from kaito.api.tuning_job import TuningArguments
from kaito.api.tuning_record import DatasetRecord
from kaito.base.clock import ManualClock, settle
from kaito.runtimes.reporting import Board
from kaito.runtimes.tuning.data.rows import Text
from kaito.runtimes.tuning.errors import PeersGone
from kaito.runtimes.tuning.handover import hand_over, is_handed_data, take_over
from kaito.runtimes.tuning.job import Job, open_job
from kaito.runtimes.tuning.preflight import Prepared
from kaito.runtimes.tuning.ranks import ENV_LOCAL_RANK, ENV_LOCAL_RANKS, ENV_NODE_FOLDER


def act_as(monkeypatch: pytest.MonkeyPatch, rank: int, folder: Path | None) -> None:
    """Be one of two ranks of a node; without a folder, one that something else started."""
    monkeypatch.setenv(ENV_LOCAL_RANK, str(rank))
    monkeypatch.setenv(ENV_LOCAL_RANKS, "2")
    if folder is None:
        monkeypatch.delenv(ENV_NODE_FOLDER, raising=False)
    else:
        monkeypatch.setenv(ENV_NODE_FOLDER, str(folder))


def prepared(folder: Path, *, holds_out: bool = True) -> Prepared:
    record = DatasetRecord(samples=40, digest="sha256:aa", longest=99)
    evaluation = folder / "evaluation.arrow" if holds_out else None
    question = Text(text="a question")
    return Prepared(
        record=record,
        train=folder / "train.arrow",
        evaluation=evaluation,
        questions=(question,),
        longest=64,
    )


def job_in(folder: Path, clock: ManualClock) -> Job:
    arguments = TuningArguments(model="m", results=str(folder / "r"), scratch=str(folder / "s"))
    return open_job(arguments, Board("tuning", clock), clock)


def test_the_first_rank_of_a_node_prepares_and_the_others_are_handed_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    act_as(monkeypatch, 0, tmp_path)
    assert not is_handed_data()
    act_as(monkeypatch, 1, tmp_path)
    assert is_handed_data()


def test_ranks_that_share_no_folder_prepare_each_for_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    act_as(monkeypatch, 1, None)
    assert not is_handed_data()
    act_as(monkeypatch, 0, None)
    hand_over(prepared(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("holds_out", [True, False])
async def test_what_is_handed_over_is_the_data_without_its_questions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, holds_out: bool
) -> None:
    given, clock = prepared(tmp_path / "data", holds_out=holds_out), ManualClock()
    act_as(monkeypatch, 1, tmp_path)
    job = job_in(tmp_path, clock)
    waiting = asyncio.create_task(take_over(job))
    await clock.advance(5)
    assert not waiting.done()
    assert job.board.report.stages[-1].item.startswith("the first process of this node")

    act_as(monkeypatch, 0, tmp_path)
    hand_over(given)
    await clock.advance(1)

    taken = await waiting
    assert (taken.record, taken.train, taken.longest) == (given.record, given.train, 64)
    assert taken.evaluation == given.evaluation
    assert taken.questions == ()


async def test_the_wait_has_an_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = ManualClock()
    act_as(monkeypatch, 1, tmp_path)
    waiting = asyncio.create_task(take_over(job_in(tmp_path, clock), seconds=60))
    await settle()
    await clock.advance(59)
    assert not waiting.done()
    await clock.advance(2)
    with pytest.raises(PeersGone, match="within 60 s"):
        await waiting
