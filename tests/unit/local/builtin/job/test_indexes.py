"""Indexed Jobs as passes over a world: one pod a number, each told which it is."""

import pytest
from tests.unit.local.builtin.world import World

from kaito.api import labels
from kaito.api.core import JOBS, PODS, JobStatus, Pod
from kaito.api.meta import Key, Manifest
from kaito.local.builtin.job.controller import JobController
from kaito.local.builtin.job.indexes import index_of, parse_text, to_text

WORK = Key("default", "work")
CONTROLLER = JobController()


def started(**spec: object) -> World:
    world = World()
    template: Manifest = {
        "metadata": {"labels": {"job-name": "work"}, "annotations": {"its": "own"}},
        "spec": {
            "restartPolicy": "Never",
            "subdomain": "group",
            "initContainers": [{"name": "first", "image": "x", "env": [{"name": "A"}]}],
            "containers": [
                {"name": "main", "image": "x"},
                {"name": "side", "env": [{"name": "JOB_COMPLETION_INDEX", "value": "mine"}]},
            ],
        },
    }
    manifest = {
        "metadata": {"name": "work", "namespace": "default"},
        "spec": {
            "completionMode": "Indexed",
            "completions": 3,
            "parallelism": 3,
            "template": template,
            **spec,
        },
    }
    world.put(JOBS, manifest)
    return world


async def step(world: World) -> None:
    await world.step(CONTROLLER, WORK)


def running(world: World) -> dict[int, Pod]:
    """Pods that have not ended, by their number; two of one number are a failure."""
    pods = [pod for pod in world.all(PODS) if not pod.is_finished]
    found = {index: pod for pod in pods if (index := index_of(pod)) is not None}
    assert len(found) == len(pods)
    return found


def end(world: World, index: int, phase: str) -> None:
    world.report(running(world)[index], phase, ready=False)


def status(world: World) -> JobStatus:
    return world.get(JOBS, WORK).status


async def test_all_numbers_start_at_once_and_each_pod_knows_its_own() -> None:
    world = started()
    await step(world)

    assert sorted(running(world)) == [0, 1, 2]
    pod = running(world)[2]
    assert pod.metadata.name.startswith("work-2-")
    assert (pod.spec.hostname, pod.spec.subdomain) == ("work-2", "group")
    assert pod.metadata.labels[labels.COMPLETION_INDEX] == "2"
    assert pod.metadata.annotations == {labels.COMPLETION_INDEX: "2", "its": "own"}


async def test_every_container_is_told_the_number_unless_it_says_it_itself() -> None:
    world = started()
    await step(world)

    spec = world.manifest(PODS, running(world)[1].key)["spec"]
    path = f"metadata.annotations['{labels.COMPLETION_INDEX}']"
    told = {"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {"fieldPath": path}}}
    assert spec["initContainers"][0]["env"] == [{"name": "A"}, told]
    assert spec["containers"][0]["env"] == [told]
    assert spec["containers"][1]["env"] == [{"name": "JOB_COMPLETION_INDEX", "value": "mine"}]


async def test_a_failed_pod_is_followed_by_one_of_the_same_number() -> None:
    world = started()
    await step(world)
    before = running(world)[1].metadata.name
    end(world, 1, "Failed")
    await step(world)
    assert sorted(running(world)) == [0, 2]
    world.wait(10)
    await step(world)

    assert sorted(running(world)) == [0, 1, 2]
    assert running(world)[1].metadata.name != before
    assert status(world).failed == 1


async def test_a_number_that_is_going_away_gets_no_second_pod_meanwhile() -> None:
    world = started()
    await step(world)
    world.run_pods()
    world.delete(PODS, running(world)[1].key)
    await step(world)
    assert sorted(running(world)) == [0, 1, 2]

    world.run_pods()
    await step(world)

    assert sorted(running(world)) == [0, 1, 2]
    assert not running(world)[1].metadata.is_deleting


async def test_each_number_has_to_succeed_once_and_is_remembered_without_its_pod() -> None:
    world = started(parallelism=2)
    await step(world)
    assert sorted(running(world)) == [0, 1]
    end(world, 1, "Succeeded")
    await step(world)
    assert sorted(running(world)) == [0, 2]
    assert (status(world).completed_indexes, status(world).succeeded) == ("1", 1)

    gone = next(pod for pod in world.all(PODS) if pod.is_finished)
    world.remove(PODS, gone.key)
    end(world, 0, "Succeeded")
    await step(world)
    assert sorted(running(world)) == [2]
    end(world, 2, "Succeeded")
    await step(world)

    assert status(world).completed_indexes == "0-2"
    assert {c.type for c in status(world).conditions if c.is_true} >= {"Complete"}


async def test_pods_without_a_number_or_beyond_the_last_one_are_surplus() -> None:
    world = started()
    await step(world)
    world.edit(JOBS, WORK, {"spec": {"completions": 2, "parallelism": 2}})
    world.edit(
        PODS,
        running(world)[0].key,
        {"metadata": {"annotations": {labels.COMPLETION_INDEX: "none"}}},
    )
    await step(world)
    world.run_pods()
    await step(world)

    assert sorted(running(world)) == [0, 1]


async def test_deciding_again_on_an_outdated_reading_makes_no_further_pods() -> None:
    world = started()
    outdated = world.reader()

    await world.step(CONTROLLER, WORK, outdated)
    await world.step(CONTROLLER, WORK, outdated)

    assert len(world.all(PODS)) == 3


@pytest.mark.parametrize(
    ("indexes", "text"),
    [((), ""), ((3,), "3"), ((1, 3, 4, 5, 7), "1,3-5,7"), ((0, 1), "0,1"), ((9, 10, 11), "9-11")],
)
def test_numbers_are_told_in_ranges_and_read_again(indexes: tuple[int, ...], text: str) -> None:
    assert to_text(indexes) == text
    assert parse_text(text) == frozenset(indexes)
