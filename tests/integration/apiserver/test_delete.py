"""Delete: at once, in time, in order, or not yet."""

from tests.integration.apiserver.api import (
    DEFINITIONS,
    NAMESPACE,
    WIDGETS,
    Api,
    config_map,
    deployment,
    pod,
    widget,
    widgets,
)

from kaito.base.clock import ManualClock

MAPS = f"{NAMESPACE}/configmaps"
PODS = f"{NAMESPACE}/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


async def test_a_finished_deletion_is_a_status_that_names_the_object(api: Api) -> None:
    created = (await api.post(MAPS, config_map("a"))).ok()
    answer = (await api.delete(f"{MAPS}/a")).ok()
    assert answer["status"] == "Success"
    assert answer["details"]["uid"] == created["metadata"]["uid"]
    assert (await api.get(f"{MAPS}/a")).status == 404
    assert (await api.delete(f"{MAPS}/a")).message == 'configmaps "a" not found'


async def test_a_finalizer_holds_an_object_until_it_is_taken_off(api: Api) -> None:
    held = config_map("a")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    (await api.post(MAPS, held)).ok()
    going = (await api.delete(f"{MAPS}/a")).ok()
    assert going["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:00Z"
    added = await api.patch(f"{MAPS}/a", {"metadata": {"finalizers": ["a/x", "example.com/hold"]}})
    assert added.status == 422
    assert "no new finalizers can be added" in added.message
    (await api.patch(f"{MAPS}/a", {"metadata": {"finalizers": None}})).ok()
    assert (await api.get(f"{MAPS}/a")).status == 404


async def test_a_foreground_deletion_waits_for_the_collector(api: Api) -> None:
    (await api.post(DEPLOYMENTS, deployment("web"))).ok()
    going = (await api.delete(f"{DEPLOYMENTS}/web", propagationPolicy="Foreground")).ok()
    assert going["metadata"]["finalizers"] == ["foregroundDeletion"]
    background = (await api.delete(f"{DEPLOYMENTS}/web", propagationPolicy="Background")).ok()
    assert background["status"] == "Success"


async def test_an_orphaning_deletion_waits_for_the_collector(api: Api) -> None:
    (await api.post(DEPLOYMENTS, deployment("web"))).ok()
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Orphan"}
    going = (await api.delete(f"{DEPLOYMENTS}/web", options)).ok()
    assert going["metadata"]["finalizers"] == ["orphan"]


async def test_a_pod_on_no_node_goes_at_once(api: Api) -> None:
    (await api.post(PODS, pod("p"))).ok()
    (await api.delete(f"{PODS}/p")).ok()
    assert (await api.get(f"{PODS}/p")).status == 404


async def test_a_pod_on_a_node_has_its_grace_until_the_node_confirms(api: Api) -> None:
    (await api.post(PODS, pod("p", nodeName="n"))).ok()
    going = (await api.delete(f"{PODS}/p")).ok()["metadata"]
    assert going["deletionGracePeriodSeconds"] == 30
    assert going["deletionTimestamp"] == "2026-01-01T00:00:30Z"
    (await api.delete(f"{PODS}/p", gracePeriodSeconds="0")).ok()
    assert (await api.get(f"{PODS}/p")).status == 404


async def test_a_grace_period_only_shrinks(api: Api, clock: ManualClock) -> None:
    (await api.post(PODS, pod("p", nodeName="n"))).ok()
    (await api.delete(f"{PODS}/p", gracePeriodSeconds="20")).ok()
    longer = (await api.delete(f"{PODS}/p", gracePeriodSeconds="60")).ok()["metadata"]
    assert longer["deletionGracePeriodSeconds"] == 20
    await clock.advance(1)
    shorter = (await api.delete(f"{PODS}/p", gracePeriodSeconds="5")).ok()["metadata"]
    assert shorter["deletionTimestamp"] == "2026-01-01T00:00:06Z"


async def test_repeating_a_deletion_changes_nothing(api: Api) -> None:
    (await api.post(PODS, pod("p", nodeName="n"))).ok()
    (await api.delete(f"{PODS}/p")).ok()
    before = api.store.revision
    (await api.delete(f"{PODS}/p")).ok()
    assert api.store.revision == before


async def test_eviction_deletes_a_pod(api: Api) -> None:
    (await api.post(PODS, pod("p"))).ok()
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    assert (await api.post(f"{PODS}/p/eviction", eviction)).status == 201
    assert (await api.get(f"{PODS}/p")).status == 404


async def test_preconditions_are_held_to(api: Api) -> None:
    created = (await api.post(MAPS, config_map("a"))).ok()["metadata"]
    wrong = await api.delete(f"{MAPS}/a", {"preconditions": {"uid": "other"}})
    assert wrong.status == 409
    outdated = await api.delete(f"{MAPS}/a", {"preconditions": {"resourceVersion": "1"}})
    assert outdated.status == 409
    exact = {"uid": created["uid"], "resourceVersion": created["resourceVersion"]}
    (await api.delete(f"{MAPS}/a", {"preconditions": exact})).ok()


async def test_a_dry_run_deletes_nothing(api: Api) -> None:
    (await api.post(MAPS, config_map("a"))).ok()
    (await api.delete(f"{MAPS}/a", dryRun="All")).ok()
    assert (await api.get(f"{MAPS}/a")).status == 200


async def test_a_collection_is_deleted_by_selector(api: Api) -> None:
    for name, app in (("a", "x"), ("b", "x"), ("c", "y")):
        manifest = config_map(name)
        manifest["metadata"]["labels"] = {"app": app}
        (await api.post(MAPS, manifest)).ok()
    answer = (await api.delete(MAPS, labelSelector="app=x")).ok()
    assert [item["metadata"]["name"] for item in answer["items"]] == ["a", "b"]
    left = (await api.get(MAPS)).ok()["items"]
    assert [item["metadata"]["name"] for item in left] == ["c"]


async def test_a_namespace_goes_when_it_is_finalized(api: Api) -> None:
    (await api.post("/api/v1/namespaces", {"metadata": {"name": "team"}})).ok()
    going = (await api.delete("/api/v1/namespaces/team")).ok()
    assert going["status"]["phase"] == "Terminating"
    (await api.put("/api/v1/namespaces/team/finalize", {**going, "spec": {}})).ok()
    assert (await api.get("/api/v1/namespaces/team")).status == 404


async def test_only_finalize_lets_a_namespace_go(api: Api) -> None:
    (await api.post("/api/v1/namespaces", {"metadata": {"name": "team"}})).ok()
    going = (await api.delete("/api/v1/namespaces/team")).ok()
    (await api.put("/api/v1/namespaces/team", {**going, "spec": {}})).ok()
    assert (await api.get("/api/v1/namespaces/team")).status == 200


async def test_the_namespaces_of_the_beginning_stay(api: Api) -> None:
    answer = await api.delete("/api/v1/namespaces/default")
    assert answer.status == 403
    assert "may not be deleted" in answer.message


async def test_a_definition_goes_after_its_last_object(widget_api: Api) -> None:
    held = widget("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    (await widget_api.post(WIDGETS, held)).ok()
    (await widget_api.post(WIDGETS, widget("free"))).ok()
    path = f"{DEFINITIONS}/widgets.example.com"
    async with widget_api.watching(
        DEFINITIONS, resourceVersion=str(widget_api.store.revision)
    ) as s:
        going = (await widget_api.delete(path)).ok()
        assert going["metadata"]["deletionTimestamp"]
        assert await s.names(1) == [("MODIFIED", "widgets.example.com")]
        assert (await widget_api.get(f"{WIDGETS}/held")).status == 200
        (await widget_api.patch(f"{WIDGETS}/held", {"metadata": {"finalizers": None}})).ok()
        assert await s.names(1) == [("DELETED", "widgets.example.com")]
    assert (await widget_api.get(WIDGETS)).status == 404


async def test_a_definition_can_come_back(widget_api: Api) -> None:
    async with widget_api.watching(
        DEFINITIONS, resourceVersion=str(widget_api.store.revision)
    ) as s:
        (await widget_api.delete(f"{DEFINITIONS}/widgets.example.com")).ok()
        assert [kind for kind, _ in await s.names(2)] == ["MODIFIED", "DELETED"]
    (await widget_api.post(DEFINITIONS, widgets())).ok()
    (await widget_api.post(WIDGETS, widget("a"))).ok()
