"""Informers against the real API server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kaito.api.core import CONFIGMAPS, CRDS, NAMESPACES, NODES, PODS, ConfigMap
from kaito.api.crd import nodeclaim_crd
from kaito.api.meta import Key, Manifest, Object
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.resources import reading
from kaito.base.clock import ManualClock, SystemClock, settle
from kaito.kube import errors
from kaito.kube.cache import Cache
from kaito.kube.client import Client
from kaito.kube.config import on_socket
from kaito.kube.informer import Informer, Informers
from kaito.local.apiserver.server import ApiServer

PATIENCE = 10.0


def configmap(name: str, **labels: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
    }


@asynccontextmanager
async def following(informer: Informer[ConfigMap]) -> AsyncIterator[Cache[ConfigMap]]:
    task = asyncio.create_task(informer.run())
    async with asyncio.timeout(PATIENCE):
        await informer.synced.wait()
    yield informer.cache
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def shows(cache: Cache[ConfigMap], *names: str) -> None:
    """Return when the cache holds exactly these."""
    changed = asyncio.Event()
    cache.subscribe(lambda old, new: changed.set())
    async with asyncio.timeout(PATIENCE):
        while [item.metadata.name for item in cache.list()] != list(names):
            changed.clear()
            await changed.wait()


async def test_it_begins_with_what_is_there_and_follows_what_happens(client: Client) -> None:
    await client.create(CONFIGMAPS, configmap("a"))
    async with following(Informer(client, CONFIGMAPS, clock=SystemClock())) as cache:
        assert [item.metadata.name for item in cache.list()] == ["a"]

        await client.create(CONFIGMAPS, configmap("b"))
        await shows(cache, "a", "b")
        await client.delete(CONFIGMAPS, Key("default", "a"))
        await shows(cache, "b")


async def test_a_selector_narrows_what_is_seen(client: Client) -> None:
    query = {"labelSelector": "kept=yes"}
    await client.create(CONFIGMAPS, configmap("a", kept="no"))
    await client.create(CONFIGMAPS, configmap("b", kept="yes"))
    informer = Informer(client, CONFIGMAPS, clock=SystemClock(), query=query)
    async with following(informer) as cache:
        assert [item.metadata.name for item in cache.list()] == ["b"]

        await client.patch(
            CONFIGMAPS, Key("default", "a"), {"metadata": {"labels": {"kept": "yes"}}}
        )
        await shows(cache, "a", "b")
        await client.patch(
            CONFIGMAPS, Key("default", "b"), {"metadata": {"labels": {"kept": "no"}}}
        )
        await shows(cache, "a")


@pytest.mark.parametrize("compacted", [False, True], ids=["resumed", "listed again"])
async def test_a_broken_watch_misses_nothing(
    server: ApiServer, client: Client, compacted: bool
) -> None:
    await client.create(CONFIGMAPS, configmap("a"))
    async with following(Informer(client, CONFIGMAPS, clock=SystemClock())) as cache:
        for watch in tuple(server._dispatcher.open_watches):
            watch.close()
        await client.create(CONFIGMAPS, configmap("b"))
        await client.delete(CONFIGMAPS, Key("default", "a"))
        if compacted:
            await server.core.store.compact(server.core.store.revision)

        await shows(cache, "b")


class Forgetful(Client):
    """A server that keeps no revision, not even that of the list it is just sending."""

    asked = 0

    async def watch(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        self.asked += 1
        if self.asked:
            raise errors.Gone("too old resource version")
        yield


async def test_a_server_that_keeps_no_revision_is_not_pressed(
    tmp_path: Path, server: ApiServer
) -> None:
    clock = ManualClock()
    async with Forgetful(on_socket(tmp_path / "api.sock")) as client:
        task = asyncio.create_task(Informer(client, CONFIGMAPS, clock=clock).run())
        await settle()
        assert client.asked == 2
        await clock.advance(60)
        assert 3 <= client.asked < 60
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Curt(Client):
    """A proxy before the server that ends every watch at once, and tells no list."""

    asked = 0

    async def watch(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        self.asked += 1
        if not self.asked:
            yield


async def test_watches_that_end_at_once_are_not_begun_in_a_tight_loop(
    tmp_path: Path, server: ApiServer
) -> None:
    clock = ManualClock()
    async with Curt(on_socket(tmp_path / "api.sock")) as client:
        task = asyncio.create_task(Informer(client, CONFIGMAPS, clock=clock).run())
        await settle()
        assert client.asked == 1
        await clock.advance(60)
        assert 2 <= client.asked < 60
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_every_resource_is_watched_once_for_all(client: Client) -> None:
    informers = Informers(client, clock=SystemClock())

    assert informers.watch(PODS) is informers.watch(PODS)
    assert informers.unsynced == ("pods",)


async def test_reading_what_is_not_watched_is_a_mistake_that_is_named(client: Client) -> None:
    informers = Informers(client, clock=SystemClock())

    with pytest.raises(LookupError, match="pods is read but not among the controllers' watches"):
        informers.list(PODS)


async def test_an_object_without_its_kinds_form_hides_no_other(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Custom resources may hold anything that their schema leaves open."""
    crd = nodeclaim_crd()
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = anything
    await client.apply(CRDS, crd, manager="test")
    informer = Informer(client, NODECLAIMS, clock=SystemClock())
    task = asyncio.create_task(informer.run())
    async with asyncio.timeout(PATIENCE):
        await informer.synced.wait()
        seen = asyncio.Event()
        informer.cache.subscribe(lambda old, new: seen.set())
        for name, requirements in (("broken", "none"), ("whole", [])):
            spec: Manifest = {"requirements": requirements}
            await client.create(
                reading(NODECLAIMS, Object),
                {
                    "apiVersion": "karpenter.sh/v1",
                    "kind": "NodeClaim",
                    "metadata": {"name": name},
                    "spec": spec,
                },
            )
        await seen.wait()
    assert [claim.metadata.name for claim in informer.cache.list()] == ["whole"]
    listed = await client.list(NODECLAIMS)
    assert [claim.metadata.name for claim in listed.items] == ["whole"]
    assert "object unreadable" in caplog.text
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_followers_of_one_namespace_see_nothing_of_others(client: Client) -> None:
    other = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}
    await client.create(NAMESPACES, other)
    for namespace in ("default", "other"):
        manifest = configmap("a")
        manifest["metadata"]["namespace"] = namespace
        await client.create(CONFIGMAPS, manifest)
    informers = Informers(client, clock=SystemClock(), namespace="other")
    configs, nodes = informers.watch(CONFIGMAPS), informers.watch(NODES)
    task = asyncio.create_task(informers.run())
    async with asyncio.timeout(PATIENCE):
        await informers.wait_synced()

    assert [found.metadata.namespace for found in configs.list()] == ["other"]
    assert nodes.list() == ()  # cluster-scoped, so followed everywhere
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_keeps_a_resource_from_being_followed_is_named(client: Client) -> None:
    informers = Informers(client, clock=SystemClock())
    informers.watch(NODECLAIMS)
    task = asyncio.create_task(informers.run())
    clock = SystemClock()
    async with asyncio.timeout(PATIENCE):
        while not informers.problems:
            await clock.sleep(0.01)

    assert informers.problems[0].startswith("nodeclaims.karpenter.sh: ")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
