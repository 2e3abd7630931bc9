"""Job decisions as passes over a world."""

from tests.unit.local.builtin.world import World

from kaito.api.core import JOBS, PODS, JobStatus, Pod
from kaito.api.meta import Key, Manifest
from kaito.local.builtin.job.controller import JobController
from kaito.local.builtin.status import find_condition

WORK = Key("default", "work")
CONTROLLER = JobController()


def started(**spec: object) -> World:
    world = World()
    template: Manifest = {
        "metadata": {"labels": {"job-name": "work"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x"}]},
    }
    manifest = {
        "metadata": {"name": "work", "namespace": "default"},
        "spec": {"completions": 1, "template": template, **spec},
    }
    world.put(JOBS, manifest)
    return world


async def step(world: World) -> None:
    await world.step(CONTROLLER, WORK)


def running(world: World) -> tuple[Pod, ...]:
    return tuple(pod for pod in world.all(PODS) if not pod.is_finished)


def end(world: World, phase: str) -> None:
    """End the oldest pod that still runs."""
    world.report(running(world)[0], phase, ready=False)


def status(world: World) -> JobStatus:
    return world.get(JOBS, WORK).status


def reasons(world: World) -> dict[str, str]:
    return {c.type: c.reason for c in status(world).conditions if c.is_true}


async def test_a_job_is_complete_when_enough_pods_have_succeeded() -> None:
    world = started(completions=2, parallelism=1)
    for _ in range(2):
        await step(world)
        assert len(running(world)) == 1
        end(world, "Succeeded")
    await step(world)

    assert reasons(world) == {
        "SuccessCriteriaMet": "CompletionsReached",
        "Complete": "CompletionsReached",
    }
    assert (status(world).succeeded, status(world).active) == (2, 0)
    assert status(world).completion_time == world.now
    assert [n.reason for n in world.notes] == ["SuccessfulCreate"] * 2 + ["Completed"]


async def test_no_more_pods_run_at_a_time_than_asked_for_or_still_needed() -> None:
    world = started(completions=3, parallelism=2)
    await step(world)
    assert len(running(world)) == 2

    end(world, "Succeeded")
    end(world, "Succeeded")
    await step(world)

    assert len(running(world)) == 1


async def test_without_a_number_one_success_ends_the_work() -> None:
    world = started(completions=None, parallelism=2)
    await step(world)
    end(world, "Succeeded")
    await step(world)
    assert len(running(world)) == 1
    assert "Complete" not in reasons(world)

    end(world, "Succeeded")
    await step(world)

    assert "Complete" in reasons(world)


async def test_a_failed_pod_is_followed_by_another_after_a_growing_pause() -> None:
    world = started()
    for pause in (10, 20):
        await step(world)
        end(world, "Failed")
        decision = await world.step(CONTROLLER, WORK)
        assert decision.requeue_after == pause
        assert not running(world)
        world.wait(pause)
    await step(world)

    assert len(running(world)) == 1
    assert status(world).failed == 2


async def test_too_many_failures_end_the_job_with_the_reason() -> None:
    world = started(backoffLimit=0)
    await step(world)
    end(world, "Failed")
    await step(world)

    assert reasons(world)["Failed"] == "BackoffLimitExceeded"
    assert world.notes[-1].message == "Job has reached the specified backoff limit"
    assert world.notes[-1].type == "Warning"


async def test_restarts_inside_a_pod_count_as_failures() -> None:
    world = started(backoffLimit=2)
    world.edit(JOBS, WORK, {"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}}})
    await step(world)
    (pod,) = running(world)
    states = [{"name": "main", "restartCount": 2}]
    world.edit(PODS, pod.key, {"status": {"containerStatuses": states}})
    await step(world)

    assert reasons(world)["FailureTarget"] == "BackoffLimitExceeded"


async def test_a_job_past_its_deadline_stops_its_pods_before_it_is_failed() -> None:
    world = started(activeDeadlineSeconds=60)
    decision = await world.step(CONTROLLER, WORK)
    world.run_pods()
    decision = await world.step(CONTROLLER, WORK)
    assert decision.requeue_after == 60

    world.wait(60)
    await step(world)
    assert reasons(world) == {"FailureTarget": "DeadlineExceeded"}
    world.run_pods()
    await step(world)

    assert reasons(world)["Failed"] == "DeadlineExceeded"
    assert not world.all(PODS)


async def test_an_ended_job_goes_when_its_time_to_live_is_over() -> None:
    world = started(ttlSecondsAfterFinished=30)
    await step(world)
    end(world, "Succeeded")
    await step(world)
    decision = await world.step(CONTROLLER, WORK)
    assert decision.requeue_after == 30

    world.wait(30)
    await step(world)

    assert not world.all(JOBS)


async def test_a_suspended_job_runs_nothing_and_forgets_when_it_began() -> None:
    world = started(suspend=True)
    await step(world)
    assert not world.all(PODS)
    assert status(world).start_time is None

    world.edit(JOBS, WORK, {"spec": {"suspend": False}})
    world.wait(5)
    await step(world)

    suspended = find_condition(status(world).conditions, "Suspended")
    assert suspended is not None
    assert suspended.status == "False"
    assert status(world).start_time == world.now
    assert len(running(world)) == 1
    assert [n.reason for n in world.notes] == ["Suspended", "SuccessfulCreate", "Resumed"]


async def test_a_pod_that_a_suspension_ended_counts_as_failed_once() -> None:
    world = started()
    await step(world)
    (pod,) = running(world)
    world.edit(PODS, pod.key, {"spec": {"nodeName": "here"}})
    world.edit(JOBS, WORK, {"spec": {"suspend": True}})
    for _ in range(2):
        await step(world)  # the pod still runs
    assert status(world).failed == 1
    world.remove(PODS, pod.key)
    await step(world)
    assert (status(world).failed, reasons(world)) == (1, {"Suspended": "JobSuspended"})


async def test_deciding_again_on_an_outdated_reading_makes_no_further_pods() -> None:
    world = started(completions=4, parallelism=3)
    outdated = world.reader()

    await world.step(CONTROLLER, WORK, outdated)
    await world.step(CONTROLLER, WORK, outdated)

    assert len(world.all(PODS)) == 3


async def test_a_success_counts_even_after_somebody_deleted_its_pod() -> None:
    world = started()
    await step(world)
    end(world, "Succeeded")
    await step(world)
    world.remove(PODS, world.all(PODS)[0].key)

    decision = await world.step(CONTROLLER, WORK)

    assert not decision.actions
    assert status(world).succeeded == 1


async def test_a_rule_of_success_ends_the_job_and_the_pods_that_are_left() -> None:
    rule = {"rules": [{"succeededIndexes": "0"}]}
    world = started(completions=3, parallelism=3, completionMode="Indexed", successPolicy=rule)
    await step(world)
    end(world, "Succeeded")
    await step(world)

    assert status(world).completed_indexes == "0"
    assert reasons(world)["SuccessCriteriaMet"] == "SuccessPolicy"
    await step(world)
    assert not running(world)
    assert reasons(world)["Complete"] == "SuccessPolicy"


async def test_a_number_that_no_rule_names_is_not_success_enough() -> None:
    rule = {"rules": [{"succeededIndexes": "1-2", "succeededCount": 2}]}
    world = started(completions=3, parallelism=3, completionMode="Indexed", successPolicy=rule)
    await step(world)
    end(world, "Succeeded")
    await step(world)
    assert "SuccessCriteriaMet" not in reasons(world)
    end(world, "Succeeded")
    end(world, "Succeeded")
    await step(world)
    assert reasons(world)["SuccessCriteriaMet"] == "SuccessPolicy"
