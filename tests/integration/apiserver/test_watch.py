"""List and watch: selectors, pages, bookmarks, and history that is gone."""

from pathlib import Path

import pytest
from tests.integration.apiserver.api import (
    NAMESPACE,
    OLD_WIDGETS,
    WIDGETS,
    Api,
    config_map,
    pod,
    running_api,
    widget,
)

from kaito.base.clock import ManualClock
from kaito.local.store.memory import MemoryStore
from kaito.local.store.port import StoreKey

MAPS = f"{NAMESPACE}/configmaps"
PODS = f"{NAMESPACE}/pods"


def labelled(name: str, **labels: str) -> dict[str, object]:
    manifest = config_map(name)
    manifest["metadata"]["labels"] = labels
    return manifest


async def names(api: Api, path: str, **query: str) -> list[str]:
    return [item["metadata"]["name"] for item in (await api.get(path, **query)).ok()["items"]]


async def test_a_list_says_what_it_is(api: Api) -> None:
    empty = (await api.get(MAPS)).ok()
    assert (empty["kind"], empty["apiVersion"], empty["items"]) == ("ConfigMapList", "v1", [])
    assert empty["metadata"]["resourceVersion"] == str(api.store.revision)


async def test_label_selectors_choose(api: Api) -> None:
    for name, app in (("a", "x"), ("b", "y"), ("c", "z")):
        (await api.post(MAPS, labelled(name, app=app))).ok()
    assert await names(api, MAPS, labelSelector="app in (x, y)") == ["a", "b"]
    assert await names(api, MAPS, labelSelector="app!=x") == ["b", "c"]
    assert await names(api, MAPS, labelSelector="missing") == []
    assert (await api.get(MAPS, labelSelector="!!")).status == 400


async def test_field_selectors_choose_among_the_fields_that_kubernetes_has(api: Api) -> None:
    (await api.post(PODS, pod("a", nodeName="n1"))).ok()
    (await api.post(PODS, pod("b", nodeName="n2"))).ok()
    assert await names(api, PODS, fieldSelector="spec.nodeName=n2") == ["b"]
    assert await names(api, PODS, fieldSelector="metadata.name!=b") == ["a"]
    answer = await api.get(PODS, fieldSelector="spec.nodename=n2")
    assert answer.status == 400
    assert answer.message == 'field label not supported: "spec.nodename"'


async def test_pages_are_of_one_moment(api: Api) -> None:
    for name in "abcde":
        (await api.post(MAPS, config_map(name))).ok()
    first = (await api.get(MAPS, limit="2")).ok()
    assert first["metadata"]["remainingItemCount"] == 3
    await api.delete(f"{MAPS}/c")
    token = first["metadata"]["continue"]
    second = (await api.get(MAPS, **{"limit": "2", "continue": token})).ok()
    assert [i["metadata"]["name"] for i in second["items"]] == ["c", "d"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    token = second["metadata"]["continue"]
    last = (await api.get(MAPS, **{"limit": "2", "continue": token})).ok()
    assert [i["metadata"]["name"] for i in last["items"]] == ["e"]
    assert "continue" not in last["metadata"]


async def test_pages_of_a_selection_are_full(api: Api) -> None:
    for number in range(6):
        (await api.post(MAPS, labelled(f"m{number}", odd=str(number % 2)))).ok()
    first = (await api.get(MAPS, limit="2", labelSelector="odd=1")).ok()
    assert [i["metadata"]["name"] for i in first["items"]] == ["m1", "m3"]
    query = {"limit": "2", "labelSelector": "odd=1", "continue": first["metadata"]["continue"]}
    rest = (await api.get(MAPS, **query)).ok()
    assert [i["metadata"]["name"] for i in rest["items"]] == ["m5"]


async def test_a_page_from_before_the_floor_is_gone(api: Api) -> None:
    for name in "abc":
        (await api.post(MAPS, config_map(name))).ok()
    token = (await api.get(MAPS, limit="1")).ok()["metadata"]["continue"]
    await api.delete(f"{MAPS}/c")
    await api.store.compact(api.store.revision)
    answer = await api.get(MAPS, **{"continue": token})
    assert (answer.status, answer.body["reason"]) == (410, "Expired")
    assert (await api.get(MAPS, **{"continue": "nonsense"})).status == 400


async def test_a_watch_starts_where_it_is_told_to(api: Api) -> None:
    (await api.post(MAPS, config_map("a"))).ok()
    revision = str(api.store.revision)
    (await api.post(MAPS, config_map("b"))).ok()
    async with api.watching(MAPS, resourceVersion=revision) as stream:
        (await api.patch(f"{MAPS}/b", {"data": {"x": "1"}})).ok()
        await api.delete(f"{MAPS}/a")
        assert await stream.names(3) == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "a")]


async def test_a_watch_without_a_start_begins_with_what_there_is(api: Api) -> None:
    (await api.post(MAPS, config_map("a"))).ok()
    async with api.watching(MAPS) as stream:
        (await api.post(MAPS, config_map("b"))).ok()
        assert await stream.names(2) == [("ADDED", "a"), ("ADDED", "b")]


async def test_initial_events_end_with_a_bookmark(api: Api) -> None:
    (await api.post(MAPS, config_map("a"))).ok()
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    async with api.watching(MAPS, **query) as stream:
        assert await stream.names(1) == [("ADDED", "a")]
        kind, marker = await stream.next()
        assert kind == "BOOKMARK"
        assert marker["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert marker["metadata"]["resourceVersion"] == str(api.store.revision)


async def test_an_object_that_starts_or_stops_matching_comes_or_goes(api: Api) -> None:
    (await api.post(MAPS, labelled("a", app="x"))).ok()
    revision = str(api.store.revision)
    async with api.watching(MAPS, resourceVersion=revision, labelSelector="app=x") as stream:
        for app in ("y", "x", "x2"):
            patch = {"metadata": {"labels": {"app": app}}}
            (await api.patch(f"{MAPS}/a", patch)).ok()
        (await api.patch(f"{MAPS}/a", {"metadata": {"labels": {"app": "x"}}})).ok()
        await api.delete(f"{MAPS}/a")
        kinds = [kind for kind, _ in await stream.names(5)]
        assert kinds == ["DELETED", "ADDED", "DELETED", "ADDED", "DELETED"]


async def test_a_watch_ends_in_time_with_a_last_bookmark(api: Api, clock: ManualClock) -> None:
    query = {"allowWatchBookmarks": "true", "timeoutSeconds": "30"}
    async with api.watching(MAPS, resourceVersion=str(api.store.revision), **query) as stream:
        (await api.post(PODS, pod("elsewhere"))).ok()
        await clock.advance(31)
        kind, marker = (await stream.rest())[-1]
        assert kind == "BOOKMARK"
        assert marker["metadata"]["resourceVersion"] == str(api.store.revision)


async def test_a_quiet_watch_gets_bookmarks(api: Api, clock: ManualClock) -> None:
    start = str(api.store.revision)
    async with api.watching(MAPS, resourceVersion=start, allowWatchBookmarks="true") as stream:
        (await api.post(PODS, pod("elsewhere"))).ok()
        await clock.advance(61)
        kind, marker = await stream.next()
        assert kind == "BOOKMARK"
        assert marker["kind"] == "ConfigMap"
        assert marker["metadata"]["resourceVersion"] == str(api.store.revision)


@pytest.mark.parametrize("offset", [-1, 1000])
async def test_history_that_is_gone_or_foreign_is_a_410(api: Api, offset: int) -> None:
    (await api.post(MAPS, config_map("a"))).ok()
    await api.store.compact(api.store.revision)
    query = {"watch": "1", "resourceVersion": str(api.store.revision + offset)}
    answer = await api.get(MAPS, **query)
    assert (answer.status, answer.body["reason"]) == (410, "Expired")


async def test_housekeeping_raises_the_floor_and_expires_events(
    api: Api, clock: ManualClock
) -> None:
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    (await api.post(f"{NAMESPACE}/events", event)).ok()
    written = api.store.revision
    await clock.advance(3300)
    assert api.store.floor == written
    assert await names(api, f"{NAMESPACE}/events") == ["e"]
    await clock.advance(600)
    assert await names(api, f"{NAMESPACE}/events") == []


async def test_a_slow_watch_is_told_to_list_again(tmp_path: Path, clock: ManualClock) -> None:
    store = MemoryStore(queue_limit=2)
    async with running_api(tmp_path, clock, store=store) as api, api.watching(MAPS) as stream:
        # Written behind the server's back in one turn of the loop, so that it cannot keep up.
        for number in range(4):
            key = StoreKey("configmaps", "default", f"m{number}")
            await store.create(key, lambda _: b"{}")
        kind, status = (await stream.rest())[-1]
        assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")


async def test_a_watch_speaks_the_version_of_its_url(widget_api: Api) -> None:
    async with widget_api.watching(OLD_WIDGETS) as stream:
        (await widget_api.post(WIDGETS, widget("a"))).ok()
        _, item = await stream.next()
        assert item["apiVersion"] == "example.com/v1alpha1"


async def test_stopping_the_server_ends_watches_cleanly(tmp_path: Path, clock: ManualClock) -> None:
    async with running_api(tmp_path, clock) as api, api.watching(MAPS) as stream:
        await api.server.stop()
        assert await stream.rest() == []
