"""Deployment decisions together with the ReplicaSets that they move."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.local.builtin.world import World

from kaito.api.core import PODS
from kaito.api.meta import Key, Manifest
from kaito.local.builtin.deployment.controller import DeploymentController
from kaito.local.builtin.kinds import DEPLOYMENTS, REPLICASETS, Deployment
from kaito.local.builtin.replicaset import ReplicaSetController
from kaito.local.builtin.status import find_condition

WEB = Key("default", "web")
CONTROLLER = DeploymentController()
BELOW = ReplicaSetController()


def deployment(replicas: int, **spec: object) -> Manifest:
    return {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
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


class Rollout:
    """A Deployment in a world, its ReplicaSets looked after, with the bounds watched."""

    def __init__(self, replicas: int, **spec: object) -> None:
        self.world = World()
        self.world.put(DEPLOYMENTS, deployment(replicas, **spec))
        self.most_pods = 0
        self.least_ready: int | None = None

    async def settle(self) -> "Rollout":
        for _ in range(100):
            decision = await self.world.step(CONTROLLER, WEB)
            busy = bool(decision.actions or decision.status)
            for replicaset in self.world.all(REPLICASETS):
                below = await self.world.step(BELOW, replicaset.key)
                busy = busy or bool(below.actions or below.status)
            self._watch()
            if not (self.world.run_pods() or busy):
                return self
        raise AssertionError(f"not settled: {decision}")

    def change(self, image: str) -> None:
        self.most_pods, self.least_ready = 0, None
        self.world.edit(DEPLOYMENTS, WEB, {"spec": {"template": template(image)}})

    @property
    def found(self) -> Deployment:
        return self.world.get(DEPLOYMENTS, WEB)

    @property
    def images(self) -> list[str]:
        return [pod.spec.containers[0].image for pod in self.world.all(PODS)]

    def _watch(self) -> None:
        pods = [pod for pod in self.world.all(PODS) if not pod.metadata.is_deleting]
        ready = sum(pod.is_ready for pod in pods)
        self.most_pods = max(self.most_pods, len(pods))
        self.least_ready = ready if self.least_ready is None else min(self.least_ready, ready)


async def test_a_new_one_makes_its_pods_and_says_so() -> None:
    rollout = await Rollout(3).settle()

    assert rollout.images == ["x"] * 3
    status = rollout.found.status
    assert (status.replicas, status.updated_replicas, status.available_replicas) == (3, 3, 3)
    assert status.observed_generation == rollout.found.metadata.generation
    reasons = {c.type: (c.status, c.reason) for c in status.conditions}
    assert reasons == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }


async def test_a_rolling_update_stays_within_its_bounds() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}
    rollout = await Rollout(4, strategy=strategy).settle()
    rollout.change("y")

    await rollout.settle()

    assert rollout.images == ["y"] * 4
    assert rollout.most_pods <= 5
    assert rollout.least_ready is not None
    assert rollout.least_ready >= 3


async def test_going_back_uses_the_old_replicaset_under_a_new_revision() -> None:
    rollout = await Rollout(1).settle()
    rollout.change("y")
    await rollout.settle()
    rollout.change("x")
    await rollout.settle()

    assert rollout.images == ["x"]
    revision = "deployment.kubernetes.io/revision"
    replicasets = {
        r.spec.template.spec["containers"][0]["image"]: r for r in rollout.world.all(REPLICASETS)
    }
    assert replicasets["x"].metadata.annotations[revision] == "3"
    assert replicasets["y"].metadata.annotations[revision] == "2"
    assert rollout.found.metadata.annotations[revision] == "3"


async def test_recreate_removes_every_old_pod_before_the_first_new_one() -> None:
    rollout = await Rollout(2, strategy={"type": "Recreate"}).settle()
    rollout.change("y")

    await rollout.settle()

    assert rollout.images == ["y", "y"]
    assert rollout.most_pods <= 2
    assert rollout.least_ready == 0


async def test_a_paused_one_scales_but_does_not_roll() -> None:
    rollout = await Rollout(1).settle()
    rollout.world.edit(DEPLOYMENTS, WEB, {"spec": {"paused": True, "replicas": 2}})
    rollout.change("y")

    await rollout.settle()

    assert rollout.images == ["x", "x"]
    progressing = find_condition(rollout.found.status.conditions, "Progressing")
    assert progressing is not None
    assert progressing.reason == "DeploymentPaused"


async def test_a_rollout_that_does_not_move_is_given_up_after_its_deadline() -> None:
    rollout = await Rollout(1, progressDeadlineSeconds=60).settle()
    rollout.change("y")
    for _ in range(6):
        await rollout.world.step(CONTROLLER, WEB)
        for replicaset in rollout.world.all(REPLICASETS):
            await rollout.world.step(BELOW, replicaset.key)
    decision = await rollout.world.step(CONTROLLER, WEB)
    assert decision.requeue_after == 60

    rollout.world.wait(60)
    await rollout.world.step(CONTROLLER, WEB)

    progressing = find_condition(rollout.found.status.conditions, "Progressing")
    assert progressing is not None
    assert (progressing.status, progressing.reason) == ("False", "ProgressDeadlineExceeded")


async def test_only_so_many_old_replicasets_are_kept() -> None:
    rollout = await Rollout(1, revisionHistoryLimit=1).settle()
    for image in "abc":
        rollout.change(image)
        await rollout.settle()

    images = {
        r.spec.template.spec["containers"][0]["image"] for r in rollout.world.all(REPLICASETS)
    }
    assert images == {"b", "c"}


@settings(deadline=None, max_examples=30)
@given(st.data())
async def test_any_history_ends_with_the_wanted_pods(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["RollingUpdate", "Recreate"]))
    rollout = await Rollout(2, strategy={"type": kind}).settle()
    for _ in range(data.draw(st.integers(0, 3))):
        if data.draw(st.booleans()):
            rollout.change(data.draw(st.sampled_from("xyz")))
        else:
            size = data.draw(st.integers(0, 4))
            rollout.world.edit(DEPLOYMENTS, WEB, {"spec": {"replicas": size}})
        for _ in range(data.draw(st.integers(0, 3))):
            await rollout.world.step(CONTROLLER, WEB)
            rollout.world.run_pods()

    await rollout.settle()

    spec = rollout.found.spec
    assert rollout.images == [spec.template.spec["containers"][0]["image"]] * spec.replicas
