"""How long several nodes are waited for before those that came are given back."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.controllers.workspace.world import NOW, SETTINGS, workspace

from kaito.api.meta import Manifest, Object, ObjectMeta
from kaito.api.nodeclaim import CONDITIONS, READY, NodeClaim
from kaito.api.workspace import RESOURCE_READY, Workspace
from kaito.base.clock import to_rfc3339
from kaito.controllers.workspace.incomplete import give_back_incomplete
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.step import Step, lacks
from kaito.provision.port import Supply, Wanted

WANTED = Wanted(
    owner=Object(metadata=ObjectMeta(name="w", namespace="default", uid="u1")),
    count=2,
    instance_type="Standard_NC24ads_A100_v4",
    labels=(),
    memory_bytes=0,
    storage_bytes=0,
)
LIMIT = timedelta(minutes=30)
BLOCKED = Step(
    conditions=(lacks(RESOURCE_READY, "NodeNotReady", "node b is not Ready"),), blocks=True
)


def claim(name: str, *, minutes: float, types: tuple[str, ...] = CONDITIONS) -> NodeClaim:
    return msgspec.convert(
        {
            "metadata": {"name": name, "creationTimestamp": _ago(minutes)},
            "status": {"conditions": [{"type": each, "status": "True"} for each in types]},
        },
        NodeClaim,
    )


def decided(*claims: NodeClaim, status: str = "False", since: float | None = 40.0) -> Step:
    """`since`: minutes ago that ResourceReady became what it is; None where it is not set."""
    observed = Observed(workspace=_waiting(status, since), supply=Supply(claims=claims))
    return give_back_incomplete(observed, WANTED, BLOCKED, SETTINGS, now=NOW)


def _waiting(status: str, since: float | None) -> Workspace:
    found: list[Manifest] = []
    if since is not None:
        told = {"type": RESOURCE_READY, "status": status, "lastTransitionTime": _ago(since)}
        found.append(told)
    held: dict[str, Any] = {**workspace(), "status": {"conditions": found}}
    return msgspec.convert(held, Workspace)


def _ago(minutes: float) -> str:
    return to_rfc3339(NOW - timedelta(minutes=minutes))


PART_WAY = CONDITIONS[:1]
"""Launched, and paid for."""


def test_one_of_two_that_does_not_come_in_half_an_hour_ends_the_other() -> None:
    step = decided(claim("a", minutes=31), claim("b", minutes=31, types=()))
    assert step.given_back is not None
    assert (step.given_back.times, step.blocks, step.nodes) == (1, True, ())


@pytest.mark.parametrize("count", [1, 2])
def test_one_that_is_asked_for_again_has_the_whole_time(count: int) -> None:
    claims = [claim("a", minutes=45), claim("b", minutes=20, types=PART_WAY)][:count]
    step = decided(*claims, since=20)
    assert step.given_back is None
    assert step.requeue_after == timedelta(minutes=10).total_seconds()


@pytest.mark.parametrize(("status", "since"), [("True", 35.0), ("False", 0.0), ("False", 5.0)])
def test_nodes_that_were_all_there_are_not_given_back_for_a_moment(
    status: str, since: float
) -> None:
    whole = (claim("a", minutes=35), claim("b", minutes=35))
    step = decided(*whole, status=status, since=since)
    assert step.given_back is None
    away = tuple(t for t in CONDITIONS if t != READY)
    step = decided(whole[0], claim("b", minutes=35, types=away), status=status, since=since)
    assert step.given_back is None
    left = LIMIT if status == "True" else LIMIT - timedelta(minutes=since)
    assert step.requeue_after == left.total_seconds()


def test_machines_that_all_came_are_kept_however_long_a_node_is_away() -> None:
    step = decided(claim("a", minutes=90), claim("b", minutes=90), since=80)
    assert step == BLOCKED


def test_without_any_stamp_nothing_is_given_back() -> None:
    step = decided(claim("a", minutes=90), claim("b", minutes=90, types=()), since=None)
    assert step.given_back is None
