"""The pod around the server: what it may do, what it asks for, where it may run."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from kaito.api import labels
from kaito.api.meta import Manifest
from kaito.api.workspace import Workspace
from kaito.base.quantity import GIB, parse_bytes
from kaito.catalog.instances import INSTANCE_TYPES, find_instance_type
from kaito.catalog.lookup import find_preset
from kaito.planner.plan import Plan
from kaito.render.inference import render_preset, render_template
from kaito.render.served_model import NvmeVolume, ServedModel
from kaito.render.settings import RenderSettings

CLUSTER = RenderSettings(serving_image="example.com/serving:1")


def _workspace(**fields: Any) -> Workspace:
    document = {
        "metadata": {"name": "w", "namespace": "ml", "uid": "u"},
        "resource": {
            "instanceType": "standard_nc24ads_a100_v4",
            "labelSelector": {"matchLabels": {"apps": "w"}},
        },
        "inference": {"preset": {"name": "phi-4"}},
    }
    return msgspec.convert({**document, **fields}, Workspace)


def _model(instance: str = "Standard_NC24ads_A100_v4", **changes: Any) -> ServedModel:
    preset = find_preset("phi-4")
    assert preset is not None
    nvme = changes.pop("nvme", None)
    plan = Plan(
        instance=find_instance_type(instance),
        gpus_per_node=1,
        memory_bytes=16 * GIB,
        kv_cache_bytes=GIB,
        context_tokens=4096,
        disk_bytes=90 * GIB,
        working=(),
    )
    return ServedModel(
        preset=preset, plan=replace(plan, **changes), weights_bytes=28 * GIB, nvme=nvme
    )


def _pod(model: ServedModel, settings: RenderSettings = CLUSTER) -> Manifest:
    rendered = render_preset(_workspace(), model, None, settings)
    pod: Manifest = rendered["spec"]["template"]["spec"]
    return pod


def test_every_container_is_restricted_and_writes_only_to_volumes() -> None:
    pod = _pod(_model())
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in (*pod["initContainers"], *pod["containers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "/tmp" in [m["mountPath"] for m in container["volumeMounts"]]
        assert {"name": "HOME", "value": "/tmp"} in container["env"]


def test_every_volume_is_bounded_and_mounted_by_somebody() -> None:
    pod = _pod(_model())
    mounted = {
        mount["name"]
        for container in (*pod["initContainers"], *pod["containers"])
        for mount in container["volumeMounts"]
    }
    assert {volume["name"] for volume in pod["volumes"]} == mounted
    assert all(parse_bytes(volume["emptyDir"]["sizeLimit"]) > 0 for volume in pod["volumes"])


def test_processes_of_the_machine_itself_get_no_scratch_of_their_own() -> None:
    settings = replace(CLUSTER, has_containers=False, weights_path="/models")
    pod = _pod(_model(), settings)
    paths = {m["mountPath"] for c in pod["containers"] for m in c["volumeMounts"]}
    assert paths == {"/workspace/weights", "/dev/shm"}


@pytest.mark.parametrize("instance", INSTANCE_TYPES, ids=lambda instance: instance.name)
def test_a_pod_never_asks_for_more_processors_than_its_share_of_the_machine(instance: Any) -> None:
    for gpus in {1, instance.gpus}:
        resources = _pod(_model(instance.name, gpus_per_node=gpus))["containers"][0]["resources"]
        asked = int(resources["requests"]["cpu"])
        assert asked >= 1
        if instance.vcpus:
            assert asked <= max(instance.vcpus * gpus // instance.gpus, 1)
        assert resources["limits"] == {labels.NVIDIA_GPU: str(gpus)}


def test_a_claim_takes_the_place_of_the_weights_volume() -> None:
    nvme = NvmeVolume(storage_class="fast", size_bytes=100 * GIB)
    rendered = render_preset(_workspace(), _model(nvme=nvme), None, CLUSTER)
    (claim,) = rendered["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "102400Mi"
    names = {volume["name"] for volume in rendered["spec"]["template"]["spec"]["volumes"]}
    assert claim["metadata"]["name"] not in names


def test_pods_run_on_machines_of_the_type_asked_for_in_either_spelling() -> None:
    affinity = _pod(_model())["affinity"]["nodeAffinity"]
    terms = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    (required,) = [e for e in terms[0]["matchExpressions"] if e["key"] == labels.INSTANCE_TYPE]
    assert required["values"] == ["Standard_NC24ads_A100_v4", "standard_nc24ads_a100_v4"]


def test_every_taint_that_a_provisioner_may_use_is_tolerated() -> None:
    tolerated = {toleration["key"] for toleration in _pod(_model())["tolerations"]}
    assert tolerated == labels.TOLERATED_TAINTS


def test_a_template_keeps_what_it_says_of_itself_and_its_count() -> None:
    spec = {
        "securityContext": {"runAsUser": 0},
        "containers": [{"name": "server", "image": "example.com/x:1"}],
    }
    resource = {"count": 3, "labelSelector": {"matchLabels": {"apps": "w"}}}
    inference = {"template": {"spec": spec}}
    rendered = render_template(_workspace(resource=resource, inference=inference))
    pod = rendered["spec"]["template"]["spec"]
    assert rendered["spec"]["replicas"] == 3
    assert pod["securityContext"] == {"runAsUser": 0}
    assert pod["containers"] == spec["containers"]
