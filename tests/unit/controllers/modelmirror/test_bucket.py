"""A ModelMirror in a bucket: no volume, one Job that fills it or looks at it, logins named only."""

from typing import Any

import pytest
from tests.unit.controllers.modelmirror.mirror_world import SETTINGS, MirrorWorld, new_world

from kaito.api import runtime
from kaito.api.core import JOBS
from kaito.api.meta import Manifest
from kaito.api.runtime import MirrorArguments
from kaito.controllers.modelmirror.decide import MirrorSettings
from kaito.controllers.modelmirror.volumes import CLAIMS, CLASSES
from kaito.render.settings import RenderSettings

BUCKET = {"url": "s3://models/phi", "endpoint": "https://minio.example.com", "secretName": "s3"}


def world_of(*, mode: str = "Managed", size: str = "", **bucket: str) -> MirrorWorld:
    storage: dict[str, Any] = {"bucket": {**BUCKET, **bucket}}
    if size:
        storage["size"] = size
    if mode == "Static":
        return new_world(mode=mode, source=None, storage=storage)
    return new_world(storage=storage)


def pod_of(world: MirrorWorld) -> Manifest:
    (job,) = world.all(JOBS)
    pod: Manifest = job["spec"]["template"]["spec"]
    return pod


def arguments_of(world: MirrorWorld) -> MirrorArguments:
    (container,) = pod_of(world)["containers"]
    assert tuple(container["command"]) == runtime.MIRROR_COMMAND
    return MirrorArguments.parse_argv(container["args"])


def test_a_job_fetches_and_sends_and_there_is_no_volume() -> None:
    world = world_of()
    world.settle()
    assert world.all(CLAIMS) == []
    asked = arguments_of(world)
    assert asked.bucket == "s3://models/phi?endpoint=https://minio.example.com&sealed=true"
    assert asked.source == ("hub:org/phi@main",)
    pod = pod_of(world)
    assert {"name": "model-weights-volume", "emptyDir": {}} in pod["volumes"]
    assert pod["restartPolicy"] == "OnFailure", "what has been fetched lies in the pod"
    found = {c.type: (c.status, c.reason) for c in world.mirror.status.conditions}
    assert found == {"StorageReady": ("False", "BucketPending"), "Ready": ("False", "Downloading")}


def test_the_login_is_named_and_never_read() -> None:
    world = world_of()
    world.settle()
    (container,) = pod_of(world)["containers"]
    found = {one["name"]: one.get("valueFrom", {}).get("secretKeyRef") for one in container["env"]}
    assert found["AWS_SECRET_ACCESS_KEY"] == {"name": "s3", "key": "AWS_SECRET_ACCESS_KEY"}
    assert found["AWS_SESSION_TOKEN"]["optional"] is True


def test_without_a_secret_the_login_is_an_accounts() -> None:
    world = world_of(secretName="")
    render = RenderSettings(serving_image="serving:1", bucket_account="streamer")
    world.settings = MirrorSettings(render=render)
    world.settle()
    assert pod_of(world)["serviceAccountName"] == "streamer"
    (container,) = pod_of(world)["containers"]
    assert not [one for one in container["env"] if one["name"].startswith("AWS_")]


def test_the_job_has_the_login_of_who_fills_also_where_readers_have_another() -> None:
    world = world_of(readerSecretName="s3-read", readerServiceAccountName="reader")
    world.settle()
    (container,) = pod_of(world)["containers"]
    named = [one.get("valueFrom", {}).get("secretKeyRef", {}) for one in container["env"]]
    assert {one["name"] for one in named if one} == {"s3"}
    assert "serviceAccountName" not in pod_of(world)


def test_who_fills_says_its_name_the_same_in_each_try() -> None:
    world = world_of()
    world.settle(0)
    owner = arguments_of(world).owner
    assert owner == "ModelMirror phi (uid m1)"
    world.end_job("Failed")
    world.settle(3600)
    assert [job["metadata"]["name"] for job in world.all(JOBS)] == ["phi-download-2"]
    assert arguments_of(world).owner == owner


def test_a_secret_that_is_missing_is_told_with_the_next_step() -> None:
    world = world_of()
    world.settle()
    state = {
        "waiting": {"reason": "CreateContainerConfigError", "message": 'secret "s3" not found'}
    }
    world.run_pod(phase="Pending", containerStatuses=[{"name": "weights", "state": state}])
    world.settle(5)
    assert world.ready.message.endswith(
        'container weights: secret "s3" not found; create it in the pod\'s namespace, and the pod '
        "goes on"
    )


def test_a_pod_that_is_not_made_is_told_with_the_next_step_after_a_while() -> None:
    """As where its ServiceAccount is missing: only an event says so."""
    world = world_of()
    world.settle(0)
    decision = world.settle(10)
    assert world.ready.message == "hub:org/phi is being downloaded"
    assert decision.requeue_after == 20
    world.settle(30)
    assert world.ready.message.endswith("see: kubectl describe job -n models phi-download-1")


def test_it_is_ready_once_the_job_has_come_to_the_end_and_stays_so() -> None:
    world = world_of()
    world.settle(0)
    world.end_job("Complete")
    world.settle(60)
    assert (world.mirror.status.phase, world.ready.reason) == ("Ready", "DownloadSucceeded")
    assert world.mirror.status.model_path == "s3://models/phi"
    world.objects = {k: v for k, v in world.objects.items() if k[0] != str(JOBS)}
    world.settle(100_000)
    assert world.mirror.status.phase == "Ready"
    assert not world.all(JOBS)


def test_what_is_on_its_way_to_the_bucket_is_told_with_its_speed() -> None:
    world = world_of()
    world.settle()
    world.run_pod(phase="Running")
    world.report(name="push", done=1_200_000_000, total=7_600_000_000, etaSeconds=64)
    world.settle(30)
    assert world.ready.message == "1.2 of 7.6 GB, 60 s left, to s3://models/phi"
    assert world.mirror.status.download is not None
    assert world.mirror.status.download.speed_bytes_per_second == 100_000_000


def test_the_last_words_of_a_pod_that_its_job_took_away_are_kept() -> None:
    world = world_of()
    world.settle()
    said = "s3://models/phi: access is denied (s3:PutObject); allow the login s3:PutObject"
    ended = {"exitCode": 69, "reason": "Error", "message": said}
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    status = {"name": "weights", "state": state, "lastState": {"terminated": ended}}
    world.run_pod(phase="Running", containerStatuses=[status])
    world.settle(30)
    assert said in world.ready.message
    assert world.mirror.status.failure_message == "", "the Job still tries"
    world.objects = {k: v for k, v in world.objects.items() if not k[0].startswith("pods")}
    world.all(JOBS)[-1]["status"] = {"failed": 7}
    world.settle(35)
    assert said in world.ready.message, "the Job's end comes after its pod's"
    world.end_job("Failed")
    world.settle(40)
    assert world.ready.reason == "DownloadFailed"
    assert world.mirror.status.failure_message == said


def test_what_somebody_put_there_is_looked_at_and_not_fetched() -> None:
    world = world_of(mode="Static")
    world.settle(0)
    asked = arguments_of(world)
    assert asked.source == ()
    assert asked.bucket == "s3://models/phi?endpoint=https://minio.example.com"
    assert "model-weights-volume" not in {v["name"] for v in pod_of(world)["volumes"]}
    assert world.ready.message.startswith("s3://models/phi is being looked at")
    world.end_job("Complete")
    world.settle(10)
    assert (world.mirror.status.phase, world.ready.reason) == ("Ready", "StaticMirror")


def test_a_size_is_the_most_that_may_wait_on_the_node() -> None:
    world = world_of(size="30Gi")
    world.settle()
    room = {"name": "model-weights-volume", "emptyDir": {"sizeLimit": "30Gi"}}
    assert room in pod_of(world)["volumes"]


def test_a_url_that_admission_has_not_seen_is_refused_here() -> None:
    world = world_of(url="models/phi")
    world.settle()
    assert world.ready.reason == "InvalidSpec"
    assert world.all(JOBS) == []


@pytest.mark.parametrize(
    ("default", "reason"), [("files", "Downloading"), ("", "StorageClassNotFound")]
)
def test_a_volume_without_a_class_takes_the_operators(default: str, reason: str) -> None:
    world = new_world(storage={"size": "20Gi"})
    world.settings = MirrorSettings(render=SETTINGS.render, storage_class=default)
    world.settle()
    assert world.ready.reason == reason
    classes = [claim["spec"]["storageClassName"] for claim in world.all(CLAIMS)]
    assert classes == ([default] if default else [])
    assert world.all(CLASSES)


def test_what_a_download_asks_for_is_the_operators_to_say() -> None:
    world = new_world()
    render = RenderSettings(serving_image="serving:1", mirror_cpu="3", mirror_memory="8Gi")
    world.settings = MirrorSettings(render=render)
    world.settle()
    (container,) = pod_of(world)["containers"]
    assert container["resources"] == {"requests": {"cpu": "3", "memory": "8Gi"}}
