"""A tuning job in a few lines."""

from kaito.api.meta import Condition, ObjectMeta
from kaito.api.report import LossPoint, TuningReport
from kaito.api.tuning_record import TuningRecord
from kaito.api.workspace import PresetSpec, TuningSpec, TuningStatus, Workspace, WorkspaceStatus
from kaito.cli.tuning.standing import curve_of, point_of, progress_bar, render_standing


def workspace(
    reason: str = "Tuning", message: str = "the trainer runs", **status: object
) -> Workspace:
    ready = Condition(type="WorkspaceReady", status="False", reason=reason, message=message)
    return Workspace(
        metadata=ObjectMeta(name="teach", namespace="default"),
        tuning=TuningSpec(method="QLoRA", preset=PresetSpec(name="phi-4")),
        status=WorkspaceStatus(tuning=TuningStatus(**status), conditions=(ready,)),  # type: ignore[arg-type]
    )


def test_training_shows_a_bar_the_time_that_is_left_and_the_figures() -> None:
    found = workspace(
        phase="Training", step=30, steps=40, loss="0.7312", eta_seconds=74, samples=200, dropped=3
    )
    text = render_standing(found, (), width=80, unicode=False)
    assert text.splitlines()[0] == "default/teach: qlora of phi-4, training"
    assert "75%  step 30 of 40, about 74s left" in text
    assert "0.7312" in text
    assert "200, 3 left out" in text
    assert "Tuning:" not in text


def test_what_it_waits_for_or_suffers_from_is_told() -> None:
    text = render_standing(workspace("SourceUnavailable", "404", phase="Waiting"), (), width=80)
    assert "SourceUnavailable: 404" in text


def test_a_curve_goes_on_with_what_was_seen_since_the_record() -> None:
    kept = (LossPoint(step=1, loss=3.0), LossPoint(step=5, loss=2.0))
    record = TuningRecord(progress=TuningReport(curve=kept))
    seen = (LossPoint(step=5, loss=2.0), LossPoint(step=9, loss=1.0))
    assert [point.step for point in curve_of(record, seen)] == [1, 5, 9]
    assert curve_of(None, seen) == seen
    assert point_of(TuningStatus(step=4, loss="1.5")) == LossPoint(step=4, loss=1.5)
    assert point_of(None) is None


def test_a_bar_is_full_at_the_end_and_never_longer() -> None:
    assert progress_bar(0.5, width=4, unicode=False) == "##--"
    assert progress_bar(1.7, width=4, unicode=False) == "####"
