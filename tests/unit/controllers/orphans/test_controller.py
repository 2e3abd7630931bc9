"""Which claims and pools are given back, and which are left alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from kaito.api import labels
from kaito.api.meta import Key, Manifest, Object
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.nodepool import NODEPOOLS
from kaito.api.resources import Resource
from kaito.api.workspace import WORKSPACES
from kaito.controllers.orphans.controller import OWNER_LABELS, OrphanController
from kaito.kube.cache import FixedReader
from kaito.kube.controller.decision import NOTHING, Decision, Delete

BORN = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
LATE = BORN + timedelta(minutes=5)
kinds = pytest.mark.parametrize("resource", [NODECLAIMS, NODEPOOLS], ids=str)


class Server:
    """Answers with the uid that it was given."""

    def __init__(self, uid: str) -> None:
        self.uid = uid
        self.asked: list[Key] = []

    async def uid_of(self, resource: Resource[Any], key: Key) -> str:
        assert resource is WORKSPACES
        self.asked.append(key)
        return self.uid


def made(resource: Resource[Any], **meta: Any) -> Manifest:
    name, namespace = OWNER_LABELS[str(resource)]
    return {
        "metadata": {
            "name": "m",
            "uid": "c1",
            "creationTimestamp": "2026-05-01T12:00:00Z",
            "labels": {name: "w", namespace: "ns"},
            "annotations": {labels.WORKSPACE_UID: "u1"},
            **meta,
        }
    }


async def decide(
    resource: Resource[Any],
    item: Manifest,
    *,
    cached: str = "",
    live: str = "",
    now: datetime = LATE,
    namespace: str = "",
) -> Decision | None:
    workspaces = [{"metadata": {"name": "w", "namespace": "ns", "uid": cached}}] if cached else []
    contents: list[tuple[Resource[Object], list[Object]]] = [
        (resource, [msgspec.convert(item, resource.type)]),
        (WORKSPACES, [msgspec.convert(m, WORKSPACES.type) for m in workspaces]),
    ]
    controller = OrphanController(resource, Server(live), namespace)
    observed = await controller.observe(FixedReader(contents), Key("", "m"))
    return controller.decide(observed, now) if observed else None


@kinds
async def test_what_was_made_for_a_workspace_that_is_gone_is_given_back(
    resource: Resource[Any],
) -> None:
    decision = await decide(resource, made(resource))
    assert decision is not None
    assert [(type(a), a.key, a.uid) for a in decision.actions if isinstance(a, Delete)] == [
        (Delete, Key("", "m"), "c1")
    ]


@kinds
async def test_what_was_made_for_a_workspace_in_a_namespace_of_others_is_none_of_our_business(
    resource: Resource[Any],
) -> None:
    assert await decide(resource, made(resource), namespace="team-a") is None
    assert await decide(resource, made(resource), namespace="ns") is not None


@kinds
async def test_a_workspace_of_the_same_name_is_not_the_same_workspace(
    resource: Resource[Any],
) -> None:
    decision = await decide(resource, made(resource), cached="u2", live="u2")
    assert decision is not None
    assert len(decision.actions) == 1


@kinds
@pytest.mark.parametrize("cached", ["", "u1"])
async def test_a_workspace_that_lives_keeps_its_machines_even_when_the_cache_lacks_it(
    resource: Resource[Any], cached: str
) -> None:
    assert await decide(resource, made(resource), cached=cached, live="u1") in (None, NOTHING)


@kinds
async def test_what_kaito_made_says_no_uid_and_is_judged_by_name(resource: Resource[Any]) -> None:
    theirs = made(resource, annotations={})
    assert await decide(resource, theirs, cached="u9", live="u9") is None
    gone = await decide(resource, theirs)
    assert gone is not None
    assert len(gone.actions) == 1


@kinds
async def test_a_young_one_is_looked_at_again(resource: Resource[Any]) -> None:
    decision = await decide(resource, made(resource), now=BORN + timedelta(seconds=10))
    assert decision is not None
    assert (decision.actions, decision.requeue_after) == ((), 21.0)


@kinds
async def test_what_is_somebody_elses_or_going_already_is_left_alone(
    resource: Resource[Any],
) -> None:
    assert await decide(resource, made(resource, labels={})) is None
    going = made(resource, deletionTimestamp="2026-05-01T12:01:00Z")
    assert await decide(resource, going) is None
