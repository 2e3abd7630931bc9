"""What rolls out, what is said of it, and what never changes under a running model."""

from typing import Any

import pytest
from tests.unit.controllers.workspace.world import (
    IN_CLUSTER,
    KEY,
    READY,
    World,
    new_world,
    settled,
)

from kaito.api import labels
from kaito.api.core import CONFIGMAPS, SERVICES, STATEFULSETS, STORAGE_CLASSES
from kaito.api.meta import Key, Manifest
from kaito.api.workspace import WORKSPACES
from kaito.base.quantity import parse_bytes
from kaito.render.volumes import WEIGHTS

CLASS = "kaito-local-nvme-disk"


def _running(instance: str = "Standard_NC24ads_A100_v4", **inference: Any) -> World:
    fields = inference or {"preset": {"name": "phi-4-mini-instruct"}}
    world = new_world(IN_CLUSTER, inference=fields)
    _workspace(world)["resource"]["instanceType"] = instance
    settled(world)
    world.launch()
    return settled(world)


def _workspace(world: World) -> Manifest:
    return world.objects[(str(WORKSPACES), KEY)]


def _workload(world: World) -> Manifest:
    spec: Manifest = world.objects[(str(STATEFULSETS), KEY)]["spec"]
    return spec


def _annotate(world: World, key: str, value: str) -> None:
    _workspace(world)["metadata"].setdefault("annotations", {})[key] = value


def _told(world: World, reason: str) -> list[str]:
    return [event for event in world.events if event.startswith(f"{reason}: ")]


def test_a_workload_that_kaito_made_is_made_anew_without_what_kaito_put_in() -> None:
    world = _running()
    live = world.objects[(str(STATEFULSETS), KEY)]
    del live["metadata"]["annotations"][labels.TEMPLATE_HASH]
    container = live["spec"]["template"]["spec"]["containers"][0]
    container["startupProbe"] = {"exec": {"command": ["python3", "benchmark_entrypoint.py"]}}
    settled(world)
    assert _told(world, "WorkloadReplaced")
    container = _workload(world)["template"]["spec"]["containers"][0]
    assert "exec" not in container["startupProbe"]


def test_a_pod_that_loads_gets_no_requests_from_a_service_that_kaito_made() -> None:
    spec = _running().objects[(str(SERVICES), KEY)]["spec"]
    # An apply changes only what it says.
    assert spec["publishNotReadyAddresses"] is False


def test_an_annotation_added_later_takes_effect_and_names_what_changed() -> None:
    world = _running()
    _annotate(world, labels.PERFORMANCE_MODE, "throughput")
    settled(world)
    arguments = _workload(world)["template"]["spec"]["containers"][0]["args"]
    assert "--performance-mode=throughput" in arguments
    assert _told(world, "WorkloadUpdated") == [
        "WorkloadUpdated: StatefulSet w updated: its pods are replaced: args of w"
    ]


def test_a_load_balancer_asked_for_later_changes_the_service_and_says_so() -> None:
    world = _running()
    _annotate(world, labels.ENABLE_LOAD_BALANCER, "True")
    settled(world)
    assert world.objects[(str(SERVICES), KEY)]["spec"]["type"] == "LoadBalancer"
    (said,) = _told(world, "ServiceUpdated")
    assert "Service w updated: LoadBalancer 80 -> 5000" in said


@pytest.mark.parametrize("replicas", [0, 3])
def test_a_workload_that_somebody_scaled_gets_its_pods_back(replicas: int) -> None:
    world = _running()
    _workload(world)["replicas"] = replicas
    settled(world)
    assert _workload(world)["replicas"] == 1
    (said,) = _told(world, "WorkloadUpdated")
    assert said.endswith(f"updated: replicas {replicas} -> 1, as it was before somebody scaled it")


def test_several_pods_of_one_model_stay_as_many_as_it_needs() -> None:
    world = _running(preset={"name": "llama-3.3-70b-instruct"})
    needed = _workload(world)["replicas"]
    assert needed > 1
    _workload(world)["replicas"] = 1
    settled(world)
    assert _workload(world)["replicas"] == needed


@pytest.mark.parametrize("suffix", ["", "-headless"])
def test_a_service_that_somebody_led_elsewhere_leads_back(suffix: str) -> None:
    world = _running()
    spec = world.objects[(str(SERVICES), Key(KEY.namespace, KEY.name + suffix))]["spec"]
    before = dict(spec["selector"])
    spec["selector"] = {"app": "other"}
    settled(world)
    found = world.objects[(str(SERVICES), Key(KEY.namespace, KEY.name + suffix))]["spec"]
    assert found["selector"] == before


def test_a_port_that_somebody_took_comes_back_and_one_that_was_added_stays() -> None:
    world = _running()
    spec = world.objects[(str(SERVICES), KEY)]["spec"]
    extra = {"name": "extra", "port": 81, "targetPort": 5000, "protocol": "TCP"}
    spec["ports"] = [*spec["ports"], extra]
    settled(world)
    assert _told(world, "ServiceUpdated") == []
    world.objects[(str(SERVICES), KEY)]["spec"]["ports"] = [extra]
    settled(world)
    assert 80 in [port["port"] for port in world.objects[(str(SERVICES), KEY)]["spec"]["ports"]]


def test_an_edit_of_the_config_map_names_the_file() -> None:
    world = new_world(
        IN_CLUSTER, inference={"preset": {"name": "phi-4-mini-instruct"}, "config": "settings"}
    )
    meta = {"name": "settings", "namespace": "default"}
    world.put(CONFIGMAPS, {"metadata": meta, "data": {"inference_config.yaml": "vllm: {}"}})
    _workspace(world)["resource"]["instanceType"] = "Standard_NC24ads_A100_v4"
    settled(world)
    world.launch()
    settled(world)
    text = "vllm: {enable-prefix-caching: false}"
    world.put(CONFIGMAPS, {"metadata": meta, "data": {"inference_config.yaml": text}})
    settled(world)
    (said,) = _told(world, "WorkloadUpdated")
    assert said.endswith("its pods are replaced: inference_config.yaml")


def test_a_configuration_named_later_reaches_the_pod() -> None:
    world = _running()
    meta = {"name": "settings", "namespace": "default"}
    world.put(CONFIGMAPS, {"metadata": meta, "data": {"inference_config.yaml": "vllm: {}"}})
    _workspace(world)["inference"]["config"] = "settings"
    settled(world)
    pod = _workload(world)["template"]["spec"]
    assert "--config-file=/mnt/config/inference_config.yaml" in pod["containers"][0]["args"]
    (said,) = _told(world, "WorkloadUpdated")
    assert "volumes" in said


def test_an_edited_template_rolls_out() -> None:
    container = {"name": "server", "image": "example.com/server:1"}
    world = _running(template={"spec": {"containers": [container]}})
    template = {"spec": {"containers": [{**container, "image": "example.com/server:2"}]}}
    _workspace(world)["inference"] = {"template": template}
    settled(world)
    assert _workload(world)["template"]["spec"]["containers"][0]["image"].endswith(":2")
    (said,) = _told(world, "WorkloadUpdated")
    assert "image of server" in said


def test_defaults_that_the_api_server_adds_are_no_changes() -> None:
    world = _running()
    pod = _workload(world)["template"]["spec"]
    pod["dnsPolicy"] = "ClusterFirst"
    pod["containers"][0]["imagePullPolicy"] = "IfNotPresent"
    pod["containers"][0]["resources"]["requests"]["memory"] = str(
        parse_bytes(pod["containers"][0]["resources"]["requests"]["memory"])
    )
    _annotate(world, labels.PERFORMANCE_MODE, "interactivity")
    settled(world)
    (said,) = _told(world, "WorkloadUpdated")
    assert said.endswith("its pods are replaced: args of w")


def test_an_amount_that_a_template_writes_as_a_number_is_no_change() -> None:
    gpus: Manifest = {"limits": {labels.NVIDIA_GPU: 1}}
    container: Manifest = {"name": "server", "image": "models.example.com/s:1", "resources": gpus}
    world = _running(template={"spec": {"containers": [container]}})
    # As an API server keeps it.
    live = _workload(world)["template"]["spec"]["containers"][0]
    live["resources"] = {"limits": {labels.NVIDIA_GPU: "1"}}
    _workload(world)["replicas"] = 3
    settled(world)
    (said,) = _told(world, "WorkloadUpdated")
    assert "StatefulSet w updated: replicas 3 -> 1" in said


def test_weights_go_to_the_machines_own_disk_where_the_cluster_has_the_class() -> None:
    world = new_world(IN_CLUSTER, inference={"preset": {"name": "phi-4-mini-instruct"}})
    _workspace(world)["resource"]["instanceType"] = "Standard_NC24ads_A100_v4"
    world.put(STORAGE_CLASSES, {"metadata": {"name": CLASS}})
    settled(world)
    world.launch()
    settled(world)
    (claim,) = _workload(world)["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == WEIGHTS
    assert claim["spec"]["storageClassName"] == CLASS
    assert _workload(world)["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete"
    volumes = {volume["name"] for volume in _workload(world)["template"]["spec"]["volumes"]}
    assert WEIGHTS not in volumes


@pytest.mark.parametrize("instance", ["Standard_NC6s_v3", "Standard_NV36ads_A10_v5"])
def test_a_machine_without_such_a_disk_keeps_weights_on_the_system_disk(instance: str) -> None:
    world = new_world(IN_CLUSTER, inference={"preset": {"name": "phi-3-mini-4k-instruct"}})
    _workspace(world)["resource"]["instanceType"] = instance
    world.put(STORAGE_CLASSES, {"metadata": {"name": CLASS}})
    settled(world)
    world.launch()
    settled(world)
    assert "volumeClaimTemplates" not in _workload(world)


def test_a_class_that_appears_later_moves_no_weights_under_a_running_model() -> None:
    world = _running()
    world.put(STORAGE_CLASSES, {"metadata": {"name": CLASS}})
    settled(world)
    assert "volumeClaimTemplates" not in _workload(world)
    assert _told(world, "WorkloadReplaced") == []


def test_a_claim_that_is_too_small_for_another_model_is_made_anew() -> None:
    world = new_world(IN_CLUSTER, inference={"preset": {"name": "phi-4-mini-instruct"}})
    _workspace(world)["resource"]["instanceType"] = "Standard_NC96ads_A100_v4"
    world.put(STORAGE_CLASSES, {"metadata": {"name": CLASS}})
    settled(world)
    world.launch()
    settled(world)
    world.objects[(str(STATEFULSETS), KEY)]["metadata"]["uid"] = "s1"
    _workspace(world)["inference"] = {"preset": {"name": "llama-3.3-70b-instruct"}}
    settled(world)
    assert len(_told(world, "WorkloadReplaced")) == 1
    assert (str(STATEFULSETS), Key("default", "w")) in world.objects


@pytest.mark.parametrize("data", [None, {}, {"inference_config.yaml": "vllm: ["}])
def test_a_configuration_that_turns_into_nonsense_leaves_the_model_ready(
    data: Manifest | None,
) -> None:
    world = new_world(inference={"preset": {"name": "smollm2-135m-instruct"}, "config": "settings"})
    meta = {"name": "settings", "namespace": "default"}
    world.put(CONFIGMAPS, {"metadata": meta, "data": {"inference_config.yaml": "vllm: {}"}})
    settled(world)
    world.launch()
    settled(world)
    world.start_pod(**READY)
    settled(world)
    assert world.ready[0] == "True"
    if data is None:
        del world.objects[(str(CONFIGMAPS), Key("default", "settings"))]
    else:
        world.put(CONFIGMAPS, {"metadata": meta, "data": data})
    before = _workload(world)
    settled(world)
    assert world.ready[0] == "True"
    assert _workload(world) == before
    (said,) = _told(world, "RolloutFailing")
    assert "pod w-0 answers as before; the update fails: ConfigMap default/settings" in said
