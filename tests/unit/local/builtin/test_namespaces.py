"""Namespace decisions."""

import msgspec

from kaito.api.core import CONFIGMAPS, EVENTS, PODS, STATEFULSETS, Namespace
from kaito.api.meta import Key, Object, ObjectMeta
from kaito.api.resources import Resource
from kaito.kube.controller.decision import Create, Delete, Patch
from kaito.local.builtin.live import Member
from kaito.local.builtin.namespaces import Observed, decide_namespace


def namespace(*, going: bool, finalizers: tuple[str, ...] = ("kubernetes",)) -> Namespace:
    meta = {"name": "team", "resourceVersion": "7"}
    if going:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return msgspec.convert({"metadata": meta, "spec": {"finalizers": finalizers}}, Namespace)


def member(resource: Resource[Object], name: str, *, going: bool = False) -> Member:
    meta = {"name": name, "namespace": "team", "uid": f"uid-{name}"}
    if going:
        meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return Member(resource=resource, item=Object(metadata=msgspec.convert(meta, ObjectMeta)))


def test_a_new_namespace_gets_a_default_account() -> None:
    decision = decide_namespace(Observed(namespace=namespace(going=False), has_account=False))

    (create,) = decision.actions
    assert isinstance(create, Create)
    assert create.manifest["metadata"] == {"name": "default", "namespace": "team"}


def test_a_namespace_in_use_is_left_alone() -> None:
    decision = decide_namespace(Observed(namespace=namespace(going=False), has_account=True))

    assert not decision.actions
    assert decision.requeue_after is None


def test_contents_go_owners_first_and_events_last() -> None:
    contents = (
        member(EVENTS, "e"),
        member(PODS, "p"),
        member(STATEFULSETS, "s"),
        member(CONFIGMAPS, "gone", going=True),
    )
    observed = Observed(namespace=namespace(going=True), has_account=True, contents=contents)

    decision = decide_namespace(observed)

    assert [a.key.name for a in decision.actions if isinstance(a, Delete)] == ["s", "p", "e"]
    assert decision.requeue_after is not None


def test_an_empty_namespace_is_let_go_by_its_one_finalizer() -> None:
    found = namespace(going=True, finalizers=("kubernetes", "example.com/other"))

    (patch,) = decide_namespace(Observed(namespace=found, has_account=False)).actions

    assert isinstance(patch, Patch)
    assert (patch.key, patch.subresource) == (Key("", "team"), "finalize")
    assert patch.patch == {
        "metadata": {"resourceVersion": "7"},
        "spec": {"finalizers": ["example.com/other"]},
    }


def test_an_empty_namespace_that_others_hold_waits() -> None:
    found = namespace(going=True, finalizers=("example.com/other",))

    assert not decide_namespace(Observed(namespace=found, has_account=False)).actions
