"""What the chart allows its node provisioner is what that does while a machine comes and goes."""

from charts import Grant, Rendered, grants_of, render
from tests.integration.provisioner.worlds import World, world

from kaito.api.core import NODES, PODS
from kaito.app.provisioner.options import NODE_CLASSES, ProvisionerOptions, choose_class
from kaito.kube.traffic import Sent

OWN = "kaito-provisioner"
READS = frozenset({"list", "watch"})
UNSEEN = {
    ("get", "events"): "only when an event is counted up",
    ("patch", "events"): "only when an event is counted up",
    ("create", "events"): "not counted in simulated time",
}


def chart(*settings: str) -> Rendered:
    said = ("provisioner.enabled=true", *settings)
    return render(*(word for setting in said for word in ("--set", setting)))


def rights(rendered: Rendered, kind: str) -> tuple[Grant, ...]:
    found = (r for r in rendered.of_kind(kind) if r["metadata"]["name"].endswith(OWN))
    return tuple(grants_of(found))


async def test_a_machine_comes_and_goes_by_the_charts_rights_alone() -> None:
    async with world() as it:
        watched = {
            str(watch.resource)
            for loop in it.simulation.operator.loops
            for watch in loop.controller.watches
        }
        await come_and_go(it)
        sent = [Sent(method, path) for method, path in it.simulation.server.requests]
    granted = {(g.verb, g.resource) for g in rights(chart(), "ClusterRole")}
    for verb in READS:
        assert {resource for v, resource in granted if v == verb} == watched
    used = {(one.verb, one.resource) for one in sent}
    assert used - granted == set(), "it asks for what it may not"
    assert {g for g in granted - used if g[0] not in READS} <= set(UNSEEN), "it never does that"


async def come_and_go(it: World) -> None:
    """A claim, its node, a pod on it, and the end of all three."""
    sim = it.simulation
    await it.ask("ws000000001")
    await sim.run(600, step=15)
    (node,) = (await sim.user.list(NODES)).items
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "model", "namespace": "default"},
        "spec": {
            "nodeName": node.metadata.name,
            "containers": [{"name": "main", "image": "model"}],
        },
    }
    await sim.user.create(PODS, pod)
    await sim.run(60, step=15)
    await it.release("ws000000001")
    await sim.run(600, step=15)
    assert await it.claims() == ()
    it.sweep()
    await sim.run(60, step=15)


def test_the_lease_is_the_one_that_it_takes() -> None:
    for cloud in NODE_CLASSES:
        group, kind = choose_class(cloud, "", "")
        options = ProvisionerOptions(cloud=cloud, class_group=group, class_kind=kind)
        settings = (f"cloudProviderName={cloud}", "nodeProvisioner=byo")
        (lease,) = (
            m
            for m in chart(*settings).of_kind("Lease")
            if m["metadata"]["namespace"] == options.lease_namespace
        )
        assert lease["metadata"]["name"] == options.lease_name
        wanted = {
            Grant(verb, "leases.coordination.k8s.io", (options.lease_name,))
            for verb in ("get", "patch")
        }
        assert set(rights(chart(*settings), "Role")) == wanted


def test_it_sees_no_secret() -> None:
    resources = {g.resource for kind in ("ClusterRole", "Role") for g in rights(chart(), kind)}
    assert "secrets" not in resources
    assert not [resource for resource in resources if "*" in resource]
