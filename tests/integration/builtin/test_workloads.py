"""StatefulSets, Deployments and Jobs on the real API server, also through kubectl."""

from typing import Any

from tests.integration.builtin.cluster import Cluster
from tests.integration.builtin.manifests import job, workload

from kaito.api.core import EVENTS, JOBS, STATEFULSETS, Pod
from kaito.api.meta import Key
from kaito.kube.client import Change
from kaito.local.builtin.kinds import CLAIMS, DEPLOYMENTS, REPLICASETS

WEB = Key("default", "web")
WORK = Key("default", "work")


def image_patch(image: str) -> Change:
    containers = [{"name": "main", "image": image}]
    return Change({"spec": {"template": {"spec": {"containers": containers}}}}, "strategic")


async def names(cluster: Cluster) -> list[str]:
    return [pod.metadata.name for pod in await cluster.pods()]


async def test_a_statefulset_rolls_out_and_scales_through_kubectl(cluster: Cluster) -> None:
    await cluster.create(workload("StatefulSet", replicas=3))
    await cluster.kubectl("rollout", "status", "sts/web", "--timeout=20s")
    assert await names(cluster) == ["web-0", "web-1", "web-2"]

    await cluster.kubectl("scale", "sts/web", "--replicas=1")

    async def shrunk() -> bool:
        return await names(cluster) == ["web-0"]

    await cluster.until(shrunk, "only web-0 is left")


async def test_a_changed_template_replaces_every_pod_of_a_statefulset(cluster: Cluster) -> None:
    await cluster.create(workload("StatefulSet", replicas=2))
    await cluster.kubectl("rollout", "status", "sts/web", "--timeout=20s")
    first = {pod.metadata.uid for pod in await cluster.pods()}

    await cluster.client.patch(STATEFULSETS, WEB, image_patch("y"))
    await cluster.kubectl("rollout", "status", "sts/web", "--timeout=20s")

    pods = await cluster.pods()
    assert {pod.spec.containers[0].image for pod in pods} == {"y"}
    assert not first & {pod.metadata.uid for pod in pods}
    history = (await cluster.kubectl("rollout", "history", "sts/web")).out
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2"]


async def test_undo_brings_back_a_statefulsets_earlier_template(cluster: Cluster) -> None:
    await cluster.create(workload("StatefulSet", replicas=1))
    await cluster.kubectl("rollout", "status", "sts/web", "--timeout=20s")
    await cluster.client.patch(STATEFULSETS, WEB, image_patch("y"))
    await cluster.kubectl("rollout", "status", "sts/web", "--timeout=20s")

    await cluster.kubectl("rollout", "undo", "sts/web")
    await cluster.kubectl("rollout", "status", "sts/web", "--timeout=20s")

    assert [pod.spec.containers[0].image for pod in await cluster.pods()] == ["x"]


async def test_volume_claims_are_made_bound_and_outlive_their_statefulset(cluster: Cluster) -> None:
    template = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    await cluster.create(workload("StatefulSet", replicas=1, volumeClaimTemplates=[template]))
    await cluster.kubectl("rollout", "status", "sts/web", "--timeout=20s")

    await cluster.kubectl("delete", "sts", "web", "--cascade=foreground", "--timeout=20s")

    assert await names(cluster) == []
    claim = await cluster.client.get(CLAIMS, Key("default", "data-web-0"))
    assert (claim.status.phase, claim.status.capacity) == ("Bound", {"storage": "1Gi"})


async def test_a_deployment_rolls_out_rolls_on_and_rolls_back(cluster: Cluster) -> None:
    await cluster.create(workload("Deployment", replicas=3))
    done = await cluster.kubectl("rollout", "status", "deploy/web", "--timeout=20s")
    assert "successfully rolled out" in done.out

    await cluster.client.patch(DEPLOYMENTS, WEB, image_patch("y"))
    await cluster.kubectl("rollout", "status", "deploy/web", "--timeout=20s")
    assert {pod.spec.containers[0].image for pod in await cluster.pods()} == {"y"}

    await cluster.kubectl("rollout", "undo", "deploy/web")
    await cluster.kubectl("rollout", "status", "deploy/web", "--timeout=20s")
    assert {p.spec.containers[0].image for p in await cluster.pods()} == {"x"}
    history = (await cluster.kubectl("rollout", "history", "deploy/web")).out
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["2", "3"]

    deployment = await cluster.client.get(DEPLOYMENTS, WEB)
    assert deployment.metadata.annotations["deployment.kubernetes.io/revision"] == "3"
    assert (deployment.status.available_replicas, deployment.status.unavailable_replicas) == (3, 0)


async def test_a_recreated_deployment_never_has_pods_of_two_templates(cluster: Cluster) -> None:
    await cluster.create(workload("Deployment", replicas=2, strategy={"type": "Recreate"}))
    await cluster.kubectl("rollout", "status", "deploy/web", "--timeout=20s")
    mixed: list[set[str]] = []
    pods = cluster.cache_of_pods()
    alive: dict[str, str] = {p.metadata.name: p.spec.containers[0].image for p in pods.list()}

    def note(old: Pod | None, new: Pod | None) -> None:
        if new is None and old is not None:
            alive.pop(old.metadata.name, None)
        elif new is not None:
            alive[new.metadata.name] = new.spec.containers[0].image
        mixed.append(set(alive.values()))

    pods.subscribe(note)
    await cluster.client.patch(DEPLOYMENTS, WEB, image_patch("y"))
    await cluster.kubectl("rollout", "status", "deploy/web", "--timeout=20s")

    assert {"x", "y"} not in mixed
    assert mixed[-1] == {"y"}


async def test_a_deleted_pod_of_a_replicaset_is_replaced(cluster: Cluster) -> None:
    await cluster.create(workload("ReplicaSet", replicas=2))

    async def complete() -> bool:
        return (await cluster.client.get(REPLICASETS, WEB)).status.ready_replicas == 2

    await cluster.until(complete, "two pods are ready")
    victim = (await cluster.pods())[0]

    await cluster.kubectl("delete", "pod", victim.metadata.name, "--timeout=20s")

    async def replaced() -> bool:
        pods = await cluster.pods()
        return len(pods) == 2 and victim.metadata.uid not in {p.metadata.uid for p in pods}

    await cluster.until(replaced, "another pod took the place")


async def test_a_job_runs_to_its_completions(cluster: Cluster) -> None:
    await cluster.create(job(completions=3, parallelism=2))

    await cluster.kubectl("wait", "--for=condition=complete", "job/work", "--timeout=20s")

    found = await cluster.client.get(JOBS, WORK)
    assert (found.status.succeeded, found.status.active, found.status.failed) == (3, 0, 0)
    assert found.status.completion_time is not None
    assert len(await cluster.pods()) == 3


async def test_a_job_whose_pods_fail_ends_with_the_reason(cluster: Cluster) -> None:
    await cluster.create(job(ends="Failed", backoffLimit=0))

    await cluster.kubectl("wait", "--for=condition=failed", "job/work", "--timeout=20s")

    found = await cluster.client.get(JOBS, WORK)
    assert {c.type: c.reason for c in found.status.conditions} == {
        "FailureTarget": "BackoffLimitExceeded",
        "Failed": "BackoffLimitExceeded",
    }


async def test_a_suspended_job_stops_and_goes_on(cluster: Cluster) -> None:
    await cluster.create(job(ends="running", completions=1))

    async def active() -> bool:
        return (await cluster.client.get(JOBS, WORK)).status.active == 1

    await cluster.until(active, "a pod runs")
    await cluster.client.patch(JOBS, WORK, {"spec": {"suspend": True}})

    async def stopped() -> bool:
        return not await cluster.pods()

    await cluster.until(stopped, "the pod is gone")
    await cluster.client.patch(JOBS, WORK, {"spec": {"suspend": False}})
    await cluster.until(active, "a pod runs again")


async def test_a_job_past_its_deadline_is_stopped_and_then_removed(cluster: Cluster) -> None:
    spec: dict[str, Any] = {"activeDeadlineSeconds": 1, "ttlSecondsAfterFinished": 0}
    await cluster.create(job(ends="running", **spec))

    async def gone() -> bool:
        return not await cluster.exists(JOBS, WORK) and not await cluster.pods()

    await cluster.until(gone, "the job and its pod are gone")
    await cluster.settled_revision()
    events = (await cluster.client.list(EVENTS, namespace="default")).items
    assert "DeadlineExceeded" in {e.reason for e in events if e.involved_object.kind == "Job"}


async def test_nothing_is_written_while_nothing_changes(cluster: Cluster) -> None:
    await cluster.create(workload("StatefulSet", "one", replicas=2))
    await cluster.create(workload("Deployment", "two", replicas=2))
    await cluster.create(job(ends="running"))
    for kind in ("sts/one", "deploy/two"):
        await cluster.kubectl("rollout", "status", kind, "--timeout=20s")
    before = await cluster.settled_revision()

    cluster.queue_everything()

    assert await cluster.settled_revision() == before
