"""A start as a person reads it."""

import pytest

from kaito.api.meta import Condition, ObjectMeta
from kaito.api.workspace import (
    AdapterStatus,
    StageStatus,
    StartUpStatus,
    TransferStatus,
    TuningStatus,
    Workspace,
    WorkspaceStatus,
)
from kaito.cli.start_text import (
    render_expected,
    render_parts,
    render_rate,
    render_taken,
    render_transfer,
    render_workspace,
)


def _workspace(status: WorkspaceStatus) -> Workspace:
    return Workspace(metadata=ObjectMeta(name="phi", namespace="default"), status=status)


def test_stages_stand_beside_what_was_predicted_and_those_that_go_on_say_so() -> None:
    stages = (
        StageStatus(name="nodes", seconds=250, predicted_seconds=300),
        StageStatus(name="weights", predicted_seconds=130),
    )
    start = StartUpStatus(predicted_seconds=430, stages=stages)
    (text,) = render_parts(_workspace(WorkspaceStatus(start_up=start)))
    rows = [line.split() for line in text.splitlines()]
    assert [cell.lower() for cell in rows[0]] == ["stage", "predicted", "took"]
    assert rows[1:] == [
        ["nodes", "5m", "4m10s"],
        ["weights", "2m10s", "..."],
        ["total", "7m10s", "..."],
    ]


def test_without_a_prediction_there_is_no_column_for_it() -> None:
    start = StartUpStatus(seconds=40, stages=(StageStatus(name="engine", seconds=40),))
    (text,) = render_parts(_workspace(WorkspaceStatus(start_up=start)))
    assert "predicted" not in text.lower()
    assert text.splitlines()[-1].split() == ["total", "40s"]


def test_a_download_is_a_bar_with_bytes_time_and_source() -> None:
    transfer = TransferStatus(
        done=1_900_000_000, total=7_600_000_000, eta_seconds=180, source="hub:a/b@1"
    )
    bar = "[######------------------]"
    assert render_transfer(transfer) == f"{bar} 1.9 of 7.6 GB, 32 MB/s, 3m left, from hub:a/b@1"
    assert render_transfer(TransferStatus(done=10**9)) == "1.0 GB"


@pytest.mark.parametrize(
    ("left", "seconds", "said"),
    [(3_000_000_000, 60, "50 MB/s"), (30_000_000, 10, "3.0 MB/s"), (10, 0, ""), (0, 10, "")],
)
def test_a_rate_is_what_is_left_by_the_time_it_takes(left: int, seconds: int, said: str) -> None:
    assert render_rate(left, seconds) == said


def test_what_was_expected_stands_before_and_beside_what_it_took() -> None:
    stages = (
        StageStatus(name="nodes", seconds=2),
        StageStatus(name="weights", predicted_seconds=12),
        StageStatus(name="engine", predicted_seconds=41),
    )
    start = StartUpStatus(predicted_seconds=53, stages=stages)
    assert render_expected(start) == "expected to take about 53s: weights 12s, engine 41s"
    assert render_taken(start) == ""
    done = StartUpStatus(predicted_seconds=53, seconds=45, stages=stages)
    assert render_taken(done) == "took 45s, expected 53s"
    unknown = StartUpStatus(seconds=45)
    assert (render_expected(unknown), render_taken(unknown)) == ("", "took 45s")


def test_adapters_and_tuning_are_told_briefly() -> None:
    adapters = (AdapterStatus(name="poet", state="Failed", message="rank 512 is above 64"),)
    tuning = TuningStatus(phase="Training", step=3, steps=10, loss="1.2", eta_seconds=60)
    shown = render_parts(_workspace(WorkspaceStatus(adapters=adapters, tuning=tuning)))
    assert "rank 512 is above 64" in shown[0]
    assert shown[1] == "tuning: Training: step 3 of 10, loss 1.2, 60s left"


def test_a_workspace_that_waits_says_for_what() -> None:
    waits = Condition(
        type="WorkspaceReady", status="False", reason="FetchingWeights", message="1 of 2 GB"
    )
    text = render_workspace(_workspace(WorkspaceStatus(state="Pending", conditions=(waits,))))
    assert text == "default/phi  Pending  FetchingWeights: 1 of 2 GB"
