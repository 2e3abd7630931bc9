"""What was last seen of the objects of one resource, indexed for the questions controllers ask."""

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Generic, Protocol, TypeVar

from kaito.api.meta import Key, Object
from kaito.api.resources import Resource
from kaito.api.selectors import Selector, matches_labels

T = TypeVar("T", bound=Object)
I = TypeVar("I")  # noqa: E741

Listener = Callable[[T | None, T | None], None]
"""Called with the old and the new object; None where there was or is none. Must not block."""


class Reader(Protocol):
    """Read access to what is known of the cluster. Answers may lag behind the API server."""

    def get(self, resource: Resource[T], key: Key) -> T | None:
        """One object, or None."""
        ...

    def list(
        self, resource: Resource[T], *, namespace: str = "", selector: Selector = ()
    ) -> tuple[T, ...]:
        """The objects that match, ordered by key."""
        ...

    def owned(self, resource: Resource[T], uid: str) -> tuple[T, ...]:
        """The objects that name `uid` among their owners, ordered by key."""
        ...


class Cache(Generic[T]):
    """Objects by key and by owner. Only an informer writes here."""

    def __init__(self) -> None:
        self._objects: dict[Key, T] = {}
        self._order: list[Key] = []
        """The keys, sorted: who asks for all objects of a kind asks at every pass."""
        self._by_owner: dict[str, set[Key]] = {}
        self._by_label: dict[tuple[str, str], set[Key]] = {}
        self._listeners: list[Listener[T]] = []

    def subscribe(self, listener: Listener[T]) -> None:
        """Hear of every change from now on."""
        self._listeners.append(listener)

    def get(self, key: Key) -> T | None:
        """One object, or None."""
        return self._objects.get(key)

    def list(self, *, namespace: str = "", selector: Selector = ()) -> tuple[T, ...]:
        """The objects that match, ordered by key."""
        if not (namespace or selector):
            return tuple([self._objects[key] for key in self._order])
        return tuple(
            self._objects[key]
            for key in self._candidates(selector)
            if (not namespace or key.namespace == namespace)
            and matches_labels(selector, self._objects[key].metadata.labels)
        )

    def _candidates(self, selector: Selector) -> Collection[Key]:
        """Keys, sorted, of all that could match: by the term that leaves the fewest, if indexed.

        Controllers ask for what belongs to one object among thousands, on every pass.
        """
        found: Collection[Key] = self._order
        for term in selector:
            if term.operator == "In" and len(term.values) == 1:
                held: Collection[Key] = self._by_label.get(
                    (term.key, next(iter(term.values))), frozenset()
                )
                found = min(found, held, key=len)
        return found if found is self._order else sorted(found)

    def owned(self, uid: str) -> tuple[T, ...]:
        """The objects owned by `uid`, ordered by key."""
        return tuple(self._objects[key] for key in sorted(self._by_owner.get(uid, ())))

    def upsert(self, item: T) -> None:
        """Remember the newest state of an object."""
        old = self._objects.get(item.key)
        if old is not None and old.metadata.resource_version == item.metadata.resource_version:
            return
        self._unindex(old)
        if old is None:
            insort(self._order, item.key)
        self._objects[item.key] = item
        for owner in item.metadata.owner_references:
            self._by_owner.setdefault(owner.uid, set()).add(item.key)
        for label in item.metadata.labels.items():
            self._by_label.setdefault(label, set()).add(item.key)
        self._tell(old, item)

    def remove(self, key: Key) -> None:
        """Forget an object that is gone."""
        old = self._objects.pop(key, None)
        self._unindex(old)
        if old is not None:
            del self._order[bisect_left(self._order, key)]
            self._tell(old, None)

    def replace(self, items: Mapping[Key, T]) -> None:
        """Make the cache equal to a full list, telling listeners only of the differences."""
        for key in self._objects.keys() - items.keys():
            self.remove(key)
        for item in items.values():
            self.upsert(item)

    def _unindex(self, old: T | None) -> None:
        if old is None:
            return
        meta = old.metadata
        for owner in meta.owner_references:
            _discard(self._by_owner, owner.uid, old.key)
        for label in meta.labels.items():
            _discard(self._by_label, label, old.key)

    def _tell(self, old: T | None, new: T | None) -> None:
        for listener in self._listeners:
            listener(old, new)


def _discard(index: dict[I, set[Key]], value: I, key: Key) -> None:
    keys = index.get(value, set())
    keys.discard(key)
    if not keys:
        index.pop(value, None)


class CacheReader:
    """A `Reader` over caches, one a resource; who keeps them says where each is."""

    def get(self, resource: Resource[T], key: Key) -> T | None:
        """One object, or None."""
        return self._cache(resource).get(key)

    def list(
        self, resource: Resource[T], *, namespace: str = "", selector: Selector = ()
    ) -> tuple[T, ...]:
        """The objects that match, ordered by key."""
        return self._cache(resource).list(namespace=namespace, selector=selector)

    def owned(self, resource: Resource[T], uid: str) -> tuple[T, ...]:
        """The objects that name `uid` among their owners, ordered by key."""
        return self._cache(resource).owned(uid)

    def _cache(self, resource: Resource[T]) -> Cache[T]:
        raise NotImplementedError


class FixedReader(CacheReader):
    """A `Reader` over given objects: for tests, and for decisions about manifests in a file."""

    def __init__(self, contents: Iterable[tuple[Resource[Object], Iterable[Object]]] = ()) -> None:
        self._caches: dict[str, Cache[Object]] = {}
        for resource, items in contents:
            for item in items:
                self._cache(resource).upsert(item)

    def _cache(self, resource: Resource[T]) -> Cache[T]:
        return self._caches.setdefault(str(resource), Cache())  # type: ignore[return-value]
