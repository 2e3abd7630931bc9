"""Pause and resume of a tuning Job, whatever the plan says, and what that does to its tries."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controllers.workspace.test_tuning import (
    CAUSE,
    RUNNING,
    URL,
    VOLUME,
    configured_world,
    ended,
    job_of,
    start_pod,
    state,
    tuned_world,
)
from tests.unit.controllers.workspace.world import KEY, World, settled

from kaito.api import labels
from kaito.api.core import PODS
from kaito.api.meta import Key, Manifest
from kaito.api.workspace import WORKSPACES, TuningStatus
from kaito.kube.controller.decision import Patch
from kaito.planner.plan import INSUFFICIENT_MEMORY, Refusal

POD = (str(PODS), Key("default", "w-abcde"))


def wish(world: World, *, paused: bool) -> None:
    meta = world.objects[(str(WORKSPACES), KEY)]["metadata"]
    meta["annotations"] = {labels.PAUSED: "true"} if paused else {}


def is_suspended(world: World) -> bool:
    return bool(job_of(world)["spec"]["suspend"])


def training_world(**tuning: Any) -> World:
    world = tuned_world(output={"volumeSource": VOLUME}, **tuning)
    start_pod(world, **RUNNING)
    return settled(world)


def edit(world: World, **tuning: Any) -> None:
    live: Manifest = world.objects[(str(WORKSPACES), KEY)]
    live["metadata"]["generation"] = 2
    live["tuning"] = {**live["tuning"], **tuning}


def refuse(world: World) -> None:
    """No plan from here on, for what was edited."""
    refusal = Refusal(INSUFFICIENT_MEMORY, "does not fit")
    world.settings = replace(world.settings, tuning_planner=lambda _: refusal)


def tuning_of(world: World) -> TuningStatus:
    said = world.observe().workspace.status.tuning
    assert said is not None
    return said


def test_pausing_suspends_the_job_and_resuming_lets_it_go_on() -> None:
    world = tuned_world(output={"volumeSource": VOLUME})
    live = world.objects[(str(WORKSPACES), KEY)]
    live["metadata"]["annotations"] = {labels.PAUSED: "true"}
    (patch,) = world.decide().actions
    assert isinstance(patch, Patch)
    assert patch.patch == {"spec": {"suspend": True}}
    assert patch.note is not None
    assert patch.note.message == "its checkpoint stays on the output volume"
    job_of(world)["spec"]["suspend"] = True
    world.carry_out(world.decide())
    assert world.ready[1] == "TuningPaused"
    said = world.observe().workspace.status.tuning
    assert said is not None
    assert said.phase == "Paused"
    live["metadata"]["annotations"] = {}
    (patch,) = world.decide().actions
    assert isinstance(patch, Patch)
    assert patch.patch == {"spec": {"suspend": False, "backoffLimit": 6}}


def test_a_pause_is_no_restart_and_leaves_all_tries_to_the_trainer() -> None:
    world = tuned_world(output={"volumeSource": VOLUME})
    start_pod(world, restarts=2, **RUNNING, lastState=ended(69, CAUSE))
    settled(world)
    assert restarts(world) == 2
    live = world.objects[(str(WORKSPACES), KEY)]
    live["metadata"]["annotations"] = {labels.PAUSED: "true"}
    job_of(world)["spec"]["suspend"] = True
    del world.objects[(str(PODS), Key("default", "w-abcde"))]
    # Kubernetes counts a pod that it deleted as failed.
    job_of(world)["status"] = {"failed": 1}
    settled(world)
    assert restarts(world) == 2
    live["metadata"]["annotations"] = {}
    settled(world)
    assert job_of(world)["spec"] | {"suspend": False, "backoffLimit": 7} == job_of(world)["spec"]
    start_pod(world, **RUNNING)
    settled(world)
    assert restarts(world) == 0
    start_pod(world, restarts=1, state={"waiting": {}}, lastState=ended(69, CAUSE))
    settled(world)
    assert restarts(world) == 1
    assert world.ready[2].endswith("; try 2 of 7 follows")


def restarts(world: World) -> int:
    said = world.observe().workspace.status.tuning
    assert said is not None
    return said.restarts


def test_a_workspace_that_is_born_paused_starts_nothing() -> None:
    assert job_of(tuned_world(paused=True))["spec"]["suspend"] is True


def test_a_job_is_paused_although_the_workspace_is_refused_as_it_is_now() -> None:
    world = training_world()
    refuse(world)
    edit(world, input={"urls": [f"{URL}.gz"]})
    settled(world)
    assert world.ready[1:] == (
        INSUFFICIENT_MEMORY,
        "does not fit; the job that was started before goes on",
    )
    assert (state(world), tuning_of(world).message) == ("Running", world.ready[2])
    wish(world, paused=True)
    settled(world)
    assert is_suspended(world)
    del world.objects[POD]
    settled(world)
    assert world.ready[2] == "does not fit; the job is paused"
    assert tuning_of(world).phase == "Paused"
    assert state(world) == "Running", "an end of `kaito tune status --watch` is what Failed means"


def test_a_resume_waits_in_words_while_the_job_is_not_what_is_asked_for() -> None:
    world = training_world()
    wish(world, paused=True)
    settled(world)
    del world.objects[POD]
    refuse(world)
    edit(world, input={"urls": [f"{URL}.gz"]})
    wish(world, paused=False)
    settled(world)
    assert is_suspended(world)
    assert world.ready[2] == "does not fit; the job stays paused and waits for that to be mended"
    edit(world, input={"urls": [URL]})
    settled(world)
    assert not is_suspended(world)
    assert "TuningResumed: goes on from its last checkpoint" in world.events


def test_a_pause_is_heard_where_the_settings_have_gone_and_a_resume_once_they_are_back() -> None:
    world, where = configured_world()
    start_pod(world, **RUNNING)
    settled(world)
    settings = world.objects.pop(where)
    wish(world, paused=True)
    settled(world)
    assert is_suspended(world)
    del world.objects[POD]
    wish(world, paused=False)
    settled(world)
    assert is_suspended(world), "its pod could not start"
    assert world.ready[1] == "ConfigNotFound"
    assert world.ready[2].endswith("; the job stays paused and waits for that to be mended")
    world.objects[where] = settings
    settled(world)
    assert not is_suspended(world)


@pytest.mark.parametrize("is_counted", [False, True])
def test_a_resume_waits_until_the_pod_of_before_has_saved_and_its_end_is_counted(
    is_counted: bool,
) -> None:
    world = training_world()
    wish(world, paused=True)
    settled(world)
    wish(world, paused=False)
    pod = world.objects[POD]
    pod["metadata"]["deletionTimestamp"] = "2026-05-01T12:00:00Z"
    settled(world)
    assert is_suspended(world), "two trainers would write the same checkpoints"
    assert world.ready[2] == "goes on; waits for pod w-abcde, which saves and ends"
    pod["status"]["phase"] = "Failed"
    pod["metadata"]["finalizers"] = [labels.JOB_TRACKING]
    settled(world)
    assert is_suspended(world), "Kubernetes would count it as a failed try of the next one"
    del world.objects[POD]
    if not is_counted:
        job_of(world)["status"] = {"uncountedTerminatedPods": {"failed": ["u1"]}}
        settled(world)
        assert is_suspended(world)
        assert world.ready[2] == "goes on; waits for the pods of before the pause to be counted"
    job_of(world)["status"] = {"failed": 1}
    settled(world)
    assert not is_suspended(world)
    assert job_of(world)["spec"]["backoffLimit"] == 7
    start_pod(world, **RUNNING)
    settled(world)
    assert restarts(world) == 0


def test_a_job_that_has_ended_is_not_suspended_any_more() -> None:
    world = training_world()
    ended_with = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    job_of(world)["status"] = {"conditions": [ended_with]}
    wish(world, paused=True)
    settled(world)
    assert not is_suspended(world)
    assert state(world) == "Failed"
