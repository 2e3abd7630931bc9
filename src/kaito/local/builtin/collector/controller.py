"""Watches every resource that can own or be owned."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from kaito.api.meta import Key, Object
from kaito.api.resources import Resource
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Watch
from kaito.local.builtin.collector.decide import decide_collection
from kaito.local.builtin.collector.observed import (
    Kinds,
    Observed,
    Observer,
    owner_keys,
    to_key,
)
from kaito.local.builtin.live import Live


class CollectorController:
    """One pass per object; see `decide` for what it does."""

    name = "garbage-collector"

    def __init__(self, resources: Iterable[Resource[Any]], *, live: Live) -> None:
        """`resources` take part; give those that others watch too, so that caches are shared."""
        self._kinds = Kinds(resources)
        self._live = live
        self.watches = tuple(
            Watch(resource, self._keys_for(resource)) for resource in self._kinds.all
        )

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """The object with its owners and dependents."""
        return await Observer(reader, self._kinds, self._live).observe(key)

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """Pure; see `decide_collection`."""
        del now
        return decide_collection(observed)

    def _keys_for(self, resource: Resource[Any]) -> Callable[[Object], Iterable[Key]]:
        def keys(item: Object) -> Iterable[Key]:
            yield to_key(resource, item)
            yield from owner_keys(self._kinds, item)

        return keys
