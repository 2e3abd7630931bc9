"""A ModelMirror from nothing to a full volume, and what goes wrong on the way."""

from typing import Any

import msgspec
import pytest
from tests.unit.controllers.modelmirror.mirror_world import (
    KEY,
    NOW,
    SETTINGS,
    MirrorWorld,
    at,
    filled_world,
    mirror,
    new_world,
)

from kaito.api import labels, runtime
from kaito.api.core import JOBS, Job
from kaito.api.meta import Key, ObjectMeta
from kaito.api.modelmirror import MIRROR_READY, MODELMIRRORS, ModelMirror
from kaito.api.runtime import WeightsArguments
from kaito.catalog.lookup import find_preset
from kaito.controllers.modelmirror.decide import MirrorSettings, decide
from kaito.controllers.modelmirror.observed import number_of, observe
from kaito.controllers.modelmirror.volumes import CLAIMS, CLASSES
from kaito.render.mirror import download_name


def test_a_volume_and_a_download_are_made_in_its_namespace_and_go_with_it() -> None:
    world = new_world()
    world.settle()
    (claim,), (job,) = world.all(CLAIMS), world.all(JOBS)
    for made in (claim, job):
        assert made["metadata"]["namespace"] == "models"
        assert made["metadata"]["ownerReferences"][0]["uid"] == "m1"
    assert claim["spec"]["resources"]["requests"] == {"storage": "20Gi"}
    assert claim["spec"]["storageClassName"] == "files"


def test_the_download_is_the_program_that_pods_fetch_their_weights_with() -> None:
    world = new_world()
    world.settle()
    (container,) = world.all(JOBS)[0]["spec"]["template"]["spec"]["containers"]
    assert tuple(container["command"]) == runtime.WEIGHTS_COMMAND
    arguments = WeightsArguments.parse_argv(container["args"])
    assert arguments.key == "org--phi"
    assert arguments.source == ("hub:org/phi@main",)
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert arguments.root in mounts


def test_a_model_of_the_catalogue_is_fetched_at_the_revision_that_was_tested() -> None:
    source = {"registry": "huggingface", "modelID": "HuggingFaceTB/SmolLM2-135M-Instruct"}
    world = new_world(source=source)
    world.settle()
    (container,) = world.all(JOBS)[0]["spec"]["template"]["spec"]["containers"]
    sources = WeightsArguments.parse_argv(container["args"]).source
    preset = find_preset("smollm2-135m-instruct")
    assert preset is not None
    assert sources[0] == f"hub:{preset.hub_id}@{preset.revision}"
    assert sources[1].startswith("package:")


def test_the_token_of_a_gated_model_comes_from_the_secret() -> None:
    source = {"registry": "huggingface", "modelID": "org/phi", "accessSecret": {"name": "hf"}}
    world = new_world(source=source)
    world.settle()
    (container,) = world.all(JOBS)[0]["spec"]["template"]["spec"]["containers"]
    found = {variable["name"]: variable for variable in container["env"]}
    reference = {"name": "hf", "key": "HF_TOKEN"}
    assert found["HF_TOKEN"]["valueFrom"]["secretKeyRef"] == reference


@pytest.mark.parametrize(
    ("provisioner", "annotations", "mode"),
    [
        ("file.csi.azure.com", {}, "ReadWriteMany"),
        ("rook-ceph.cephfs.csi.ceph.com", {}, "ReadWriteMany"),
        ("ebs.csi.aws.com", {}, "ReadWriteOnce"),
        ("vendor.example.com", {}, "ReadWriteOnce"),
        ("vendor.example.com", {labels.MIRROR_ACCESS: "ReadWriteMany"}, "ReadWriteMany"),
    ],
)
def test_many_nodes_may_mount_it_where_the_storage_class_can_that(
    provisioner: str, annotations: dict[str, str], mode: str
) -> None:
    world = new_world(provisioner=provisioner)
    world.objects[(str(MODELMIRRORS), KEY)]["metadata"]["annotations"] = annotations
    world.settle()
    assert world.all(CLAIMS)[0]["spec"]["accessModes"] == [mode]


def test_a_volume_that_waits_for_its_first_pod_does_not_hold_up_the_download() -> None:
    world = new_world()
    world.settle()
    assert world.all(JOBS)
    found = {c.type: (c.status, c.reason) for c in world.mirror.status.conditions}
    assert found == {"StorageReady": ("False", "PVCPending"), "Ready": ("False", "Downloading")}
    assert world.mirror.status.phase == "Pending"


def test_it_is_ready_once_the_download_is_complete_and_says_where_the_weights_are() -> None:
    world = filled_world()
    status = world.mirror.status
    assert (status.phase, world.ready.reason) == ("Ready", "DownloadSucceeded")
    assert status.model_path == "org--phi"
    assert world.events[-1].startswith("DownloadSucceeded: org--phi of PersistentVolumeClaim")


def test_it_stays_ready_when_the_download_is_tidied_away() -> None:
    world = filled_world()
    world.objects = {k: v for k, v in world.objects.items() if k[0] != str(JOBS)}
    world.settle(100_000)
    assert world.mirror.status.phase == "Ready"
    assert not world.all(JOBS)


def test_a_volume_that_was_lost_is_made_and_filled_again() -> None:
    world = filled_world()
    world.objects = {k: v for k, v in world.objects.items() if k[0] != str(CLAIMS)}
    world.settle(1000)
    assert len(world.all(CLAIMS)) == 1
    assert [job["metadata"]["name"] for job in world.all(JOBS)] == ["phi-download-2"]
    assert world.mirror.status.phase == "Pending"


@pytest.mark.parametrize(
    ("metadata", "status", "reason"),
    [
        ({"deletionTimestamp": at(60)}, {"phase": "Bound"}, "PVCTerminating"),
        ({}, {"phase": "Lost"}, "PVCLost"),
    ],
)
@pytest.mark.parametrize("is_static", [False, True])
def test_a_volume_that_nothing_new_can_mount_is_not_ready(
    metadata: dict[str, Any], status: dict[str, Any], reason: str, *, is_static: bool
) -> None:
    world = filled_world()
    if is_static:
        world.put(MODELMIRRORS, mirror(mode="Static", source=None, storage=None))
        world.settle()
    assert world.ready.is_true
    claim = world.all(CLAIMS)[0]
    claim["metadata"] |= metadata
    claim["status"] = status
    world.settle()
    assert (world.ready.status, world.ready.reason) == ("False", reason)
    assert world.mirror.status.phase == "Pending"
    assert len(world.all(JOBS)) == 1


def test_a_write_that_is_refused_is_told_in_the_place_of_ready() -> None:
    """A namespace that is gone keeps the mirror from being ready, whatever was there before."""
    world = filled_world()
    (key,) = [key for key in world.objects if key[0] == str(CLAIMS)]
    del world.objects[key]
    decision = world.decide()
    assert decision.actions
    assert decision.status is not None
    assert decision.status.verdict == MIRROR_READY
    told = {c["type"]: c["status"] for c in decision.status.status["conditions"]}
    assert told[MIRROR_READY] == "False"


def test_a_name_that_no_label_can_have_starts_nothing_and_says_so() -> None:
    world = new_world()
    stored = world.objects.pop((str(MODELMIRRORS), KEY))
    stored["metadata"]["name"] = "a" * 64
    key = Key("", "a" * 64)
    world.put(MODELMIRRORS, stored)
    observed = observe(world.reader(), key)
    assert observed is not None
    decision = decide(observed, SETTINGS, NOW)
    assert decision.actions == ()
    assert "metadata.name: the name must have at most 63 characters" in decision.why[0]
    assert "create it anew under another name" in decision.why[0]


@pytest.mark.parametrize("length", [51, 52, 63])
def test_the_jobs_of_a_long_name_have_names_that_fit_and_differ(length: int) -> None:
    stored = mirror()
    for last in "ab":
        stored["metadata"]["name"] = "m" * (length - 1) + last
        names = {download_name(msgspec.convert(stored, ModelMirror), number) for number in (1, 12)}
        assert all(len(name) <= 63 for name in names)
        assert {number_of(Job(metadata=ObjectMeta(name=name))) for name in names} == {1, 12}
        stored["metadata"]["name"] = "n" + stored["metadata"]["name"][1:]
        other = download_name(msgspec.convert(stored, ModelMirror), 1)
        assert other not in names


def test_a_download_under_way_says_how_far_and_how_fast() -> None:
    world = new_world()
    world.settle()
    world.run_pod(phase="Running")
    world.report(done=1_200_000_000, total=7_600_000_000, etaSeconds=64)
    world.settle(30)
    assert world.ready.message == "1.2 of 7.6 GB, 60 s left, from hub:org/phi"
    download = world.mirror.status.download
    assert download is not None
    assert (download.speed_bytes_per_second, download.remaining_seconds) == (100_000_000, 64)


def test_what_is_known_of_a_download_is_gone_once_it_is_over() -> None:
    world = new_world()
    world.settle()
    world.run_pod(phase="Running")
    world.report(done=1, total=2, etaSeconds=1)
    world.settle(30)
    world.bind()
    world.end_job("Complete")
    world.settle(40)
    assert world.mirror.status.download is None


def test_a_failed_download_says_why_and_when_it_is_tried_again() -> None:
    world = new_world()
    world.settle()
    world.run_pod(
        phase="Failed",
        containerStatuses=[
            {
                "name": "weights",
                "state": {"terminated": {"exitCode": 69, "message": "org/phi is gated"}},
            }
        ],
    )
    world.end_job("Failed")
    decision = world.settle()
    assert world.ready.reason == "DownloadFailed"
    assert "org/phi is gated" in world.mirror.status.failure_message
    assert world.ready.message.endswith("it is tried again 1 min after it ended")
    assert decision.requeue_after == 60


def test_each_try_is_a_job_of_its_own_after_a_longer_pause() -> None:
    world, moment = new_world(), 0.0
    for number, pause in enumerate((60, 120, 240, 480, 960, 1800, 1800), start=1):
        world.settle(moment)
        assert [j["metadata"]["name"] for j in world.all(JOBS)] == [f"phi-download-{number}"]
        world.end_job("Failed")
        world.settle(moment + pause - 1)
        assert len(world.all(JOBS)) == 1
        moment += pause
    world.settle(moment)
    assert world.ready.reason == "Downloading"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"exitCode": 137, "reason": "OOMKilled"}, "DownloadOOMKilled"),
        ({"exitCode": 65, "message": "no space left"}, "DownloadFailed"),
    ],
)
def test_the_reason_names_the_kind_of_failure(state: dict[str, Any], reason: str) -> None:
    world = new_world()
    world.settle()
    statuses = [{"name": "weights", "state": {"terminated": state}}]
    world.run_pod(phase="Failed", containerStatuses=statuses)
    world.end_job("Failed")
    world.settle()
    assert world.ready.reason == reason


@pytest.mark.parametrize(
    ("spec", "reason", "words"),
    [
        (
            {
                "source": {
                    "registry": "huggingface",
                    "modelID": "org/phi",
                    "accessSecret": {"name": "hf", "namespace": "elsewhere"},
                }
            },
            "InvalidSpec",
            "copy it there",
        ),
        (
            {"storage": {"size": "1Gi", "storageClassName": "nfs"}},
            "StorageClassNotFound",
            "kubectl get storageclasses",
        ),
    ],
)
def test_what_only_a_person_can_mend_starts_nothing(
    spec: dict[str, Any], reason: str, words: str
) -> None:
    world = new_world(**spec)
    world.settle()
    assert world.ready.reason == reason
    assert words in world.ready.message
    assert not world.all(CLAIMS)
    assert not world.all(JOBS)


def test_a_volume_of_somebody_else_is_left_alone() -> None:
    world = new_world()
    theirs = {"metadata": {"name": "phi", "namespace": "models", "uid": "x"}}
    world.put(CLAIMS, theirs)
    world.settle()
    assert world.ready.reason == "NameConflict"
    assert not world.all(JOBS)
    assert theirs["metadata"].keys() == {"name", "namespace", "uid"}


def test_where_a_claim_is_a_folder_the_storage_class_need_not_exist() -> None:
    world = MirrorWorld(settings=MirrorSettings(render=SETTINGS.render, needs_class=False))
    world.put(MODELMIRRORS, mirror())
    assert not world.all(CLASSES)
    world.settle()
    assert world.all(CLAIMS)


def test_a_static_mirror_stands_for_a_volume_that_exists_and_downloads_nothing() -> None:
    world = new_world(mode="Static", source=None, storage=None)
    meta = world.objects[(str(MODELMIRRORS), KEY)]["metadata"]
    meta["annotations"] = {labels.MIRROR_CLAIM: "nas", labels.MIRROR_PATH: "/models/phi"}
    world.settle()
    assert world.ready.reason == "PVCNotFound"
    world.put(
        CLAIMS,
        {"metadata": {"name": "nas", "namespace": "models"}, "status": {"phase": "Bound"}},
    )
    world.settle()
    assert (world.mirror.status.phase, world.ready.reason) == ("Ready", "StaticMirror")
    assert world.mirror.status.model_path == "models/phi"
    assert not world.all(JOBS)


def test_a_mirror_that_is_being_deleted_is_left_to_the_garbage_collector() -> None:
    world = new_world()
    world.objects[(str(MODELMIRRORS), KEY)]["metadata"]["deletionTimestamp"] = at(0)
    assert not world.decide().actions


@pytest.mark.parametrize(
    ("provisioner", "is_told"), [("ebs.csi.aws.com", True), ("file.csi.azure.com", False)]
)
def test_a_volume_for_one_node_says_so_and_what_to_do(provisioner: str, *, is_told: bool) -> None:
    world = new_world(provisioner=provisioner)
    world.settle(0)
    world.bind()
    world.settle(60)
    (storage,) = (c for c in world.mirror.status.conditions if c.type == "StorageReady")
    assert storage.is_true
    assert ("serves the pods of one node at a time (ReadWriteOnce)" in storage.message) is is_told
    assert ("make the mirror anew on a storage class" in storage.message) is is_told
