"""Fan-out of changes to watches, shared by the stores.

Each watch has its own bounded queue, so a slow reader is cut off (`WatcherTooSlow`) and can never
hold up a writer or another reader. Synchronous on purpose: a store publishes within one turn of the
event loop, which is what makes `Watch.revision` exact.
"""

import asyncio
from collections.abc import Iterable

from kaito.local.store.errors import StoreClosed, StoreError, WatcherTooSlow
from kaito.local.store.port import Change, Scope

QUEUE_LIMIT = 4096
"""Unread changes kept for one watch."""


class Subscription:
    """One watch: see `port.Watch`."""

    def __init__(self, hub: "Broadcaster", scope: Scope, limit: int) -> None:
        self.scope = scope
        self.revision = hub.revision
        self._hub = hub
        self._limit = limit
        self._queue: list[Change] = []
        self._waiter: asyncio.Future[None] | None = None
        self._woken = False
        self._failure: StoreError | None = None

    async def changes(self) -> tuple[Change, ...]:
        """Wait for changes and return them; an empty tuple after `wake`."""
        while not (self._queue or self._woken or self._failure):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._failure:
            raise self._failure
        self._woken = False
        ready, self._queue = tuple(self._queue), []
        # Publishing is synchronous, so an empty queue means that nothing up to the hub's revision
        # is still to come.
        self.revision = self._hub.revision
        return ready

    def wake(self) -> None:
        """Make a waiting `changes` return."""
        self._woken = True
        self._notify()

    def close(self) -> None:
        """Stop receiving."""
        self._hub.discard(self)
        self.fail(StoreClosed("the watch is closed"))

    def prepend(self, backlog: Iterable[Change]) -> None:
        """Put older changes before the live ones."""
        self._queue[:0] = backlog
        self._notify()

    def offer(self, change: Change) -> None:
        """Queue a live change, or cut this watch off."""
        if len(self._queue) >= self._limit:
            self._hub.discard(self)
            self.fail(WatcherTooSlow(f"more than {self._limit} changes were waiting for a watch"))
            return
        self._queue.append(change)
        self._notify()

    def fail(self, error: StoreError) -> None:
        """End the watch with `error`."""
        self._failure = self._failure or error
        self._notify()

    def _notify(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Broadcaster:
    """Every open watch of a store, and the revision they have been told of."""

    def __init__(self, *, revision: int = 0, limit: int = QUEUE_LIMIT) -> None:
        self.revision = revision
        self._limit = limit
        self._by_resource: dict[str, set[Subscription]] = {}

    def subscribe(self, scope: Scope) -> Subscription:
        """A watch that receives every change published from now on."""
        subscription = Subscription(self, scope, self._limit)
        self._by_resource.setdefault(scope.resource, set()).add(subscription)
        return subscription

    def discard(self, subscription: Subscription) -> None:
        """Forget a watch."""
        self._by_resource.get(subscription.scope.resource, set()).discard(subscription)

    def publish(self, change: Change) -> None:
        """Offer a change to every watch whose scope covers it."""
        self.revision = change.entry.revision
        for subscription in tuple(self._by_resource.get(change.entry.key.resource, ())):
            if subscription.scope.covers(change.entry.key):
                subscription.offer(change)

    def close(self) -> None:
        """End every watch."""
        for subscriptions in self._by_resource.values():
            for subscription in subscriptions:
                subscription.fail(StoreClosed("the store is closed"))
        self._by_resource.clear()
