"""Stages from conditions, and what is left of them."""

from typing import Any

import msgspec
import pytest

from kaito.api.workspace import Workspace
from kaito.cli.stages import PERMANENT_REASONS, Stage, estimate, observe_standing
from kaito.controllers.workspace.step import WAITING_REASONS


def _workspace(*conditions: tuple[str, str, str], generation: int = 1, seen: int = 1) -> Workspace:
    manifest: dict[str, Any] = {
        "metadata": {"name": "a", "namespace": "default", "generation": generation},
        "status": {
            "conditions": [
                {
                    "type": type_,
                    "status": status,
                    "reason": reason,
                    "message": f"about {reason}",
                    "observedGeneration": seen,
                }
                for type_, status, reason in conditions
            ]
        },
    }
    return msgspec.convert(manifest, Workspace)


def _inference(reason: str) -> Workspace:
    return _workspace(
        ("ResourceReady", "True", "workspaceResourceStatusSuccess"),
        ("InferenceReady", "False", reason),
        ("WorkspaceReady", "False", reason),
    )


@pytest.mark.parametrize(
    ("workspace", "stage"),
    [
        (_workspace(), Stage.NODE),
        (
            _workspace(
                ("ResourceReady", "False", "NodeClaimNotReady"),
                ("WorkspaceReady", "False", "NodeClaimNotReady"),
            ),
            Stage.NODE,
        ),
        (_inference("WorkspaceInferenceStatusPending"), Stage.WEIGHTS),
        (_inference("FetchingWeights"), Stage.WEIGHTS),
        (_inference("ModelUnavailable"), Stage.WEIGHTS),
        (_inference("StartingEngine"), Stage.ENGINE),
        (_inference("ContainerNotReady"), Stage.ENGINE),
        (_workspace(("WorkspaceReady", "True", "workspaceSucceeded")), Stage.READY),
    ],
)
def test_each_reason_belongs_to_one_stage(workspace: Workspace, stage: Stage) -> None:
    assert observe_standing(workspace).stage is stage


def test_what_was_reached_is_not_taken_back() -> None:
    found = observe_standing(_inference("ContainerCrashLoopBackOff"), reached=Stage.ENGINE)
    assert found.stage is Stage.ENGINE
    assert found.is_failing
    assert not found.is_permanent


def test_conditions_of_an_older_generation_say_nothing() -> None:
    old = _workspace(("WorkspaceReady", "True", "workspaceSucceeded"), generation=2, seen=1)
    found = observe_standing(old)
    assert (found.stage, found.is_failing) == (Stage.NODE, False)


def test_waiting_is_no_failure_and_no_failure_is_both() -> None:
    assert not observe_standing(_inference("FetchingWeights")).is_failing
    assert observe_standing(_inference("InvalidConfig")).is_permanent
    assert not PERMANENT_REASONS & WAITING_REASONS


def test_an_estimate_counts_down_and_adds_what_comes_later() -> None:
    typical = {"node": 1.0, "weights": 20.0, "engine": 30.0}
    assert estimate(Stage.WEIGHTS, spent=5.0, typical=typical).stage == 15.0
    assert estimate(Stage.WEIGHTS, spent=5.0, typical=typical).ready == 45.0
    assert estimate(Stage.ENGINE, spent=40.0, typical=typical).ready == 0.0
    assert estimate(Stage.READY, spent=0.0, typical=typical).stage is None


def test_an_estimate_promises_no_more_than_is_known() -> None:
    found = estimate(Stage.NODE, spent=0.0, typical={"node": 60.0, "engine": 30.0})
    assert (found.stage, found.ready) == (60.0, None)
    assert estimate(Stage.WEIGHTS, spent=0.0, typical={"node": 60.0}).stage is None
