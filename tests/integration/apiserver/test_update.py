"""PUT, the patches, subresources: what may change, and who may change it."""

import asyncio

from tests.integration.apiserver.api import (
    APPLY,
    DEFINITIONS,
    JSON_PATCH,
    NAMESPACE,
    OLD_WIDGETS,
    STRATEGIC,
    WIDGETS,
    Api,
    config_map,
    deployment,
    pod,
    widget,
)

from kaito.api.crd import nodeclaim_crd, workspace_crd

MAPS = f"{NAMESPACE}/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = f"{NAMESPACE}/pods"


async def test_put_replaces_and_keeps_the_identity(api: Api) -> None:
    created = (await api.post(MAPS, config_map("a", x="1"))).ok()
    replaced = (await api.put(f"{MAPS}/a", config_map("a", y="2"))).ok()
    assert replaced["data"] == {"y": "2"}
    assert replaced["metadata"]["uid"] == created["metadata"]["uid"]
    assert replaced["metadata"]["resourceVersion"] != created["metadata"]["resourceVersion"]


async def test_an_outdated_put_is_a_conflict(api: Api) -> None:
    created = (await api.post(MAPS, config_map("a"))).ok()
    (await api.put(f"{MAPS}/a", config_map("a", x="1"))).ok()
    answer = await api.put(f"{MAPS}/a", {**created, "data": {"x": "2"}})
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")
    assert "the object has been modified" in answer.message


async def test_a_put_of_a_custom_resource_names_the_revision_it_replaces(widget_api: Api) -> None:
    (await widget_api.post(WIDGETS, widget("a"))).ok()
    answer = await widget_api.put(f"{WIDGETS}/a", widget("a", size=5))
    assert answer.status == 422
    assert "metadata.resourceVersion" in answer.message


async def test_writing_the_same_again_writes_nothing(api: Api) -> None:
    created = (await api.post(MAPS, config_map("a", x="1"))).ok()
    before = api.store.revision
    assert (await api.put(f"{MAPS}/a", created)).ok() == created
    (await api.patch(f"{MAPS}/a", {"data": {"x": "1"}})).ok()
    assert api.store.revision == before


async def test_concurrent_patches_all_arrive(api: Api) -> None:
    (await api.post(MAPS, config_map("a"))).ok()
    patches = [api.patch(f"{MAPS}/a", {"data": {f"k{n}": "v"}}) for n in range(10)]
    for answer in await asyncio.gather(*patches):
        answer.ok()
    assert len((await api.get(f"{MAPS}/a")).body["data"]) == 10


async def test_the_four_patch_types(api: Api) -> None:
    (await api.post(DEPLOYMENTS, deployment("web"))).ok()
    path = f"{DEPLOYMENTS}/web"
    merged = await api.patch(path, {"metadata": {"labels": {"a": "b"}}})
    assert merged.ok()["metadata"]["labels"] == {"a": "b"}
    operations = [{"op": "replace", "path": "/spec/replicas", "value": 4}]
    assert (await api.patch(path, operations, JSON_PATCH)).ok()["spec"]["replicas"] == 4
    container = {"name": "main", "env": [{"name": "A", "value": "1"}]}
    strategic = {"spec": {"template": {"spec": {"containers": [container]}}}}
    patched = (await api.patch(path, strategic, STRATEGIC)).ok()
    assert patched["spec"]["template"]["spec"]["containers"][0]["image"] == "busybox"
    applied = await api.apply(path, {**deployment("web"), "metadata": {"name": "web"}})
    assert applied.status == 200


async def test_a_custom_resource_takes_no_strategic_patch(widget_api: Api) -> None:
    (await widget_api.post(WIDGETS, widget("a"))).ok()
    answer = await widget_api.patch(f"{WIDGETS}/a", {}, STRATEGIC)
    assert answer.status == 415
    assert "application/merge-patch+json" in answer.message


async def test_a_failing_json_patch_says_why(api: Api) -> None:
    (await api.post(MAPS, config_map("a"))).ok()
    operations = [{"op": "test", "path": "/data", "value": {"x": "1"}}]
    answer = await api.patch(f"{MAPS}/a", operations, JSON_PATCH)
    assert answer.status == 422
    assert (await api.patch(f"{MAPS}/a", {}, JSON_PATCH)).status == 400


async def test_apply_creates_and_then_owns(api: Api) -> None:
    created = await api.apply(f"{MAPS}/a", config_map("a", x="1"), "one")
    assert created.status == 201
    entry = created.body["metadata"]["managedFields"][0]
    assert (entry["manager"], entry["operation"]) == ("one", "Apply")
    dropped = (await api.apply(f"{MAPS}/a", config_map("a", y="2"), "one")).ok()
    assert dropped["data"] == {"y": "2"}


async def test_apply_of_a_field_of_another_is_a_conflict_unless_forced(api: Api) -> None:
    (await api.apply(f"{MAPS}/a", config_map("a", x="1"), "one")).ok()
    answer = await api.apply(f"{MAPS}/a", config_map("a", x="2"), "two")
    assert answer.status == 409
    assert answer.message == 'Apply failed with 1 conflict: conflict with "one": .data.x'
    cause = answer.body["details"]["causes"][0]
    assert (cause["reason"], cause["field"]) == ("FieldManagerConflict", ".data.x")
    forced = await api.apply(f"{MAPS}/a", config_map("a", x="2"), "two", force="true")
    assert forced.ok()["data"] == {"x": "2"}


async def test_apply_twice_writes_once(api: Api) -> None:
    (await api.apply(f"{DEPLOYMENTS}/web", deployment("web"))).ok()
    before = api.store.revision
    (await api.apply(f"{DEPLOYMENTS}/web", deployment("web"))).ok()
    assert api.store.revision == before


async def test_apply_needs_a_manager_and_a_kind(api: Api) -> None:
    answer = await api.call(
        "PATCH", f"{MAPS}/a", {"metadata": {"name": "a"}}, kind=APPLY, fieldManager="me"
    )
    assert answer.status == 400
    assert "apiVersion" in answer.message


async def test_generation_counts_changes_of_what_is_wanted(widget_api: Api) -> None:
    created = (await widget_api.post(WIDGETS, widget("a", size=1))).ok()
    assert created["metadata"]["generation"] == 1
    labelled = await widget_api.patch(f"{WIDGETS}/a", {"metadata": {"labels": {"a": "b"}}})
    assert labelled.ok()["metadata"]["generation"] == 1
    status = await widget_api.patch(f"{WIDGETS}/a/status", {"status": {"ready": True}})
    assert status.ok()["metadata"]["generation"] == 1
    changed = await widget_api.patch(f"{WIDGETS}/a", {"parts": ["x"]})
    assert changed.ok()["metadata"]["generation"] == 2


async def test_status_and_the_rest_are_written_through_different_doors(widget_api: Api) -> None:
    (await widget_api.post(WIDGETS, widget("a", size=1))).ok()
    both = {"size": 2, "status": {"ready": True}, "metadata": {"labels": {"a": "b"}}}
    through_status = (await widget_api.patch(f"{WIDGETS}/a/status", both)).ok()
    assert through_status["status"] == {"ready": True}
    assert through_status["size"] == 1
    assert "labels" not in through_status["metadata"]
    both = {"size": 2, "status": {"ready": False}}
    through_main = (await widget_api.patch(f"{WIDGETS}/a", both)).ok()
    assert through_main["status"] == {"ready": True}
    assert through_main["size"] == 2


async def test_a_custom_resource_is_one_object_in_all_its_versions(widget_api: Api) -> None:
    (await widget_api.post(OLD_WIDGETS, widget("a", "v1alpha1"))).ok()
    new = (await widget_api.get(f"{WIDGETS}/a")).ok()
    assert (new["apiVersion"], new["size"]) == ("example.com/v1", 3)
    old = (await widget_api.patch(f"{OLD_WIDGETS}/a", {"size": 7})).ok()
    assert (old["apiVersion"], old["size"]) == ("example.com/v1alpha1", 7)
    items = (await widget_api.get(OLD_WIDGETS)).ok()["items"]
    assert [item["apiVersion"] for item in items] == ["example.com/v1alpha1"]


async def test_scale_reads_and_sets_replicas(api: Api) -> None:
    (await api.post(DEPLOYMENTS, deployment("web", replicas=2))).ok()
    scale = (await api.get(f"{DEPLOYMENTS}/web/scale")).ok()
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 2})
    assert scale["status"]["selector"] == "app=web"
    scale["spec"]["replicas"] = 5
    assert (await api.put(f"{DEPLOYMENTS}/web/scale", scale)).ok()["spec"]["replicas"] == 5
    assert (await api.put(f"{DEPLOYMENTS}/web/scale", scale)).status == 409
    patched = await api.patch(f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 1}})
    assert patched.ok()["spec"]["replicas"] == 1
    live = (await api.get(f"{DEPLOYMENTS}/web")).ok()
    assert (live["spec"]["replicas"], live["metadata"]["generation"]) == (1, 3)


async def test_binding_puts_a_pod_on_a_node_once(api: Api) -> None:
    (await api.post(PODS, pod("p"))).ok()
    binding = {"target": {"kind": "Node", "name": "node-1"}}
    assert (await api.post(f"{PODS}/p/binding", binding)).status == 201
    bound = (await api.get(f"{PODS}/p")).ok()
    assert bound["spec"]["nodeName"] == "node-1"
    assert bound["status"]["conditions"][0]["type"] == "PodScheduled"
    again = await api.post(f"{PODS}/p/binding", {"target": {"name": "node-2"}})
    assert again.status == 409


async def test_what_runs_in_a_pod_does_not_change_but_its_image_may(api: Api) -> None:
    (await api.post(PODS, pod("p"))).ok()
    command = {"spec": {"containers": [{"name": "main", "image": "x", "command": ["sh"]}]}}
    answer = await api.patch(f"{PODS}/p", command, STRATEGIC)
    assert answer.status == 422
    assert "pod updates may not change fields other than" in answer.message
    image = {"spec": {"containers": [{"name": "main", "image": "new"}]}}
    assert (await api.patch(f"{PODS}/p", image, STRATEGIC)).status == 200


async def test_a_service_keeps_its_address(api: Api) -> None:
    services = f"{NAMESPACE}/services"
    manifest = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    before = (await api.post(services, manifest)).ok()["spec"]["clusterIP"]
    changed = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 81}]}}
    assert (await api.put(f"{services}/s", changed)).ok()["spec"]["clusterIP"] == before
    answer = await api.patch(f"{services}/s", {"spec": {"clusterIP": "127.40.0.9"}})
    assert answer.status == 422
    assert "may not change once set" in answer.message


async def test_an_immutable_config_map_stays_as_it_is(api: Api) -> None:
    (await api.post(MAPS, {**config_map("a", x="1"), "immutable": True})).ok()
    answer = await api.patch(f"{MAPS}/a", {"data": {"x": "2"}})
    assert answer.status == 422
    assert "field is immutable" in answer.message


async def test_an_update_of_nothing_is_not_found(api: Api) -> None:
    assert (await api.put(f"{MAPS}/a", config_map("a"))).status == 404
    assert (await api.patch(f"{MAPS}/a", {})).message == 'configmaps "a" not found'


async def test_a_name_in_the_body_that_contradicts_the_url_is_refused(api: Api) -> None:
    (await api.post(MAPS, config_map("a"))).ok()
    answer = await api.put(f"{MAPS}/a", config_map("b"))
    assert answer.status == 400
    assert "does not match the name on the URL" in answer.message


async def test_a_deleted_and_recreated_object_is_not_mistaken_for_the_old_one(api: Api) -> None:
    old = (await api.post(MAPS, config_map("a"))).ok()
    await api.delete(f"{MAPS}/a")
    (await api.post(MAPS, config_map("a"))).ok()
    answer = await api.patch(f"{MAPS}/a", {"metadata": {"uid": old["metadata"]["uid"]}})
    assert answer.status == 409
    assert "UID in precondition" in answer.message


async def test_applying_the_projects_own_definitions_again_writes_nothing(api: Api) -> None:
    for _ in range(2):
        revision = api.store.revision
        for manifest in (workspace_crd(), nodeclaim_crd()):
            path = f"{DEFINITIONS}/{manifest['metadata']['name']}"
            (await api.apply(path, manifest)).ok()
    assert api.store.revision == revision
