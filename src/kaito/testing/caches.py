"""Caches that lag as far as a test wants: changes wait until they are delivered.

Within one resource the order is the server's, as a watch promises; between resources there is none,
which is what most wrong assumptions are about.
"""

from typing import Any, TypeVar

import msgspec

from kaito.api.meta import Object
from kaito.api.resources import Resource
from kaito.kube.cache import Cache, CacheReader, Listener
from kaito.local.store.port import Change, Scope
from kaito.testing.server import SimulatedServer

T = TypeVar("T", bound=Object)


class Feed:
    """One resource's cache and the changes it has not heard of yet."""

    def __init__(self, simulated: SimulatedServer, resource: Resource[Any]) -> None:
        self.resource = resource
        self.cache: Cache[Any] = Cache()
        self._simulated = simulated
        self._waiting: list[Change] = []

    async def open(self) -> None:
        """List, then follow."""
        await self.relist()
        store = self._simulated.store
        self._watch = await store.watch(Scope(str(self.resource)), after=store.revision)

    async def relist(self) -> None:
        """What an informer does after a 410: the whole list, and nothing of what waited."""
        page = await self._simulated.store.list(Scope(str(self.resource)))
        items = (self._decode(entry.value) for entry in page.entries)
        self._waiting.clear()
        self.cache.replace({item.key: item for item in items})

    async def pending(self) -> int:
        """How many changes wait."""
        self._watch.wake()
        self._waiting += await self._watch.changes()
        return len(self._waiting)

    def deliver(self, count: int) -> None:
        """Hear of the oldest changes."""
        arrived, self._waiting = self._waiting[:count], self._waiting[count:]
        for change in arrived:
            item = self._decode(change.entry.value)
            if change.type == "DELETED":
                self.cache.remove(item.key)
            else:
                self.cache.upsert(item)

    def _decode(self, value: bytes) -> Object:
        item: Object = msgspec.json.decode(value, type=self.resource.type)
        return item


class LaggingCaches(CacheReader):
    """A `Reader` over feeds, one a resource."""

    def __init__(self, simulated: SimulatedServer) -> None:
        self._simulated = simulated
        self._feeds: dict[tuple[str, type], Feed] = {}

    @property
    def feeds(self) -> tuple[Feed, ...]:
        """Every feed, in the order the resources were asked for."""
        return tuple(self._feeds.values())

    def subscribe(self, resource: Resource[Any], listener: Listener[Any]) -> None:
        """Hear of what a resource's cache is told."""
        self._feed(resource).cache.subscribe(listener)

    async def open(self) -> None:
        """List every resource that was subscribed to."""
        for feed in self.feeds:
            await feed.open()

    async def catch_up(self) -> bool:
        """Deliver everything that waits; whether anything did."""
        moved = False
        for feed in self.feeds:
            if count := await feed.pending():
                feed.deliver(count)
                moved = True
        return moved

    def _cache(self, resource: Resource[T]) -> Cache[T]:
        found: Cache[T] = self._feed(resource).cache
        return found

    def _feed(self, resource: Resource[Any]) -> Feed:
        name = (str(resource), resource.type)
        if name not in self._feeds:
            self._feeds[name] = Feed(self._simulated, resource)
        return self._feeds[name]
