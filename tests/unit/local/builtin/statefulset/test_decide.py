"""StatefulSet decisions, alone and as passes over a world."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.local.builtin.world import World

from kaito.api import labels
from kaito.api.core import PODS, STATEFULSETS, Pod
from kaito.api.meta import Key, Manifest
from kaito.kube.controller.decision import Create, Decision, Delete
from kaito.local.builtin.kinds import CLAIMS, CONTROLLER_REVISIONS
from kaito.local.builtin.statefulset.controller import StatefulSetController

WEB = Key("default", "web")
CONTROLLER = StatefulSetController()


def statefulset(replicas: int, **spec: object) -> Manifest:
    return {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "serviceName": "inner",
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("x"),
            **spec,
        },
    }


def template(image: str) -> Manifest:
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": image}]},
    }


async def settled(replicas: int, **spec: object) -> World:
    world = World()
    world.put(STATEFULSETS, statefulset(replicas, **spec))
    await world.settle(CONTROLLER, WEB)
    return world


def change_image(world: World, image: str) -> None:
    world.edit(STATEFULSETS, WEB, {"spec": {"template": template(image)}})


def images(world: World) -> list[str]:
    return [pod.spec.containers[0].image for pod in world.all(PODS)]


def names(world: World) -> list[str]:
    return [pod.metadata.name for pod in world.all(PODS)]


def touched(decision: Decision) -> list[str]:
    """What a decision creates or deletes among pods."""
    found = []
    for action in decision.actions:
        if isinstance(action, Create) and action.resource is PODS:
            found.append("+" + action.manifest["metadata"]["name"])
        if isinstance(action, Delete):
            found.append("-" + action.key.name)
    return found


def going(world: World, pod: Pod) -> None:
    world.edit(PODS, pod.key, {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})


async def test_pods_are_made_one_after_the_other() -> None:
    world = World()
    world.put(STATEFULSETS, statefulset(2))

    assert touched(await world.step(CONTROLLER, WEB)) == ["+web-0"]
    assert touched(await world.step(CONTROLLER, WEB)) == []
    world.run_pods()
    assert touched(await world.step(CONTROLLER, WEB)) == ["+web-1"]


async def test_parallel_pods_are_made_at_once() -> None:
    world = World()
    world.put(STATEFULSETS, statefulset(2, podManagementPolicy="Parallel"))

    assert touched(await world.step(CONTROLLER, WEB)) == ["+web-0", "+web-1"]


async def test_a_pod_carries_its_identity() -> None:
    world = await settled(1)

    (pod,) = world.all(PODS)
    status = world.get(STATEFULSETS, WEB).status
    assert pod.metadata.labels == {
        "app": "web",
        labels.POD_NAME: "web-0",
        labels.POD_INDEX: "0",
        "controller-revision-hash": status.update_revision,
    }
    assert (pod.spec.hostname, pod.spec.subdomain) == ("web-0", "inner")


async def test_the_status_says_when_everything_is_up_to_date() -> None:
    world = await settled(3)

    found = world.get(STATEFULSETS, WEB)
    status = found.status
    assert status.observed_generation == found.metadata.generation
    assert (status.replicas, status.ready_replicas, status.available_replicas) == (3, 3, 3)
    assert (status.current_replicas, status.updated_replicas) == (3, 3)
    assert status.current_revision == status.update_revision != ""


async def test_surplus_pods_go_from_above_one_at_a_time() -> None:
    world = await settled(3)
    world.edit(STATEFULSETS, WEB, {"spec": {"replicas": 1}})

    assert touched(await world.step(CONTROLLER, WEB)) == ["-web-2"]
    assert touched(await world.step(CONTROLLER, WEB)) == []
    world.run_pods()
    assert touched(await world.step(CONTROLLER, WEB)) == ["-web-1"]


async def test_an_update_goes_from_above_and_waits_for_each_pod() -> None:
    world = await settled(2)
    change_image(world, "y")

    assert touched(await world.step(CONTROLLER, WEB)) == ["-web-1"]
    world.run_pods()
    assert touched(await world.step(CONTROLLER, WEB)) == ["+web-1"]
    assert touched(await world.step(CONTROLLER, WEB)) == []
    world.run_pods()
    assert touched(await world.step(CONTROLLER, WEB)) == ["-web-0"]
    await world.settle(CONTROLLER, WEB)
    assert images(world) == ["y", "y"]


async def test_until_an_update_is_complete_the_status_names_both_revisions() -> None:
    world = await settled(2)
    before = world.get(STATEFULSETS, WEB).status.current_revision
    change_image(world, "y")
    await world.step(CONTROLLER, WEB)

    status = world.get(STATEFULSETS, WEB).status
    assert status.current_revision == before != status.update_revision

    await world.settle(CONTROLLER, WEB)
    status = world.get(STATEFULSETS, WEB).status
    assert status.current_revision == status.update_revision != before


async def test_a_partition_keeps_the_pods_below_it_on_the_old_template() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    world = await settled(2, updateStrategy=strategy)
    change_image(world, "y")
    await world.settle(CONTROLLER, WEB)
    assert images(world) == ["x", "y"]

    world.remove(PODS, Key("default", "web-0"))
    await world.settle(CONTROLLER, WEB)

    assert images(world) == ["x", "y"]


async def test_on_delete_replaces_only_what_somebody_deletes() -> None:
    world = await settled(2, updateStrategy={"type": "OnDelete"})
    change_image(world, "y")
    await world.settle(CONTROLLER, WEB)
    assert images(world) == ["x", "x"]

    world.remove(PODS, Key("default", "web-1"))
    await world.settle(CONTROLLER, WEB)

    assert images(world) == ["x", "y"]


async def test_a_corrected_template_replaces_a_pod_that_never_became_ready() -> None:
    world = World()
    world.put(STATEFULSETS, statefulset(1))
    await world.step(CONTROLLER, WEB)
    world.report(world.all(PODS)[0], "Running", ready=False)

    change_image(world, "y")
    await world.settle(CONTROLLER, WEB)

    assert images(world) == ["y"]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
async def test_a_pod_that_has_ended_is_made_again(phase: str) -> None:
    world = await settled(1)
    before = world.all(PODS)[0]
    world.report(before, phase, ready=False)

    await world.settle(CONTROLLER, WEB)

    (after,) = world.all(PODS)
    assert after.metadata.name == before.metadata.name
    assert after.metadata.uid != before.metadata.uid


async def test_nothing_is_done_about_a_pod_that_is_still_going() -> None:
    world = await settled(2)
    going(world, world.all(PODS)[0])

    assert touched(await world.step(CONTROLLER, WEB)) == []


async def test_claims_are_made_before_the_pod_and_only_once() -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    world = World()
    world.put(STATEFULSETS, statefulset(1, volumeClaimTemplates=[claim]))

    decision = await world.step(CONTROLLER, WEB)

    kinds = [a.resource.kind for a in decision.actions if isinstance(a, Create)]
    assert kinds == ["ControllerRevision", "PersistentVolumeClaim", "Pod"]
    (pod,) = world.all(PODS)
    volumes = world.manifest(PODS, pod.key)["spec"]["volumes"]
    assert volumes == [{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}}]

    world.remove(PODS, pod.key)
    again = await world.step(CONTROLLER, WEB)
    assert "PersistentVolumeClaim" not in [
        a.resource.kind for a in again.actions if isinstance(a, Create)
    ]
    assert len(world.all(CLAIMS)) == 1


async def test_going_back_numbers_the_old_revision_anew() -> None:
    world = await settled(1)
    change_image(world, "y")
    await world.settle(CONTROLLER, WEB)
    change_image(world, "x")
    await world.settle(CONTROLLER, WEB)

    revisions = world.all(CONTROLLER_REVISIONS)
    assert len(revisions) == 2
    newest = max(revisions, key=lambda r: r.revision)
    assert newest.metadata.name == world.get(STATEFULSETS, WEB).status.update_revision
    assert newest.revision == 3


async def test_only_so_many_unused_revisions_are_kept() -> None:
    world = await settled(1, revisionHistoryLimit=1)
    for image in "abc":
        change_image(world, image)
        await world.settle(CONTROLLER, WEB)

    assert sorted(r.revision for r in world.all(CONTROLLER_REVISIONS)) == [3, 4]


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(["OrderedReady", "Parallel"]), st.data())
async def test_any_history_ends_with_the_wanted_pods(policy: str, data: st.DataObject) -> None:
    world = await settled(2, podManagementPolicy=policy)
    for _ in range(data.draw(st.integers(0, 4))):
        outdated = world.reader()
        match data.draw(st.sampled_from(["scale", "image", "fail", "lose", "pass"])):
            case "scale":
                size = data.draw(st.integers(0, 4))
                world.edit(STATEFULSETS, WEB, {"spec": {"replicas": size}})
            case "image":
                change_image(world, data.draw(st.sampled_from("xyz")))
            case "fail" if pods := world.all(PODS):
                world.report(data.draw(st.sampled_from(pods)), "Failed", ready=False)
            case "lose" if pods := world.all(PODS):
                going(world, data.draw(st.sampled_from(pods)))
        await world.step(CONTROLLER, WEB, outdated if data.draw(st.booleans()) else None)

    await world.settle(CONTROLLER, WEB)

    spec = world.get(STATEFULSETS, WEB).spec
    assert names(world) == [f"web-{n}" for n in range(spec.replicas)]
    assert set(images(world)) <= {spec.template.spec["containers"][0]["image"]}
    decision = await world.step(CONTROLLER, WEB)
    assert not decision.actions
    assert decision.status is None
