"""Ranks of several nodes go on from one checkpoint, which the first of them has."""

import multiprocessing
from pathlib import Path

import pytest
from checkpoint_rank import CONTENT, JOB, choose

from kaito.runtimes.tuning.checkpoints import is_whole, mark_complete

pytestmark = pytest.mark.extended


def test_a_node_without_the_checkpoint_gets_it_and_one_that_has_it_keeps_it(
    tmp_path: Path,
) -> None:
    shared, other = tmp_path / "shared", tmp_path / "other"
    checkpoint = shared / "checkpoint-4"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.bin").write_bytes(CONTENT)
    mark_complete(checkpoint, JOB)
    written = (checkpoint / "model.bin").stat().st_mtime_ns
    other.mkdir()
    context = multiprocessing.get_context("spawn")
    started = [
        context.Process(target=choose, args=(rank, 3, tmp_path / "meeting", folder))
        for rank, folder in enumerate((shared, shared, other))
    ]
    for one in started:
        one.start()
    for one in started:
        one.join(timeout=120)

    assert [one.exitcode for one in started] == [0, 0, 0]
    # The first rank reads it: written anew meanwhile, half of it could be lost.
    assert (checkpoint / "model.bin").stat().st_mtime_ns == written
    assert is_whole(checkpoint, JOB)
    assert is_whole(other / "checkpoint-4", JOB)
    assert [path.name for path in other.iterdir()] == ["checkpoint-4"]
