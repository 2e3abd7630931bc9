"""Workspaces as metrics: phases, states, presets, and the stages of a start."""

from datetime import UTC, datetime

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from kaito.api.meta import Condition, ObjectMeta
from kaito.api.workspace import (
    INFERENCE_READY,
    RESOURCE_READY,
    WORKSPACE_READY,
    WORKSPACE_SUCCEEDED,
    InferenceSpec,
    PresetSpec,
    StageStatus,
    StartUpStatus,
    Workspace,
    WorkspaceState,
    WorkspaceStatus,
)
from kaito.app.operator.workspace_metrics import Stage, WorkspaceMetrics, phase_of, stage_of
from kaito.base.clock import ManualClock
from kaito.kube.cache import Cache

START = datetime(2026, 1, 1, tzinfo=UTC)
NODE = (Condition(type=RESOURCE_READY, status="False", reason="NodeClaimNotReady"),)
READY_NODE = Condition(
    type=RESOURCE_READY, status="True", reason="NodesReady", last_transition_time=START
)
WEIGHTS = (
    READY_NODE,
    Condition(type=INFERENCE_READY, status="False", reason="FetchingWeights"),
)
ENGINE = (READY_NODE, Condition(type=INFERENCE_READY, status="False", reason="StartingEngine"))
DONE = (READY_NODE, Condition(type=WORKSPACE_READY, status="True", reason="workspaceSucceeded"))


def workspace(*found: Condition, state: WorkspaceState | None = None, name: str = "w") -> Workspace:
    meta = ObjectMeta(name=name, namespace="default", uid=name, creation_timestamp=START)
    return Workspace(
        metadata=meta,
        inference=InferenceSpec(preset=PresetSpec(name="phi-4")),
        status=WorkspaceStatus(conditions=found, state=state),
    )


def summary(reason: str) -> Condition:
    return Condition(type=WORKSPACE_SUCCEEDED, status="False", reason=reason)


@pytest.mark.parametrize(
    ("one", "phase"),
    [
        (workspace(), "pending"),
        (workspace(*NODE, summary("workspacePending")), "pending"),
        (workspace(summary("workspaceFailed")), "error"),
        (workspace(summary("BenchmarkFailed")), "error"),
        (workspace(*DONE), "succeeded"),
        (workspace(state="Succeeded"), "succeeded"),
    ],
)
def test_a_workspace_that_only_waits_is_no_error(one: Workspace, phase: str) -> None:
    assert phase_of(one) == phase


def test_a_workspace_that_goes_is_counted_as_going() -> None:
    one = workspace(*DONE)
    meta = msgspec.structs.replace(one.metadata, deletion_timestamp=START)
    assert phase_of(msgspec.structs.replace(one, metadata=meta)) == "deleting"


@pytest.mark.parametrize(
    ("found", "stage"),
    [
        ((), Stage.NODE),
        (NODE, Stage.NODE),
        (WEIGHTS, Stage.WEIGHTS),
        (ENGINE, Stage.ENGINE),
        (DONE, Stage.DONE),
    ],
)
def test_the_stage_follows_from_the_conditions(found: tuple[Condition, ...], stage: Stage) -> None:
    assert stage_of(workspace(*found)) == stage


class Watched:
    """A cache under observation, on a clock that begins when the Workspace was created."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.registry = CollectorRegistry()
        self.cache: Cache[Workspace] = Cache()
        WorkspaceMetrics(self.cache, self.registry, clock=self.clock)
        self._revision = 0

    async def see(self, one: Workspace, *, after: float = 0) -> None:
        await self.clock.advance(after)
        self._revision += 1
        meta = msgspec.structs.replace(one.metadata, resource_version=str(self._revision))
        self.cache.upsert(msgspec.structs.replace(one, metadata=meta))

    def seconds(self, stage: Stage) -> float | None:
        name = "kaito_workspace_startup_seconds_sum"
        return self.registry.get_sample_value(name, {"stage": stage.value})


async def test_each_stage_of_a_first_start_is_measured() -> None:
    watched = Watched()
    await watched.see(workspace())
    await watched.see(workspace(*NODE), after=10)
    await watched.see(workspace(*WEIGHTS), after=90)
    await watched.see(workspace(*ENGINE), after=40)
    await watched.see(workspace(*DONE), after=25)

    assert watched.seconds(Stage.NODE) == 100
    assert watched.seconds(Stage.WEIGHTS) == 40
    assert watched.seconds(Stage.ENGINE) == 25


async def test_a_restarted_server_is_no_start() -> None:
    watched = Watched()
    await watched.see(workspace(*DONE))
    await watched.see(workspace(*ENGINE, state="NotReady"), after=60)
    await watched.see(workspace(*DONE), after=60)

    assert watched.seconds(Stage.ENGINE) is None


async def test_a_start_seen_from_its_middle_counts_from_what_the_object_tells() -> None:
    watched = Watched()
    await watched.see(workspace(*WEIGHTS), after=30)
    await watched.see(workspace(*ENGINE), after=30)
    late = workspace(*ENGINE, name="late")
    await watched.see(late)
    await watched.see(workspace(*DONE, name="late"), after=5)

    assert watched.seconds(Stage.WEIGHTS) == 60
    assert watched.seconds(Stage.NODE) is None
    assert watched.seconds(Stage.ENGINE) is None


async def test_counts_show_every_phase_and_state_even_where_there_is_none() -> None:
    watched = Watched()
    await watched.see(workspace(*DONE, state="Ready"))
    await watched.see(workspace(name="other"))
    value = watched.registry.get_sample_value

    assert value("kaito_workspace_count", {"phase": "succeeded"}) == 1
    assert value("kaito_workspace_count", {"phase": "pending"}) == 1
    assert value("kaito_workspace_count", {"phase": "error"}) == 0
    assert value("kaito_workspace_state_count", {"state": "Ready"}) == 1
    assert value("kaito_workspace_state_count", {"state": "Pending"}) == 1
    assert value("kaito_workspace_preset_count", {"preset_name": "phi-4"}) == 2


async def test_a_start_is_compared_with_its_prediction_once_it_is_over() -> None:
    watched = Watched()
    stages = (StageStatus(name="nodes", seconds=200), StageStatus(name="engine", seconds=40))
    going = StartUpStatus(predicted_seconds=120, stages=stages[:1])
    over = StartUpStatus(predicted_seconds=120, seconds=240, stages=stages)
    for start_up in (going, over, over):
        one = workspace(*DONE)
        status = msgspec.structs.replace(one.status, start_up=start_up)
        await watched.see(msgspec.structs.replace(one, status=status), after=1)
    value = watched.registry.get_sample_value

    assert value("kaito_workspace_start_stage_seconds_sum", {"stage": "nodes"}) == 200
    assert value("kaito_workspace_start_stage_seconds_count", {"stage": "engine"}) == 1
    assert value("kaito_workspace_start_predicted_ratio_sum") == 2
