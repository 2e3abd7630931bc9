"""Endpoints as passes over a world."""

from tests.unit.local.builtin.world import World

from kaito.api.core import PODS, SERVICES
from kaito.api.meta import Key, Manifest
from kaito.local.builtin.endpoints.controller import EndpointsController
from kaito.local.builtin.kinds import ENDPOINT_SLICES, ENDPOINTS, EndpointSlice

KEY = Key("default", "")
CONTROLLER = EndpointsController()


def service(**spec: object) -> Manifest:
    ports = [{"name": "http", "port": 80, "targetPort": "api"}]
    return {
        "metadata": {"name": "web", "namespace": "default", "labels": {"team": "red"}},
        "spec": {"selector": {"app": "web"}, "ports": ports, **spec},
    }


def pod(
    name: str,
    *,
    ready: bool = True,
    port: int = 5000,
    phase: str = "Running",
    ip: str = "127.64.0.1",
    **spec: object,
) -> Manifest:
    ports = [{"name": "api", "containerPort": port}]
    return {
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
        "spec": {"nodeName": "n", "containers": [{"ports": ports}], **spec},
        "status": {
            "phase": phase,
            "podIP": ip,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


async def after(*pods: Manifest, **spec: object) -> World:
    world = World()
    world.put(SERVICES, service(**spec))
    for manifest in pods:
        world.put(PODS, manifest)
    await world.step(CONTROLLER, KEY)
    return world


def only_slice(world: World) -> EndpointSlice:
    (found,) = world.all(ENDPOINT_SLICES)
    return found


def states(found: EndpointSlice) -> dict[str, tuple[bool | None, bool | None, bool | None]]:
    return {
        e.target_ref.name: (e.conditions.ready, e.conditions.serving, e.conditions.terminating)
        for e in found.endpoints or ()
        if e.target_ref
    }


def older_form(world: World) -> tuple[list[str], list[str]]:
    """Names of the ready and the not ready pods in Endpoints."""
    (found,) = world.all(ENDPOINTS)
    subsets = found.subsets or ()
    return (
        [a.target_ref.name for s in subsets for a in s.addresses if a.target_ref],
        [a.target_ref.name for s in subsets for a in s.not_ready_addresses if a.target_ref],
    )


async def test_ready_and_unready_pods_are_told_apart() -> None:
    world = await after(pod("a"), pod("b", ready=False))

    assert states(only_slice(world)) == {"a": (True, True, False), "b": (False, False, False)}
    assert older_form(world) == (["a"], ["b"])


async def test_a_named_target_is_the_containers_port() -> None:
    world = await after(pod("a"))

    assert [(p.name, p.port) for p in only_slice(world).ports or ()] == [("http", 5000)]


async def test_pods_that_mean_different_ports_get_slices_of_their_own() -> None:
    world = await after(pod("a", port=1), pod("b", port=2), pod("c", port=1))

    groups = [
        (sorted(states(found)), [p.port for p in found.ports or ()])
        for found in world.all(ENDPOINT_SLICES)
    ]
    assert sorted(groups) == [(["a", "c"], [1]), (["b"], [2])]


async def test_a_pod_on_its_way_out_gets_no_new_traffic() -> None:
    world = World()
    world.put(SERVICES, service())
    leaving = pod("a")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world.put(PODS, leaving)
    await world.step(CONTROLLER, KEY)

    assert states(only_slice(world)) == {"a": (False, True, True)}
    assert older_form(world) == ([], [])


async def test_unready_pods_count_where_the_service_publishes_them() -> None:
    world = await after(pod("a", ready=False), publishNotReadyAddresses=True)

    assert states(only_slice(world)) == {"a": (True, False, False)}
    assert older_form(world) == (["a"], [])


async def test_pods_without_an_address_or_at_their_end_are_left_out() -> None:
    world = await after(pod("a", ip=""), pod("b", phase="Succeeded", ready=False))

    assert states(only_slice(world)) == {}


async def test_a_headless_service_names_its_pods() -> None:
    world = await after(pod("a", hostname="web-0", subdomain="web"), clusterIP="None")

    found = only_slice(world)
    assert [e.hostname for e in found.endpoints or ()] == ["web-0"]
    assert "service.kubernetes.io/headless" in found.metadata.labels


async def test_slices_are_found_by_service_and_owned_by_it() -> None:
    world = await after(pod("a"))

    meta = only_slice(world).metadata
    assert meta.labels["kubernetes.io/service-name"] == "web"
    assert meta.labels["team"] == "red"
    assert [owner.kind for owner in meta.owner_references] == ["Service"]


async def test_a_service_without_a_selector_is_left_alone() -> None:
    world = await after(pod("a"), selector={})

    assert world.all(ENDPOINT_SLICES) == ()
    assert world.all(ENDPOINTS) == ()


async def test_only_differences_are_written() -> None:
    world = await after(pod("a"))
    assert not (await world.step(CONTROLLER, KEY)).actions

    world.edit(PODS, Key("default", "a"), {"status": {"conditions": []}})
    decision = await world.step(CONTROLLER, KEY)

    assert [a.resource.kind for a in decision.actions] == ["EndpointSlice", "Endpoints"]
    assert older_form(world) == ([], ["a"])
    assert not (await world.step(CONTROLLER, KEY)).actions


async def test_the_empty_slice_goes_when_the_first_pod_comes() -> None:
    world = await after()
    assert states(only_slice(world)) == {}

    world.put(PODS, pod("a"))
    await world.step(CONTROLLER, KEY)

    assert list(states(only_slice(world))) == ["a"]
