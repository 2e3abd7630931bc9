"""What a cache answers and whom it tells."""

from kaito.api.core import PODS, Pod
from kaito.api.meta import Key, ObjectMeta, OwnerReference
from kaito.api.selectors import parse_label_selector
from kaito.kube.cache import Cache, FixedReader

Told = list[tuple[str | None, str | None]]


def pod(name: str, *owners: str, revision: str = "1", namespace: str = "default") -> Pod:
    references = tuple(
        OwnerReference(api_version="v1", kind="X", name=uid, uid=uid) for uid in owners
    )
    meta = ObjectMeta(
        name=name,
        namespace=namespace,
        resource_version=revision,
        labels={"app": name[0]},
        owner_references=references,
    )
    return Pod(metadata=meta)


def listening(cache: Cache[Pod]) -> Told:
    told: Told = []

    def revision(item: Pod | None) -> str | None:
        return item.metadata.resource_version if item else None

    cache.subscribe(lambda old, new: told.append((revision(old), revision(new))))
    return told


def names(pods: tuple[Pod, ...]) -> list[str]:
    return [pod.metadata.name for pod in pods]


def test_lists_are_ordered_and_narrowed_by_namespace_and_labels() -> None:
    cache: Cache[Pod] = Cache()
    for found in (pod("b1"), pod("a2"), pod("a1"), pod("a1", namespace="other")):
        cache.upsert(found)

    assert names(cache.list(namespace="default")) == ["a1", "a2", "b1"]
    assert names(cache.list(selector=parse_label_selector("app=a"))) == ["a1", "a2", "a1"]


def test_listeners_hear_of_old_and_new() -> None:
    cache: Cache[Pod] = Cache()
    told = listening(cache)

    cache.upsert(pod("a", revision="1"))
    cache.upsert(pod("a", revision="2"))
    cache.remove(Key("default", "a"))

    assert told == [(None, "1"), ("1", "2"), ("2", None)]


def test_the_same_revision_twice_is_told_once() -> None:
    cache: Cache[Pod] = Cache()
    told = listening(cache)

    cache.upsert(pod("a"))
    cache.upsert(pod("a"))
    cache.remove(Key("default", "unknown"))

    assert told == [(None, "1")]


def test_a_full_list_is_told_as_its_differences() -> None:
    cache: Cache[Pod] = Cache()
    for name in "abc":
        cache.upsert(pod(name))
    told = listening(cache)

    items = (pod("b"), pod("c", revision="2"), pod("d", revision="3"))
    cache.replace({item.key: item for item in items})

    assert sorted(told, key=str) == [("1", "2"), ("1", None), (None, "3")]
    assert names(cache.list()) == ["b", "c", "d"]


def test_dependents_are_found_by_their_owners_uid_and_forgotten_with_the_reference() -> None:
    cache: Cache[Pod] = Cache()
    cache.upsert(pod("b", "x"))
    cache.upsert(pod("a", "x", "y"))
    assert names(cache.owned("x")) == ["a", "b"]

    cache.upsert(pod("a", "y", revision="2"))
    cache.remove(Key("default", "b"))

    assert cache.owned("x") == ()
    assert names(cache.owned("y")) == ["a"]


def test_a_fixed_reader_answers_as_a_cache_does() -> None:
    reader = FixedReader([(PODS, [pod("b", "x"), pod("a")])])

    assert reader.get(PODS, Key("default", "none")) is None
    assert names(reader.list(PODS)) == ["a", "b"]
    assert names(reader.owned(PODS, "x")) == ["b"]
