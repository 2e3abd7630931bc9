"""How far a Workspace is on its way to answering, from its conditions alone. Pure.

| stage | ends when |
|---|---|
| node | ResourceReady holds |
| weights | InferenceReady no longer says that they are fetched or that the pod is being made |
| engine | WorkspaceReady holds |
| ready | - |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kaito.api import conditions
from kaito.api.meta import Condition
from kaito.api.workspace import (
    INFERENCE_READY,
    RESOURCE_READY,
    WORKSPACE_READY,
    StartUpStatus,
    Workspace,
)
from kaito.controllers.workspace.step import WAITING_REASONS

PERMANENT_REASONS = frozenset(
    {
        "InsufficientMemory",
        "UnknownPreset",
        "NameConflict",
        "InvalidConfig",
        "InvalidData",
        "InvalidTrainingConfig",
        "TrainerFailed",
    }
)
"""Failures that only a person can end: waiting for them is of no use."""

_BEFORE_ENGINE = frozenset({"FetchingWeights", "WorkspaceInferenceStatusPending"})


class Stage(StrEnum):
    """The stages, in order."""

    NODE = "node"
    WEIGHTS = "weights"
    ENGINE = "engine"
    READY = "ready"


ORDER = tuple(Stage)
_OF_STATUS = {"nodes": Stage.NODE, "weights": Stage.WEIGHTS}
"""By the names of `status.startUp`; what else there is belongs to the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a Workspace stands."""

    stage: Stage
    reason: str = ""
    message: str = ""

    @property
    def is_failing(self) -> bool:
        """Whether something is wrong, be it for now or for good."""
        return bool(self.reason) and self.reason not in WAITING_REASONS

    @property
    def is_permanent(self) -> bool:
        """Whether waiting longer is of no use."""
        return self.reason in PERMANENT_REASONS


def observe_standing(workspace: Workspace, *, reached: Stage = Stage.NODE) -> Standing:
    """Where the Workspace stands; never before `reached`, so that a restart is no step back."""
    found = workspace.status.conditions
    ready = conditions.find(found, WORKSPACE_READY)
    if ready is None or ready.observed_generation < workspace.metadata.generation:
        return Standing(stage=reached, message="waiting for the controller to look at it")
    if ready.is_true:
        return Standing(stage=Stage.READY, message=ready.message)
    stage = max(reached, _stage(found), key=ORDER.index)
    return Standing(stage=stage, reason=ready.reason, message=ready.message)


def _stage(found: tuple[Condition, ...]) -> Stage:
    if not conditions.is_true(found, RESOURCE_READY):
        return Stage.NODE
    inference = conditions.find(found, INFERENCE_READY)
    if inference is None or inference.reason in _BEFORE_ENGINE:
        return Stage.WEIGHTS
    # A failure says nothing of its stage; what was reached before counts then.
    return Stage.ENGINE if inference.reason in WAITING_REASONS else Stage.WEIGHTS


def predicted_stages(start: StartUpStatus) -> dict[Stage, float]:
    """What the plan expects of each stage, in seconds; empty where it expects nothing."""
    if not start.predicted_seconds:
        return {}
    found = dict.fromkeys((Stage.NODE, Stage.WEIGHTS, Stage.ENGINE), 0.0)
    for stage in start.stages:
        found[_OF_STATUS.get(stage.name, Stage.ENGINE)] += stage.predicted_seconds
    return found


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long something may still take, in seconds; None where nobody can tell."""

    stage: float | None = None
    ready: float | None = None


def estimate(stage: Stage, *, spent: float, typical: Mapping[str, float]) -> Estimate:
    """What is left of this stage after `spent` seconds of it, and until the model answers."""
    if stage is Stage.READY or stage not in typical:
        return Estimate()
    left = max(typical[stage] - spent, 0.0)
    later = ORDER[ORDER.index(stage) + 1 : -1]
    if any(next_ not in typical for next_ in later):
        return Estimate(left)
    return Estimate(left, left + sum(typical[next_] for next_ in later))
