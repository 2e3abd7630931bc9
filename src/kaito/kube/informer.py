"""Keeps a `Cache` equal to an API server's objects: list, watch, and again after every break.

Starts with a streaming list (`sendInitialEvents`, Kubernetes 1.32 and newer by default) and falls
back to paged lists where the server refuses that. A watch resumes from the last revision it saw,
bookmarks included; a compacted revision (410) means a fresh list. Sources:
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes and
#streaming-lists.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, Generic, TypeVar

from kaito.api.meta import Key, Object
from kaito.api.resources import Resource
from kaito.base.backoff import Backoff
from kaito.base.clock import Clock
from kaito.base.logs import facts
from kaito.kube import errors
from kaito.kube.cache import Cache, CacheReader
from kaito.kube.client import Client, WatchEvent

T = TypeVar("T", bound=Object)
logger = logging.getLogger(__name__)

_INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_BACKOFF = Backoff(base=0.1, cap=10.0)
_SHORTEST_SECONDS = 1.0
"""A watch that ends sooner, and without a word, is no watch."""


class Informer(Generic[T]):
    """One resource's cache and the task that keeps it up to date."""

    def __init__(
        self,
        client: Client,
        resource: Resource[T],
        *,
        clock: Clock,
        query: Mapping[str, str] | None = None,
        namespace: str = "",
    ) -> None:
        """`namespace` and `query` (`labelSelector`, `fieldSelector`) narrow what is watched."""
        self.resource = resource
        self.cache: Cache[T] = Cache()
        self.synced = asyncio.Event()
        self.problem = ""
        """Why the server is not being followed right now; empty while it is."""
        self._namespace = namespace
        self._client = client
        self._clock = clock
        self._query = dict(query or {})
        self._revision = ""
        self._streams_lists = True

    async def run(self) -> None:
        """Follow the server until cancelled."""
        failures = 0
        while True:
            began, before = self._clock.monotonic(), self._standing
            try:
                await self._follow()
                failures = 0 if self._has_seen(before, began) else failures + 1
                if failures:
                    # Something between here and the server ends what it has only just begun.
                    await self._clock.sleep(_BACKOFF.delay(failures - 1, random.random))
            except errors.Gone as error:
                found = facts(resource=self.resource, error=error)
                logger.debug("the revision is gone, listing again", extra=found)
                self._revision = ""
                if failures:
                    # Ordinary once; a server that says so of fresh lists is not to be pressed.
                    await self._clock.sleep(_BACKOFF.delay(failures - 1, random.random))
                failures += 1
            except errors.ApiError as error:
                self.problem = str(error)
                self._log_break(error, failures)
                delay = max(_BACKOFF.delay(failures, random.random), error.retry_after)
                failures += 1
                await self._clock.sleep(delay)

    @property
    def _standing(self) -> tuple[str, bool]:
        """What has changed where a watch has come to anything."""
        return (self._revision, self._streams_lists)

    def _has_seen(self, before: tuple[str, bool], began: float) -> bool:
        is_short = self._clock.monotonic() - began < _SHORTEST_SECONDS
        return self._standing != before or not is_short

    async def _follow(self) -> None:
        """One list if needed, then one watch to its end."""
        if not self._revision:
            if self._streams_lists:
                await self._stream_list()
                return
            await self._page_list()
        async for event in self._watch(self._query):
            self._take(event.type, event.object)

    async def _stream_list(self) -> None:
        """A watch that begins with every object; it goes on as a normal watch afterwards."""
        query = {
            **self._query,
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
        }
        initial: dict[Key, T] | None = {}
        try:
            async for event in self._watch(query):
                if initial is None:
                    self._take(event.type, event.object)
                elif event.type != "BOOKMARK":
                    initial[event.object.key] = event.object
                elif _INITIAL_EVENTS_END in event.object.metadata.annotations:
                    self._start_from(initial, event.object.metadata.resource_version)
                    initial = None
        except errors.Invalid:
            # The server is older than streaming lists, or has them switched off.
            self._streams_lists = False

    def _watch(self, query: Mapping[str, str]) -> AsyncIterator[WatchEvent[T]]:
        return self._client.watch(
            self.resource, revision=self._revision, query=query, namespace=self._namespace
        )

    async def _page_list(self) -> None:
        listing = await self._client.list(
            self.resource,
            namespace=self._namespace,
            labels=self._query.get("labelSelector", ""),
            fields=self._query.get("fieldSelector", ""),
        )
        self._start_from({item.key: item for item in listing.items}, listing.resource_version)

    def _start_from(self, items: Mapping[Key, T], revision: str) -> None:
        self.cache.replace(items)
        self._revision = revision
        self.problem = ""
        self.synced.set()

    def _take(self, kind: str, item: T) -> None:
        if kind in ("ADDED", "MODIFIED"):
            self.cache.upsert(item)
        elif kind == "DELETED":
            self.cache.remove(item.key)
        self._revision = item.metadata.resource_version
        self.problem = ""

    def _log_break(self, error: errors.ApiError, failures: int) -> None:
        # The first break is ordinary (a restart); only a lasting one deserves attention.
        level = logging.DEBUG if failures == 0 else logging.WARNING
        logger.log(level, "watch broke", extra=facts(resource=self.resource, error=error))


class Informers(CacheReader):
    """The informers of one process, each resource watched once; a `Reader` over all of them."""

    def __init__(self, client: Client, *, clock: Clock, namespace: str = "") -> None:
        """With `namespace` the namespaced resources are followed there only."""
        self._client = client
        self._clock = clock
        self._namespace = namespace
        self._informers: dict[Resource[Any], Informer[Any]] = {}
        self._attached: dict[Resource[Any], Cache[Any]] = {}
        self._fillers: list[Callable[[], Coroutine[Any, Any, None]]] = []

    def attach(
        self,
        resource: Resource[T],
        cache: Cache[T],
        run: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """Serve a resource that no API server has from a cache that `run` fills.

        It is never waited for: what it holds is news, and nothing may depend on it.
        """
        self._attached[resource] = cache
        self._fillers.append(run)

    def watch(self, resource: Resource[T]) -> Cache[T]:
        """Make sure the resource is followed once `run` starts, and give its cache."""
        if resource in self._attached:
            attached: Cache[T] = self._attached[resource]
            return attached
        found = self._informers.get(resource)
        if found is None:
            scope = self._namespace if resource.namespaced else ""
            found = Informer(self._client, resource, clock=self._clock, namespace=scope)
            self._informers[resource] = found
        return found.cache

    async def run(self) -> None:
        """Follow everything until cancelled."""
        async with asyncio.TaskGroup() as group:
            for informer in self._informers.values():
                group.create_task(informer.run(), name=f"informer {informer.resource}")
            for run in self._fillers:
                group.create_task(run(), name="attached cache")

    async def wait_synced(self) -> None:
        """Return when every cache has seen a full list."""
        for informer in self._informers.values():
            await informer.synced.wait()

    @property
    def unsynced(self) -> tuple[str, ...]:
        """The resources whose first list is still missing."""
        pending = (str(i.resource) for i in self._informers.values() if not i.synced.is_set())
        return tuple(sorted(pending))

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps resources from being followed, one line each."""
        found = (f"{i.resource}: {i.problem}" for i in self._informers.values() if i.problem)
        return tuple(sorted(found))

    def _cache(self, resource: Resource[T]) -> Cache[T]:
        if resource in self._attached:
            attached: Cache[T] = self._attached[resource]
            return attached
        found = self._informers.get(resource)
        if found is None:
            raise LookupError(f"{resource} is read but not among the controllers' watches")
        return found.cache
