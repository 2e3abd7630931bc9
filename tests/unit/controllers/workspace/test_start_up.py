"""What the status says of a start: its stages while it goes on, and the comparison once it is over.

Times are seconds after the Workspace's creation.
"""

from datetime import timedelta
from typing import Any

import pytest
from tests.unit.controllers.workspace.world import (
    IN_CLUSTER,
    KEY,
    NOW,
    World,
    new_world,
    settled,
)

from kaito.api import labels
from kaito.api.core import PODS
from kaito.api.meta import Key, Manifest
from kaito.api.report import REPORTS
from kaito.api.workspace import WORKSPACES, StartUpStatus
from kaito.base.clock import to_rfc3339
from kaito.controllers.workspace.decide import decide

_GB = 10**9
_READY: Manifest = {"type": "Ready", "status": "True"}


class Start:
    """A Workspace whose start is played second by second."""

    def __init__(self) -> None:
        self.world = new_world(IN_CLUSTER, metadata={"creationTimestamp": at(0)})
        self.world.objects[(str(WORKSPACES), KEY)]["resource"]["instanceType"] = (
            "Standard_NC24ads_A100_v4"
        )
        self.writes = 0
        self.revision = 0

    def go_on(self, seconds: float) -> None:
        """Decide and carry out until nothing is left to do at that moment."""
        for _ in range(8):
            decision = decide(
                self.world.observe(), self.world.settings, NOW + timedelta(seconds=seconds)
            )
            if not decision.actions and decision.status is None:
                return
            self.writes += decision.status is not None
            self.world.carry_out(decision)
        raise AssertionError("it never settles")

    def nodes(self, seconds: float) -> None:
        self.go_on(0)
        self.world.launch()
        self.go_on(seconds)

    def pod(self, *, init: Manifest, main: Manifest, ready: bool = False, **meta: Any) -> None:
        conditions = [_READY] if ready else [{"type": "Ready", "status": "False"}]
        self.world.start_pod(
            phase="Running" if main else "Pending",
            conditions=conditions,
            initContainerStatuses=[{"name": "weights", "state": init}],
            containerStatuses=[{"name": "w", "ready": ready, **main}] if main else [],
        )
        live = self.world.objects[(str(PODS), Key("default", "w-0"))]
        live["metadata"] |= {"uid": "p", "creationTimestamp": at(200), **meta}

    def fetching(self, **stage: Any) -> None:
        self.pod(init={"running": {"startedAt": at(210)}}, main={})
        if stage:
            look = {"name": "look", "isOver": True, "item": "hub:org/model@1"}
            self.report("weights", [look, {"name": "download", **stage}])

    def starting(self) -> None:
        self.pod(init=_ended(at(260)), main=_running(at(262)))

    def ready(self) -> None:
        self.pod(init=_ended(at(260)), main=_running(at(262)), ready=True)

    def report(self, program: str, stages: list[Manifest], uid: str = "p") -> None:
        self.revision += 1
        meta = {
            "name": "w-0",
            "namespace": "default",
            "uid": uid,
            "resourceVersion": str(self.revision),
            "labels": {labels.WORKSPACE: "w"},
        }
        self.world.put(REPORTS, {"metadata": meta, "program": program, "stages": stages})

    @property
    def told(self) -> StartUpStatus:
        found = self.world.observe().workspace.status.start_up
        assert found is not None
        return found

    @property
    def took(self) -> dict[str, int]:
        return {stage.name: stage.seconds for stage in self.told.stages}


def at(seconds: float) -> str:
    return to_rfc3339(NOW + timedelta(seconds=seconds))


def _ended(moment: str) -> Manifest:
    return {"terminated": {"exitCode": 0, "finishedAt": moment}}


def _running(since: str, **fields: Any) -> Manifest:
    return {"state": {"running": {"startedAt": since}}, **fields}


@pytest.fixture
def start() -> Start:
    return Start()


def test_a_start_has_its_stages_and_its_total_with_the_same_write_that_says_ready(
    start: Start,
) -> None:
    start.nodes(200)
    start.fetching()
    start.go_on(215)
    start.starting()
    start.go_on(262)
    before = start.writes
    start.ready()
    start.go_on(300)
    assert start.writes == before + 1
    assert start.took == {"nodes": 200, "weights": 60, "engine": 40}
    assert start.told.seconds == 300


def test_what_was_predicted_stands_beside_what_it_took(start: Start) -> None:
    start.nodes(200)
    found = {stage.name: stage.predicted_seconds for stage in start.told.stages}
    status = start.world.observe().workspace.status
    assert status.plan is not None
    assert found["nodes"] == 300
    assert sum(found.values()) == start.told.predicted_seconds == status.plan.start_up_seconds


def test_a_stage_that_goes_on_has_no_seconds_yet(start: Start) -> None:
    start.nodes(200)
    start.fetching()
    start.go_on(215)
    assert start.took == {"nodes": 200, "weights": 0, "engine": 0}
    assert start.told.seconds == 0


def test_without_reports_nothing_is_written_for_the_stages_alone() -> None:
    """The status changes as often as the conditions do."""
    start = Start()
    start.nodes(200)
    for moment in range(201, 210):
        before = start.writes
        start.go_on(moment)
        assert start.writes == before
    start.fetching()
    start.go_on(215)
    before = start.writes
    start.fetching()
    start.go_on(230)
    assert start.writes == before


def test_the_pod_tells_when_the_engine_had_loaded_and_what_the_first_answer_took(
    start: Start,
) -> None:
    start.nodes(200)
    start.starting()
    start.go_on(262)
    loaded = [
        {"name": "import", "seconds": 12, "isOver": True},
        {"name": "load", "seconds": 20, "isOver": True},
        {"name": "answer", "seconds": 1},
    ]
    start.report("serving", loaded)
    start.ready()
    start.go_on(300)
    assert start.took == {"nodes": 200, "weights": 60, "engine": 32, "answer": 8}


def test_a_download_is_told_with_bytes_time_and_source_in_status_and_condition(
    start: Start,
) -> None:
    start.nodes(200)
    start.fetching(done=1_200_000_000, total=7_600_000_000, etaSeconds=190)
    start.go_on(220)
    transfer = start.told.weights
    assert transfer is not None
    assert (transfer.done, transfer.total, transfer.eta_seconds) == (1.2 * _GB, 7.6 * _GB, 190)
    assert start.world.ready == (
        "False",
        "FetchingWeights",
        "pod w-0: 1.2 of 7.6 GB, 3 min left, from hub:org/model@1",
    )


def test_a_download_is_written_in_visible_steps_only(start: Start) -> None:
    start.nodes(200)
    start.fetching(done=0, total=100 * _GB)
    start.go_on(220)
    before = start.writes
    for percent in range(1, 101):
        start.fetching(done=percent * _GB, total=100 * _GB, etaSeconds=1000 - percent * 10)
        start.go_on(220 + percent)
    assert start.writes - before == 25


def test_the_download_is_gone_from_the_status_once_it_is_over(start: Start) -> None:
    start.nodes(200)
    start.fetching(done=1, total=2)
    start.go_on(220)
    start.starting()
    start.go_on(262)
    assert start.told.weights is None
    assert start.world.ready[1] == "StartingEngine"


def test_an_outdated_report_says_nothing_of_the_next_stage(start: Start) -> None:
    start.nodes(200)
    start.fetching(done=1, total=2)
    start.starting()
    start.go_on(262)
    assert start.world.ready[2] == "pod w-0: the engine is loading the model"


def test_the_report_of_a_pod_that_is_gone_says_nothing_of_the_next(start: Start) -> None:
    start.nodes(200)
    start.fetching()
    start.report("weights", [{"name": "download", "done": 1, "total": 2}], uid="another")
    start.go_on(262)
    assert start.told.weights is None


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ({"name": "wait", "item": "w"}, "another pod is fetching the same weights"),
        ({"name": "look", "item": "hub:a/b@1"}, "looking for the weights: hub:a/b@1"),
        ({"name": "check"}, "the weights are being checked"),
        ({"name": "polish"}, "the weights are being put in place"),
    ],
)
def test_what_is_no_download_is_said_in_words(start: Start, stage: Manifest, words: str) -> None:
    start.nodes(200)
    start.fetching()
    start.report("weights", [stage])
    start.go_on(220)
    assert start.world.ready[2] == f"pod w-0: {words}"


def test_a_container_that_starts_again_is_a_start_of_its_own(start: Start) -> None:
    start.nodes(200)
    start.ready()
    start.go_on(300)
    main = _running(at(1010), restartCount=1)
    start.pod(init=_ended(at(260)), main=main)
    start.go_on(1011)
    assert start.took == {"engine": 0}
    start.pod(init=_ended(at(260)), main=main, ready=True)
    start.go_on(1050)
    assert start.took == {"engine": 40}
    assert start.told.seconds == 40


def test_a_new_pod_after_ready_has_the_stages_that_it_repeats(start: Start) -> None:
    start.nodes(200)
    start.ready()
    start.go_on(300)
    fresh: dict[str, Any] = {"uid": "q", "creationTimestamp": at(1000)}
    start.pod(init={"running": {"startedAt": at(1002)}}, main={}, **fresh)
    start.go_on(1003)
    start.pod(init=_ended(at(1005)), main=_running(at(1006)), ready=True, **fresh)
    start.go_on(1035)
    assert start.took == {"weights": 5, "engine": 30}
    assert start.told.seconds == 35


def test_a_probe_that_fails_for_a_moment_is_no_start(start: Start) -> None:
    start.nodes(200)
    start.ready()
    start.go_on(300)
    first = start.told
    start.starting()
    start.go_on(5000)
    start.ready()
    start.go_on(5010)
    assert start.told == first


def test_the_machine_at_hand_has_a_prediction_of_all_stages_from_the_first_write() -> None:
    world: World = new_world(metadata={"creationTimestamp": at(0)})
    world = settled(world)
    found = world.observe().workspace.status.start_up
    assert found is not None
    assert [stage.name for stage in found.stages] == ["nodes", "weights", "engine"]
    assert found.predicted_seconds == sum(stage.predicted_seconds for stage in found.stages) > 30
    assert found.seconds == 0


def test_a_prediction_stays_what_it_was_when_the_weights_have_come(start: Start) -> None:
    # Once they are on the disk, a plan that is made anew expects nothing of them.
    start.nodes(200)
    start.fetching()
    start.go_on(215)
    before = {stage.name: stage.predicted_seconds for stage in start.told.stages}
    assert before["weights"] > 1
    live = start.world.objects[(str(WORKSPACES), Key("default", "w"))]
    live["status"]["startUp"]["stages"][1]["predictedSeconds"] = 77
    start.starting()
    start.go_on(262)
    after = {stage.name: stage.predicted_seconds for stage in start.told.stages}
    assert after["weights"] == 77
    assert start.told.predicted_seconds == sum(after.values())
