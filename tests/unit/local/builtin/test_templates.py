"""Names and hashes that follow from their input alone."""

from itertools import islice

from kaito.api.core import PodTemplate
from kaito.api.meta import Object, ObjectMeta
from kaito.local.builtin.templates import free_names, safe_suffix, template_hash


def owner(uid: str, name: str = "web") -> Object:
    return Object(metadata=ObjectMeta(name=name, uid=uid))


def test_names_are_the_same_for_the_same_owner_and_differ_for_another() -> None:
    first = list(islice(free_names(owner("a"), ()), 5))

    assert first == list(islice(free_names(owner("a"), ()), 5))
    assert len(set(first)) == 5
    assert not set(first) & set(islice(free_names(owner("b"), ()), 5))


def test_taken_names_are_left_out_and_the_order_stays() -> None:
    first, second, third = islice(free_names(owner("a"), ()), 3)

    assert list(islice(free_names(owner("a"), [second]), 2)) == [first, third]


def test_a_long_owners_pods_still_have_valid_host_names() -> None:
    (name,) = islice(free_names(owner("a", "n" * 63), ()), 1)

    assert len(name) == 63


def test_a_hash_does_not_depend_on_the_order_of_fields() -> None:
    one = PodTemplate(spec={"a": 1, "b": {"c": 2, "d": 3}})
    other = PodTemplate(spec={"b": {"d": 3, "c": 2}, "a": 1})

    assert template_hash(one) == template_hash(other)


def test_a_hash_takes_empty_fields_for_absent_but_not_zero_or_false() -> None:
    bare = template_hash(PodTemplate(spec={"a": 1}))

    assert template_hash(PodTemplate(metadata={"creationTimestamp": None}, spec={"a": 1})) == bare
    assert template_hash(PodTemplate(spec={"a": 1, "b": {"c": []}, "d": ""})) == bare
    assert template_hash(PodTemplate(spec={"a": 1, "runAsUser": 0})) != bare
    assert template_hash(PodTemplate(spec={"a": 1, "privileged": False})) != bare


def test_suffixes_spell_no_words() -> None:
    assert not set("aeiouy013") & set("".join(safe_suffix(str(n), 10) for n in range(50)))
