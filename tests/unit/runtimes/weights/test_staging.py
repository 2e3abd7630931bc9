"""A folder appears complete or not at all, filled by one process at a time."""

import asyncio
from pathlib import Path

import pytest

from kaito.base.clock import ManualClock, settle
from kaito.runtimes.weights.errors import FolderInvalid
from kaito.runtimes.weights.manifest import write_record
from kaito.runtimes.weights.progress import Reporter
from kaito.runtimes.weights.staging import LOCK_SECONDS, hold_lock, open_partial, publish


def test_a_failure_while_finishing_leaves_nothing_visible(tmp_path: Path) -> None:
    partial = open_partial(tmp_path, "phi", "hub:a/b")
    (partial / "half").write_text("x")
    with pytest.raises(RuntimeError), publish(tmp_path, "phi", partial):
        raise RuntimeError("disk full")
    assert not (tmp_path / "phi").exists()


def test_what_was_fetched_is_kept_for_the_same_origin_only(tmp_path: Path) -> None:
    (open_partial(tmp_path, "phi", "hub:a/b") / "half").write_text("x")
    assert (open_partial(tmp_path, "phi", "hub:a/b") / "half").exists()
    assert not (open_partial(tmp_path, "phi", "oci:r/c") / "half").exists()


def test_publishing_replaces_our_own_damaged_folder(tmp_path: Path) -> None:
    old = tmp_path / "phi"
    old.mkdir()
    write_record(old, key="phi", source="hub:a/b")
    partial = open_partial(tmp_path, "phi", "hub:a/b")
    with publish(tmp_path, "phi", partial):
        (partial / "new").write_text("x")
    assert [path.name for path in old.iterdir()] == ["new"]


async def test_the_second_process_waits_for_the_first(tmp_path: Path, reporter: Reporter) -> None:
    clock = ManualClock()
    order: list[str] = []

    async def second() -> None:
        async with hold_lock(tmp_path, "phi", clock=clock, reporter=reporter):
            order.append("second")

    async with hold_lock(tmp_path, "phi", clock=clock, reporter=reporter):
        waiting = asyncio.create_task(second())
        await clock.advance(5.0)
        order.append("first")
    await clock.advance(1.0)
    await waiting
    assert order == ["first", "second"]


async def test_the_wait_has_an_end(tmp_path: Path, reporter: Reporter) -> None:
    clock = ManualClock()

    async def second() -> None:
        async with hold_lock(tmp_path, "phi", clock=clock, reporter=reporter):
            raise AssertionError("never held")

    async with hold_lock(tmp_path, "phi", clock=clock, reporter=reporter):
        waiting = asyncio.create_task(second())
        await settle()
        # One sleep at a time: the loop asks again after each.
        await clock.advance(LOCK_SECONDS)
        await clock.advance(1.0)
        with pytest.raises(FolderInvalid, match="too long"):
            await waiting
