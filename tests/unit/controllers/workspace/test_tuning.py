"""A tuning Workspace's decisions: its Job, what it says of it, and what it never does twice."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.unit.controllers.workspace.world import (
    IN_CLUSTER,
    KEY,
    READY,
    SETTINGS,
    World,
    new_world,
    settled,
)

from kaito.api import conditions, labels
from kaito.api.core import CONFIGMAPS, JOBS, PODS
from kaito.api.meta import Condition, Key, Manifest
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.report import REPORTS, LossPoint, PodReport, StageReport, TuningReport
from kaito.api.tuning_ending import to_ending
from kaito.api.tuning_job import REPORT_FILE
from kaito.api.tuning_record import TuningRecord
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.kube.controller.decision import Create, Delete
from kaito.planner.plan import INSUFFICIENT_MEMORY, Refusal

URL = "https://example.com/train.jsonl"
TUNING: Manifest = {
    "preset": {"name": "smollm2-135m-instruct"},
    "method": "QLoRA",
    "input": {"urls": [URL]},
    "output": {"image": "registry.example.com/adapter:1", "imagePushSecret": "push"},
}
VOLUME = {"persistentVolumeClaim": {"claimName": "results"}}
CAUSE = "https://example.com/train.jsonl answered 404"


def tuned_world(
    settings: WorkspaceSettings = SETTINGS, *, paused: bool = False, **tuning: Any
) -> World:
    """A Workspace whose node is ready and whose Job has been created."""
    meta = {"annotations": {labels.PAUSED: "true"}} if paused else {}
    world = settled(new_world(settings, metadata=meta, tuning={**TUNING, **tuning}))
    world.launch()
    return settled(world)


def configured_world() -> tuple[World, tuple[str, Key]]:
    """One whose settings are a ConfigMap, and where that is."""
    world = new_world(tuning={**TUNING, "config": "mine"})
    settings = {
        "metadata": {"name": "mine", "namespace": "default"},
        "data": {"training_config.yaml": CONFIG},
    }
    world.put(CONFIGMAPS, settings)
    settled(world).launch()
    return settled(world), (str(CONFIGMAPS), Key("default", "mine"))


def job_of(world: World) -> Manifest:
    return world.objects[(str(JOBS), KEY)]


def start_pod(world: World, *, restarts: int = 0, **state: Any) -> None:
    """The Job's pod, with its trainer in this state."""
    job_of(world)["metadata"]["uid"] = "j1"
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "w", "uid": "j1"}
    meta = {
        "name": "w-abcde",
        "namespace": "default",
        "labels": {labels.WORKSPACE: "w"},
        "ownerReferences": [{**owner, "controller": True}],
    }
    weights = {"name": "weights", "state": {"terminated": {"exitCode": 0}}}
    trainer = {"name": "tuning", "restartCount": restarts, **state}
    status = {
        **READY,
        "phase": "Running",
        "initContainerStatuses": [weights],
        "containerStatuses": [trainer],
    }
    world.put(PODS, {"metadata": meta, "status": status})


def ended(code: int, message: str = "", reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "message": message, "reason": reason}}


RUNNING: dict[str, Any] = {"state": {"running": {}}}


def report(world: World, said: PodReport) -> None:
    meta = {"name": "w-abcde", "namespace": "default", "labels": {labels.WORKSPACE: "w"}}
    world.put(REPORTS, {**msgspec.to_builtins(said), "metadata": meta})


def end_job(world: World, type_: str, message: str = "") -> None:
    job_of(world)["status"] = {
        "conditions": [{"type": type_, "status": "True", "reason": type_, "message": message}]
    }


def condition(world: World, type_: str) -> Condition:
    found = conditions.find(world.observe().workspace.status.conditions, type_)
    assert found is not None
    return found


def state(world: World) -> str:
    return str(world.observe().workspace.status.state)


def test_the_job_is_created_once_its_node_is_ready_and_names_what_it_was_told() -> None:
    world = settled(new_world(tuning=TUNING))
    assert (str(JOBS), KEY) not in world.objects
    assert state(world) == "Pending"
    world.launch()
    settled(world)
    (trainer,) = job_of(world)["spec"]["template"]["spec"]["containers"]
    assert f"--url={URL}" in trainer["args"]
    assert "--method=qlora" in trainer["args"]
    assert job_of(world)["spec"]["template"]["spec"]["restartPolicy"] == "OnFailure"
    assert "JobCreated: Job w created" in world.events
    assert condition(world, "JobStarted").status == "False"


def test_figures_of_the_pod_become_the_status() -> None:
    world = tuned_world()
    start_pod(world, **RUNNING)
    tuning = TuningReport(
        step=12, steps=40, loss=1.25, learning_rate=2e-4, eta_seconds=30, epoch=0.3,
        checkpoint="checkpoint-10", samples=200, dropped=3, tokens_per_second=512.4,
        curve=(LossPoint(step=12, loss=1.25),),
    )  # fmt: skip
    stages = (StageReport(name="preflight", is_over=True), StageReport(name="train"))
    report(world, PodReport(program="tuning", stages=stages, tuning=tuning))
    settled(world)
    said = world.observe().workspace.status.tuning
    assert said is not None
    assert (said.phase, said.step, said.steps, said.loss) == ("Training", 12, 40, "1.2500")
    assert (said.checkpoint, said.samples, said.dropped) == ("checkpoint-10", 200, 3)
    assert state(world) == "Running"
    assert condition(world, "JobStarted").is_true
    assert condition(world, "WorkspaceSucceeded").reason == "workspacePending"


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (StageReport(name="download", item="a.parquet", done=30, total=100),
         "downloading a.parquet, 30 %"),
        (StageReport(name="download", done=33), "downloading the data"),
        (StageReport(name="preflight", done=640), "reading and checking the data"),
        (StageReport(name="wait", item="node 2 of 2, which downloads a.json"),
         "waiting for node 2 of 2, which downloads a.json"),
        (StageReport(name="train", done=3, total=9), "training"),
        (StageReport(name="evaluate"), "measuring the loss on the samples that are held out"),
        (StageReport(name="push", item="r/a:1", done=99, total=100),
         "pushing the adapter to r/a:1, 95 %"),
        (StageReport(name="of-a-later-release"), "the trainer runs"),
    ],
    ids=lambda value: value.name if isinstance(value, StageReport) else "",
)  # fmt: skip
def test_the_status_says_in_words_what_the_trainer_does(stage: StageReport, said: str) -> None:
    world = tuned_world()
    start_pod(world, **RUNNING)
    report(world, PodReport(program="tuning", stages=(stage,)))
    settled(world)
    tuning = world.observe().workspace.status.tuning
    assert tuning is not None
    assert tuning.message == said


def test_the_status_says_in_words_why_it_failed_or_waits() -> None:
    world = settled(new_world(tuning=TUNING))
    waiting = world.observe().workspace.status.tuning
    assert waiting is not None
    assert waiting.message == world.ready[2] != ""
    world.launch()
    settled(world)
    start_pod(world, state=ended(65, CAUSE))
    settled(world)
    failed = world.observe().workspace.status.tuning
    assert failed is not None
    assert failed.message == CAUSE
    refused = settled(new_world(tuning={**TUNING, "config": "mine"}))
    lacking = refused.observe().workspace.status.tuning
    assert lacking is not None
    assert (lacking.phase, lacking.message) == ("Failed", refused.ready[2])


def test_a_push_that_fails_is_told_with_its_cause_while_the_pod_waits() -> None:
    world = tuned_world()
    start_pod(world, **RUNNING)
    line = "cannot push r/a:1: the registry refuses the password; the adapter stays"
    stages = (StageReport(name="push"),)
    report(world, PodReport(program="tuning", stages=stages, warnings=("few rows", line)))
    settled(world)
    assert state(world) == "Running"
    assert world.ready[1:] == ("PushFailed", line)
    report(world, PodReport(program="tuning", stages=stages, warnings=("few rows",)))
    settled(world)
    assert world.ready[1] == "Tuning"


def test_figures_stay_when_the_pod_says_nothing_more() -> None:
    world = tuned_world()
    start_pod(world, **RUNNING)
    report(world, PodReport(program="tuning", tuning=TuningReport(step=7, steps=9, loss=2.0)))
    settled(world)
    del world.objects[(str(REPORTS), Key("default", "w-abcde"))]
    settled(world)
    said = world.observe().workspace.status.tuning
    assert said is not None
    assert (said.step, said.loss) == (7, "2.0000")


def test_success_is_told_with_the_trainers_last_words_and_gives_the_node_back() -> None:
    world = tuned_world()
    result = "registry.example.com/adapter@sha256:aa"
    last = TuningReport(step=40, steps=40, loss=0.5, result=result, eta_seconds=0)
    start_pod(world, state=ended(0, to_ending(last), "Completed"))
    end_job(world, "Complete")
    settled(world)
    assert state(world) == "Succeeded"
    assert condition(world, "WorkspaceSucceeded").message == f"the adapter is in {result}"
    said = world.observe().workspace.status.tuning
    assert said is not None
    assert (said.phase, said.result, said.eta_seconds) == ("Done", result, 0)
    assert not [name for name, _ in world.objects if name == str(NODECLAIMS)]


def test_work_that_is_done_is_not_repeated_even_without_its_job() -> None:
    world = tuned_world()
    start_pod(world, state=ended(0, to_ending(TuningReport(result="r"))))
    end_job(world, "Complete")
    settled(world)
    del world.objects[(str(JOBS), KEY)]
    del world.objects[(str(PODS), Key("default", "w-abcde"))]
    settled(world)
    assert (str(JOBS), KEY) not in world.objects
    assert state(world) == "Succeeded"
    live = world.objects[(str(WORKSPACES), KEY)]
    live["tuning"] = {**TUNING, "output": {**TUNING["output"], "imagePushSecret": "other"}}
    settled(world)
    assert state(world) == "Succeeded"
    live["tuning"] = {**TUNING, "input": {"urls": [f"{URL}.gz"]}}
    world.carry_out(world.decide())
    assert state(world) == "Pending"


def succeeded(world: World) -> World:
    start_pod(world, state=ended(0, to_ending(TuningReport(step=9, steps=9, result="r"))))
    end_job(world, "Complete")
    return settled(world)


def test_work_that_is_done_stays_done_while_its_job_is_being_deleted() -> None:
    world = succeeded(tuned_world())
    job_of(world)["metadata"]["deletionTimestamp"] = "2026-05-01T12:00:00Z"
    before = world.observe().workspace.status
    settled(world)
    assert world.observe().workspace.status == before
    assert before.state == "Succeeded"
    assert not [name for name, _ in world.objects if name == str(NODECLAIMS)]
    del world.objects[(str(JOBS), KEY)]
    settled(world)
    assert world.observe().workspace.status == before


def test_work_that_was_given_up_for_another_is_done_again_when_it_is_asked_for_again() -> None:
    world = succeeded(tuned_world())
    live = world.objects[(str(WORKSPACES), KEY)]
    live["tuning"] = {**TUNING, "input": {"urls": [f"{URL}.gz"]}}
    going = job_of(world)
    world.carry_out(world.decide())
    going["metadata"]["deletionTimestamp"] = "2026-05-01T12:00:00Z"
    world.put(JOBS, going)
    live["tuning"] = TUNING
    settled(world)
    assert condition(world, "WorkspaceSucceeded").status == "False"
    del world.objects[(str(JOBS), KEY)]
    del world.objects[(str(PODS), Key("default", "w-abcde"))]
    settled(world).launch()
    settled(world)
    assert "JobReplaced" in str(world.events)
    assert f"--url={URL}'" in str(job_of(world))
    assert state(world) == "Pending"


def test_settings_that_are_deleted_while_it_trains_change_nothing_for_the_trainer() -> None:
    world, settings = configured_world()
    start_pod(world, **RUNNING)
    settled(world)
    job = job_of(world)
    del world.objects[settings]
    settled(world)
    assert job_of(world) == job
    assert (state(world), world.ready[1]) == ("Running", "Tuning")
    end_job(world, "Complete")
    settled(world)
    assert state(world) == "Succeeded"


def test_a_job_that_runs_is_not_refused_for_a_later_release_reckons_with_more_memory() -> None:
    world = tuned_world()
    start_pod(world, **RUNNING)
    settled(world)
    job = job_of(world)
    world.settings = replace(
        world.settings, tuning_planner=lambda _: Refusal(INSUFFICIENT_MEMORY, "does not fit")
    )
    settled(world)
    assert (state(world), world.ready[1]) == ("Running", "Tuning")
    live = world.objects[(str(WORKSPACES), KEY)]
    live["metadata"]["generation"] = 2
    live["tuning"] = {**TUNING, "input": {"urls": [f"{URL}.gz"]}}
    settled(world)
    settled(world)
    assert world.ready[1] == INSUFFICIENT_MEMORY
    assert job_of(world) == job


def test_a_new_pod_or_an_edit_needs_the_settings_that_are_gone() -> None:
    world, settings = configured_world()
    start_pod(world, **RUNNING)
    settled(world)
    del world.objects[settings]
    settled(world)
    workspace = world.objects[(str(WORKSPACES), KEY)]
    workspace["metadata"]["generation"] = 2
    workspace["tuning"]["input"] = {"urls": ["https://example.com/other.jsonl"]}
    settled(world)
    assert world.ready[1] == "ConfigNotFound"
    assert (str(JOBS), KEY) in world.objects


def test_settings_that_are_deleted_after_success_undo_nothing_until_something_is_edited() -> None:
    world, where = configured_world()
    succeeded(world)
    before = world.observe().workspace.status
    assert before.state == "Succeeded"
    settings = world.objects.pop(where)
    settled(world)
    assert world.observe().workspace.status == before
    del world.objects[(str(JOBS), KEY)]
    settled(world)
    world.put(CONFIGMAPS, settings)
    settled(world)
    assert world.observe().workspace.status == before
    del world.objects[(str(CONFIGMAPS), Key("default", "mine"))]
    live = world.objects[(str(WORKSPACES), KEY)]
    live["metadata"]["generation"] = 2
    settled(world)
    assert world.ready[1] == "ConfigNotFound"


@pytest.mark.parametrize(("code", "reason"), [(65, "InvalidData"), (78, "InvalidTrainingConfig")])
def test_what_only_an_edit_can_mend_is_a_failure_at_once(code: int, reason: str) -> None:
    world = tuned_world()
    start_pod(
        world, state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=ended(code, CAUSE)
    )
    settled(world)
    assert state(world) == "Failed"
    assert condition(world, "WorkspaceSucceeded").reason == reason
    assert condition(world, "WorkspaceSucceeded").message == CAUSE
    assert condition(world, "JobStarted").reason == "WorkspaceTuningJobStatusFailed"


def test_a_job_that_tries_again_is_running_and_says_why_it_does() -> None:
    world = tuned_world()
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    start_pod(world, restarts=2, state=waiting, lastState=ended(69, CAUSE))
    settled(world)
    assert state(world) == "Running"
    assert world.ready[1:] == ("SourceUnavailable", f"{CAUSE}; try 3 of 7 follows")
    assert condition(world, "WorkspaceSucceeded").reason == "workspacePending"
    start_pod(world, restarts=3, **RUNNING, lastState=ended(69, CAUSE))
    settled(world)
    assert world.ready[1:] == ("SourceUnavailable", f"{CAUSE}; try 4 of 7 runs")
    report(world, PodReport(program="tuning", stages=(StageReport(name="preflight"),)))
    settled(world)
    assert world.ready[1:] == ("SourceUnavailable", f"{CAUSE}; try 4 of 7 runs")
    report(world, PodReport(program="tuning", stages=(StageReport(name="train"),)))
    settled(world)
    assert world.ready[1:] == ("Tuning", f"the trainer runs again, try 4: before, {CAUSE}")
    said = world.observe().workspace.status.tuning
    assert said is not None
    assert said.restarts == 3


def test_what_only_an_edit_can_mend_stays_a_failure_while_the_job_tries_in_vain() -> None:
    world = tuned_world()
    start_pod(world, restarts=1, **RUNNING, lastState=ended(65, CAUSE))
    settled(world)
    assert (state(world), world.ready[1:]) == ("Failed", ("InvalidData", CAUSE))
    report(world, PodReport(program="tuning", stages=(StageReport(name="load"),)))
    settled(world)
    assert (state(world), world.ready[1]) == ("Running", "Tuning")


def test_a_trainer_that_was_killed_for_memory_says_what_would_need_less() -> None:
    world = tuned_world()
    start_pod(world, restarts=1, state=ended(137, reason="OOMKilled"))
    settled(world)
    assert world.ready[1] == "ContainerOOMKilled"
    assert "; gradient_checkpointing: true would fit; set it in training" in world.ready[2]
    start_pod(world, restarts=2, state=ended(137, "process 2 of 2 was ended", "OOMKilled"))
    settled(world)
    assert world.ready[2].startswith(
        "process 2 of 2 was ended; gradient_checkpointing: true would fit; "
    )


def test_memory_that_ran_out_is_told_until_the_trainer_has_come_beyond_its_first_step() -> None:
    world = tuned_world()
    start_pod(world, restarts=1, **RUNNING, lastState=ended(137, reason="OOMKilled"))
    for said in (None, TuningReport(step=0, steps=9), TuningReport(step=1, steps=9)):
        if said is not None:
            stages = (StageReport(name="train"),)
            report(world, PodReport(program="tuning", stages=stages, tuning=said))
        settled(world)
        is_news = said is not None and said.step > 0
        assert world.ready[1] == ("Tuning" if is_news else "ContainerOOMKilled")
        assert "gradient_checkpointing: true would fit; set it in training" in world.ready[2]
    assert world.ready[2].startswith("the trainer runs again, try 2: before, pod w-abcde: ")


def test_the_cause_outlives_the_pod_of_a_job_that_was_given_up() -> None:
    world = tuned_world()
    start_pod(world, restarts=6, state={"waiting": {}}, lastState=ended(69, CAUSE))
    settled(world)
    del world.objects[(str(PODS), Key("default", "w-abcde"))]
    end_job(world, "Failed", "Job has reached the specified backoff limit")
    settled(world)
    assert state(world) == "Failed"
    found = condition(world, "WorkspaceSucceeded")
    assert (found.reason, found.message) == ("SourceUnavailable", CAUSE)


def test_a_job_that_is_given_up_while_its_pod_ends_is_failed_already() -> None:
    world = tuned_world()
    start_pod(world, restarts=6, state={"waiting": {}}, lastState=ended(69, CAUSE))
    pod = world.objects[(str(PODS), Key("default", "w-abcde"))]
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    end_job(world, "FailureTarget", "Job has reached the specified backoff limit")
    settled(world)
    found = condition(world, "WorkspaceSucceeded")
    assert (found.reason, found.message) == ("SourceUnavailable", CAUSE)


def test_other_data_makes_the_job_anew_and_never_two_at_once() -> None:
    world = tuned_world()
    start_pod(world, **RUNNING)
    settled(world)
    live = world.objects[(str(WORKSPACES), KEY)]
    live["tuning"] = {**TUNING, "input": {"urls": [f"{URL}.gz"]}}
    deletes = [a for a in world.decide().actions if isinstance(a, Delete)]
    assert [(d.resource, d.propagation, d.uid) for d in deletes] == [(JOBS, "Foreground", "j1")]
    job_of(world)["metadata"]["deletionTimestamp"] = "2026-05-01T12:00:00Z"
    assert not world.decide().actions
    del world.objects[(str(JOBS), KEY)]
    assert not [a for a in world.decide().actions if isinstance(a, Create)], "its pod still runs"
    del world.objects[(str(PODS), Key("default", "w-abcde"))]
    settled(world)
    assert f"--url={URL}.gz" in str(job_of(world))


@pytest.mark.parametrize("change", [{"metadata": {"generation": 2}}, {"method": "qlora"}])
def test_a_job_is_left_alone_when_nothing_it_depends_on_changes(change: Manifest) -> None:
    world = tuned_world()
    start_pod(world, **RUNNING)
    settled(world)
    live = world.objects[(str(WORKSPACES), KEY)]
    live["metadata"] = {**live["metadata"], **change.get("metadata", {})}
    live["tuning"] = {**TUNING, "method": change.get("method", TUNING["method"])}
    assert not world.decide().actions


def test_a_job_of_somebody_else_is_neither_taken_nor_deleted() -> None:
    world = settled(new_world(tuning=TUNING))
    world.put(JOBS, {"metadata": {"name": "w", "namespace": "default", "uid": "other"}})
    world.launch()
    settled(world)
    assert world.ready[1] == "NameConflict"
    assert job_of(world)["metadata"]["uid"] == "other"


def test_a_config_that_is_missing_asks_for_no_node_and_kaitos_own_are_our_defaults() -> None:
    world = settled(new_world(tuning={**TUNING, "config": "mine"}))
    assert world.ready[1] == "ConfigNotFound"
    assert not [name for name, _ in world.objects if name == str(NODECLAIMS)]
    job = job_of(tuned_world(config="qlora-params-template"))
    assert "--config-file" not in str(job)


CONFIG = "training_config:\n  QuantizationConfig: {load_in_4bit: true}\n"


def test_the_settings_decide_where_results_go_and_their_edit_trains_anew() -> None:
    world = new_world(tuning={**TUNING, "config": "mine"})
    text = (
        f"{CONFIG}  TrainingArguments: {{output_dir: /mnt/out, per_device_train_batch_size: 1}}\n"
    )
    meta = {"name": "mine", "namespace": "default"}
    world.put(CONFIGMAPS, {"metadata": meta, "data": {"training_config.yaml": text}})
    settled(world)
    world.launch()
    settled(world)
    assert "--results=/mnt/out" in str(job_of(world))
    before = job_of(world)["metadata"]["annotations"][labels.TUNING_HASH]
    world.put(CONFIGMAPS, {"metadata": meta, "data": {"training_config.yaml": CONFIG}})
    settled(world)
    assert job_of(world)["metadata"]["annotations"][labels.TUNING_HASH] != before
    assert "--results" not in str(job_of(world))


def test_a_wrong_config_is_refused_with_the_name_that_was_meant() -> None:
    world = new_world(tuning={**TUNING, "config": "mine"})
    text = f"{CONFIG}  LoraConfig: {{lora_alpa: 8}}\n"
    meta = {"name": "mine", "namespace": "default"}
    world.put(CONFIGMAPS, {"metadata": meta, "data": {"training_config.yaml": text}})
    settled(world)
    assert world.ready[1] == "InvalidConfig"
    assert "lora_alpha" in world.ready[2]


def test_a_model_that_does_not_fit_is_refused_with_what_would() -> None:
    tuning = {**TUNING, "preset": {"name": "phi-4"}, "method": "full"}
    world = settled(new_world(IN_CLUSTER, tuning=tuning))
    assert world.ready[1] == "InsufficientMemory"
    assert "cheapest that fits: " in world.ready[2]
    assert state(world) == "Failed"
    assert not [name for name, _ in world.objects if name == str(NODECLAIMS)]


def test_the_record_is_kept_beyond_the_pod_and_written_only_for_news() -> None:
    world = tuned_world()
    start_pod(world, **RUNNING)
    first = TuningRecord(state="Training", progress=TuningReport(step=1))
    report(world, PodReport(program="tuning", record=first.to_json().decode()))
    settled(world)
    where = (str(CONFIGMAPS), Key("default", "w-tuning-report"))
    assert TuningRecord.__name__
    assert '"step": 1' in world.objects[where]["data"][REPORT_FILE]
    second = TuningRecord(state="Training", progress=TuningReport(step=2))
    report(world, PodReport(program="tuning", record=second.to_json().decode()))
    assert not world.decide().actions
    third = TuningRecord(state="Done", progress=TuningReport(step=3))
    report(world, PodReport(program="tuning", record=third.to_json().decode()))
    settled(world)
    assert '"step": 3' in world.objects[where]["data"][REPORT_FILE]


def test_deletion_takes_the_job_before_its_nodes() -> None:
    world = tuned_world()
    start_pod(world, **RUNNING)
    live = world.objects[(str(WORKSPACES), KEY)]
    live["metadata"]["deletionTimestamp"] = "2026-05-01T12:00:00Z"
    (first,) = world.decide().actions
    assert isinstance(first, Delete)
    assert first.resource == JOBS


def test_a_status_that_says_less_removes_what_it_said() -> None:
    world = tuned_world()
    start_pod(world, **RUNNING)
    report(world, PodReport(program="tuning", tuning=TuningReport(step=7, steps=9, loss=2.0)))
    settled(world)
    live = world.objects[(str(WORKSPACES), KEY)]
    live["tuning"] = {**TUNING, "input": {"urls": [f"{URL}.gz"]}}
    for kind in (PODS, REPORTS):
        del world.objects[(str(kind), Key("default", "w-abcde"))]
    del world.objects[(str(JOBS), KEY)]
    decision = world.decide()
    assert decision.status is not None
    assert decision.status.status["tuning"]["loss"] is None
    assert msgspec.convert(live, Workspace).tuning is not None
