"""What a pod reports while it fetches its weights."""

import io
from pathlib import Path

from kaito.api.runtime import WeightsArguments
from kaito.base.clock import ManualClock
from kaito.runtimes.reporting import Board
from kaito.runtimes.weights.fetch import fetch_weights
from kaito.runtimes.weights.progress import Reporter


def test_a_download_is_a_stage_with_its_bytes(clock: ManualClock) -> None:
    board = Board("weights", clock)
    reporter = Reporter(clock, io.StringIO(), board=board)
    reporter.report("look", item="oci:r.io/a:1")
    reporter.downloading.start(total=100, done=10)
    reporter.downloading.advance(30, item="model.safetensors")
    looked, download = board.report.stages
    assert (looked.name, looked.is_over) == ("look", True)
    assert (download.name, download.done, download.total) == ("download", 40, 100)
    assert download.item == "model.safetensors"
    reporter.report("check")
    assert [stage.name for stage in board.report.stages] == ["look", "download", "check"]


async def test_an_import_is_reported_as_well(
    clock: ManualClock, model: Path, tmp_path: Path
) -> None:
    board = Board("weights", clock)
    arguments = WeightsArguments(
        key="phi", root=str(tmp_path / "root"), source=(f"folder:{model}",)
    )
    reporter = Reporter(clock, io.StringIO(), board=board)
    await fetch_weights(arguments, clock=clock, reporter=reporter)
    assert [stage.name for stage in board.report.stages] == ["import"]
