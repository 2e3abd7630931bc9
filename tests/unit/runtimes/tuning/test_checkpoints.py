"""Only whole checkpoints of the same job are gone on from."""

from pathlib import Path

from kaito.runtimes.tuning.checkpoints import MARK, drop_old, find_checkpoint, mark_complete

JOB = "abc"


def make(folder: Path, step: int, *, job: str = JOB) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "optimizer.pt").write_bytes(b"state" * step)
    mark_complete(checkpoint, job)
    return checkpoint


def test_the_last_whole_one_counts_and_numbers_are_numbers(tmp_path: Path) -> None:
    make(tmp_path, 9)
    last = make(tmp_path, 10)

    assert find_checkpoint(tmp_path, JOB) == last


def test_one_without_its_mark_is_removed(tmp_path: Path) -> None:
    whole, broken = make(tmp_path, 4), make(tmp_path, 8)
    (broken / MARK).unlink()

    assert find_checkpoint(tmp_path, JOB) == whole
    assert not broken.exists()


def test_one_whose_file_was_cut_short_is_removed(tmp_path: Path) -> None:
    broken = make(tmp_path, 8)
    (broken / "optimizer.pt").write_bytes(b"sta")

    assert find_checkpoint(tmp_path, JOB) is None
    assert not broken.exists()


def test_another_jobs_is_not_gone_on_from(tmp_path: Path) -> None:
    make(tmp_path, 8, job="another")

    assert find_checkpoint(tmp_path, JOB) is None


def test_only_the_last_two_are_kept(tmp_path: Path) -> None:
    for step in (2, 4, 16, 8):
        make(tmp_path, step)

    drop_old(tmp_path, keep=2)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-16", "checkpoint-8"]


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert find_checkpoint(tmp_path / "nowhere", JOB) is None


def test_one_that_lacks_a_part_in_a_folder_of_its_own_is_removed(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint-8"
    shards = checkpoint / "optimizer_0"
    shards.mkdir(parents=True)
    (shards / "__0_0.distcp").write_bytes(b"shard")
    mark_complete(checkpoint, JOB)
    assert find_checkpoint(tmp_path, JOB) == checkpoint

    (shards / "__0_0.distcp").unlink()
    assert find_checkpoint(tmp_path, JOB) is None
