"""Which of two places is in use while the first pod comes and goes: its machine outlasts it."""

from dataclasses import replace

import pytest
from tests.contract.test_nodes import WANTED, World, makers, pod

from kaito.api.meta import Manifest
from kaito.provision.port import NodeSource, Wanted

ONE = replace(WANTED, count=1)
UPDATING = replace(ONE, has_spare=True)
ENDING = "2026-01-01T00:00:00Z"


def _both(provisioner: NodeSource) -> tuple[World, str, str]:
    """A machine at each place, with their nodes; nothing runs yet."""
    world = World()
    world.settle(provisioner, ONE)
    world.launch()
    (home,) = world.nodes
    world.settle(provisioner, UPDATING)
    world.launch()
    (away,) = set(world.nodes) - {home}
    return world, home, away


def _moved(provisioner: NodeSource) -> tuple[World, str]:
    """The first pod lives on place 1, and place 0 is given back."""
    world, home, away = _both(provisioner)
    world.pods = [_first(away)]
    world.settle(provisioner, ONE)
    _end_machine(world, home)
    return world, away


def _end_machine(world: World, node: str) -> None:
    del world.nodes[node]
    world.claims = {k: c for k, c in world.claims.items() if c["status"]["nodeName"] != node}


def _first(on: str, *, is_ending: bool = False) -> Manifest:
    first = pod("w-0", on, 1, workspace="w")
    if is_ending:
        first["metadata"]["deletionTimestamp"] = ENDING
    return first


def _failed(on: str) -> Manifest:
    return _first(on) | {"status": {"phase": "Failed"}}


def _asked(provisioner: NodeSource, wanted: Wanted, world: World) -> set[str]:
    return {made.name for made in provisioner.render(wanted, world.supply)}


def _given_back(provisioner: NodeSource, wanted: Wanted, world: World) -> set[str]:
    return {made.name for made in provisioner.surplus(wanted, world.supply)}


def _there(world: World) -> set[str]:
    return set(world.pools or world.claims)


@makers
@pytest.mark.parametrize("phase", ["serving", "ending", "evicted", "gone", "unbound"])
def test_whoever_moved_stays_while_its_pod_comes_and_goes(
    provisioner: NodeSource, phase: str
) -> None:
    world, away = _moved(provisioner)
    held = _there(world)
    world.pods = {
        "serving": [_first(away)],
        "ending": [_first(away, is_ending=True)],
        "evicted": [_failed(away)],
        "gone": [],
        "unbound": [_first("")],
    }[phase]
    assert _asked(provisioner, ONE, world) == held
    assert _given_back(provisioner, ONE, world) == set()
    assert provisioner.assess(ONE, world.supply).nodes == (away,)
    assert provisioner.tell_spare(ONE, world.supply) == ""
    both = _asked(provisioner, UPDATING, world)
    assert len(both) == 2, "an update finds the other place"
    assert held < both


@makers
@pytest.mark.parametrize("phase", ["ending", "gone", "unbound"])
def test_of_two_machines_none_goes_until_the_pod_is_bound(
    provisioner: NodeSource, phase: str
) -> None:
    world, home, away = _both(provisioner)
    world.pods = {
        "ending": [_first(away, is_ending=True)],
        "gone": [],
        "unbound": [_first("")],
    }[phase]
    assert _given_back(provisioner, ONE, world) == set()
    assert _asked(provisioner, ONE, world) <= _there(world)
    world.pods = [_first(home)]
    (goes,) = _given_back(provisioner, ONE, world)
    world.pods = [_first(away)]
    (other,) = _given_back(provisioner, ONE, world)
    assert {goes, other} == _there(world)


@makers
def test_a_place_that_is_being_given_back_does_not_count(provisioner: NodeSource) -> None:
    world, _, away = _both(provisioner)
    world.pods = [_first(away)]
    (goes,) = _given_back(provisioner, ONE, world)
    held = _there(world) - {goes}
    (world.pools or world.claims)[goes]["metadata"]["deletionTimestamp"] = ENDING
    for pods in ([_first(away)], [_first(away, is_ending=True)], []):
        world.pods = pods
        assert _asked(provisioner, ONE, world) == held
        assert _given_back(provisioner, ONE, world) == set()


@makers
def test_a_machine_that_came_outweighs_one_that_never_does(provisioner: NodeSource) -> None:
    world, _ = _moved(provisioner)
    held = _there(world)
    world.settle(provisioner, UPDATING)
    world.pods = []
    assert provisioner.assess(UPDATING, world.supply).state == "ready"
    assert _asked(provisioner, ONE, world) == held
    assert _given_back(provisioner, ONE, world) == _there(world) - held


@makers
def test_beside_a_second_pod_the_first_gets_its_own_place_back(provisioner: NodeSource) -> None:
    world, home, away = _both(provisioner)
    wanted = _there(world)
    world.pods = [pod("w-1", away, 1, workspace="w")]
    gone = next(iter(_asked(provisioner, ONE, world)))
    _end_machine(world, home)
    world.pools.pop(gone, None)
    assert _asked(provisioner, UPDATING, world) == wanted
    assert _asked(provisioner, ONE, world) == {gone}
    assert _given_back(provisioner, ONE, world) == set()
