"""Volume claims."""

import msgspec
from tests.unit.local.builtin.world import World

from kaito.api.meta import Key, Manifest
from kaito.local.builtin.claims import ClaimController
from kaito.local.builtin.kinds import CLAIMS, ClaimStatus

DATA = Key("default", "data")


async def test_a_claim_is_bound_with_what_it_asks_for_and_then_left_alone() -> None:
    world = World()
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    world.put(CLAIMS, {"metadata": {"name": "data", "namespace": "default"}, "spec": spec})

    await world.step(ClaimController(), DATA)

    assert msgspec.to_builtins(world.get(CLAIMS, DATA).status) == msgspec.to_builtins(
        ClaimStatus(phase="Bound", access_modes=("ReadWriteOnce",), capacity={"storage": "1Gi"})
    )
    assert (await world.step(ClaimController(), DATA)).status is None
