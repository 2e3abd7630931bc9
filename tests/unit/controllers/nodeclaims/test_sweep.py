"""Which machines a sweep ends."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from memory_cloud import MemoryCloud
from tests.unit.controllers.nodeclaims.claims import NAME, NOW, SETTINGS, machine

from kaito.api.meta import Key
from kaito.api.resources import Resource
from kaito.base.clock import ManualClock
from kaito.cloud.failure import CloudFailure, FailureKind
from kaito.cloud.port import CloudMachine
from kaito.controllers.nodeclaims.effects import Terminate
from kaito.controllers.nodeclaims.sweep import SWEEP_KEY, Stray, SweepController
from kaito.kube.cache import FixedReader

OLD, YOUNG = NOW - timedelta(hours=1), NOW - timedelta(seconds=30)


@dataclass(frozen=True)
class Nobody:
    """An API server without claims."""

    async def uid_of(self, resource: Resource[Any], key: Key) -> str:
        return ""


def sweep(cloud: MemoryCloud | None = None) -> SweepController:
    found = cloud or MemoryCloud(clock=ManualClock())
    return SweepController(cloud=found, settings=SETTINGS, live=Nobody())


@pytest.mark.parametrize(
    ("found", "uid", "is_ended"),
    [
        (machine(created_at=OLD), "", True),
        (machine(created_at=OLD), "a later claim", True),
        (machine(created_at=OLD), "u", False),
        (machine(created_at=YOUNG), "", False),
        (machine(created_at=None), "", True),
        (machine("deleting", created_at=OLD), "", False),
        (machine("failed", created_at=OLD), "", True),
    ],
    ids=["gone", "replaced", "unseen-by-the-cache", "young", "ageless", "ending", "failed"],
)
def test_a_machine_is_ended_when_its_claim_is_gone_for_certain(
    found: CloudMachine, uid: str, is_ended: bool
) -> None:
    decision = sweep().decide((Stray(machine=found, uid=uid),), NOW)
    ended = (Terminate(name=NAME, claim_uid="u"),) if is_ended else ()
    assert decision.effects == ended
    assert len(decision.notes) == len(ended)


def test_a_sweep_comes_back() -> None:
    assert sweep().decide((), NOW).requeue_after == 120


async def test_a_cloud_that_does_not_list_has_nothing_ended() -> None:
    cloud = MemoryCloud(clock=ManualClock())
    cloud.refuse = lambda _, __: CloudFailure(FailureKind.UNAUTHORIZED, "no")
    assert await sweep(cloud).observe(FixedReader(), SWEEP_KEY) == ()
