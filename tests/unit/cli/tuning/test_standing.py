"""A tuning job in a few lines."""

import msgspec
import pytest

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


def test_a_job_that_is_paused_has_no_time_left_to_tell() -> None:
    found = workspace("TuningPaused", phase="Paused", step=30, steps=40, eta_seconds=74)
    assert "left" not in render_standing(found, (), width=80)


@pytest.mark.parametrize("width", [8, 24, 40, 60, 100])
@pytest.mark.parametrize("height", [4, 10, 24])
def test_no_line_is_wider_than_the_terminal_and_the_curve_gives_way(
    width: int, height: int
) -> None:
    found = workspace(
        "SourceUnavailable",
        "https://example.com/" + "very-long-name/" * 9 + ": there is no such file (404)",
        phase="Training",
        step=30,
        steps=40,
        loss="0.7312",
        eta_seconds=74,
        result="registry.example.com/team/adapter@sha256:" + "a" * 64,
    )
    curve = tuple(LossPoint(step=step, loss=3 / (step + 1)) for step in range(30))

    lines = render_standing(found, curve, width=width, height=height).splitlines()

    assert max(map(len, lines)) <= width
    assert len(lines) <= height
    assert width < 24 or any("step" in line for line in lines)


def test_what_it_does_besides_training_is_told_in_words() -> None:
    found = workspace()
    for phase, words, is_told in (
        ("Preflight", "reading and checking the data, 35 %", True),
        ("Training", "training", False),
    ):
        status = WorkspaceStatus(
            tuning=TuningStatus(phase=phase, message=words), conditions=found.status.conditions
        )
        text = render_standing(msgspec.structs.replace(found, status=status), (), width=80)
        assert (words in text.splitlines()[1:] or f"  {words}" in text) is is_told


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
