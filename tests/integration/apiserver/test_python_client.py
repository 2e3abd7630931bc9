"""The official Python client, which shares no code with this project."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException
from tests.integration.apiserver.api import deployment, widget, widgets
from tests.integration.apiserver.clients import serving_clients


def exercise_core(api: Any) -> None:
    core = client.CoreV1Api(api)
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="a"), data={"x": "1"})
    created = core.create_namespaced_config_map("default", body)
    assert created.metadata.uid
    core.patch_namespaced_config_map("a", "default", {"data": {"y": "2"}})
    assert core.read_namespaced_config_map("a", "default").data == {"x": "1", "y": "2"}
    for number in range(5):
        body.metadata.name = f"page{number}"
        core.create_namespaced_config_map("default", body)
    first = core.list_namespaced_config_map("default", limit=4)
    assert len(first.items) == 4
    rest = core.list_namespaced_config_map("default", _continue=first.metadata._continue)
    assert len(first.items) + len(rest.items) == 6
    core.delete_collection_namespaced_config_map("default", field_selector="metadata.name!=a")
    assert [m.metadata.name for m in core.list_config_map_for_all_namespaces().items] == ["a"]
    core.delete_namespaced_config_map("a", "default")
    with pytest.raises(ApiException, match="404"):
        core.read_namespaced_config_map("a", "default")


def exercise_watch(api: Any) -> None:
    core = client.CoreV1Api(api)
    start = core.list_namespaced_secret("default").metadata.resource_version
    for name in ("one", "two"):
        meta = client.V1ObjectMeta(name=name)
        core.create_namespaced_secret("default", client.V1Secret(metadata=meta))
    seen = []
    stream = watch.Watch()
    for event in stream.stream(
        core.list_namespaced_secret, "default", resource_version=start, timeout_seconds=20
    ):
        seen.append((event["type"], event["object"].metadata.name))
        if len(seen) == 2:
            stream.stop()
    assert seen == [("ADDED", "one"), ("ADDED", "two")]


def exercise_workloads(api: Any) -> None:
    apps = client.AppsV1Api(api)
    apps.create_namespaced_deployment("default", deployment("web"))
    scale = apps.read_namespaced_deployment_scale("web", "default")
    scale.spec.replicas = 3
    apps.replace_namespaced_deployment_scale("web", "default", scale)
    live = apps.read_namespaced_deployment("web", "default")
    assert live.spec.replicas == 3
    assert live.spec.template.spec.containers[0].image_pull_policy == "Always"
    live.status.replicas = 3
    apps.replace_namespaced_deployment_status("web", "default", live)
    assert apps.read_namespaced_deployment("web", "default").status.replicas == 3
    apps.delete_namespaced_deployment("web", "default", propagation_policy="Foreground")
    held = apps.read_namespaced_deployment("web", "default").metadata.finalizers
    assert held == ["foregroundDeletion"]


def exercise_custom_objects(api: Any) -> None:
    client.ApiextensionsV1Api(api).create_custom_resource_definition(widgets())
    custom = client.CustomObjectsApi(api)
    where = ("example.com", "v1", "default", "widgets")
    custom.create_namespaced_custom_object(*where, widget("a"))
    patched = custom.patch_namespaced_custom_object(*where, "a", {"size": 9})
    assert patched["size"] == 9
    status = {"status": {"ready": True}}
    custom.patch_namespaced_custom_object_status(*where, "a", status)
    found = custom.get_namespaced_custom_object(*where, "a")
    assert (found["size"], found["status"]) == (9, {"ready": True})


async def test_the_official_python_client_works(tmp_path: Path) -> None:
    async with serving_clients(tmp_path) as clients:
        api = config.new_client_from_config(str(clients.kubeconfig))
        try:
            for exercise in (
                exercise_core,
                exercise_watch,
                exercise_workloads,
                exercise_custom_objects,
            ):
                await asyncio.to_thread(exercise, api)
        finally:
            api.close()
