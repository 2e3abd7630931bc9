"""What every way to nodes must keep: one world, three provisioners, the same promises."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.api import labels
from kaito.api.core import Node, Pod
from kaito.api.meta import Manifest, Object, ObjectMeta
from kaito.api.nodeclaim import CONDITIONS, NODECLAIMS, NodeClaim
from kaito.api.nodepool import NODEPOOLS, NodePool
from kaito.app.operator.node_classes import declare_classes
from kaito.provision.claims import NodeClaims
from kaito.provision.existing import ExistingNodes
from kaito.provision.karpenter import KarpenterPools
from kaito.provision.node_classes import DeclaredClass
from kaito.provision.port import Assessment, Made, NodeClass, NodeSource, Supply, Wanted

AZURE = NodeClass(group="kaito.sh", kind="KaitoNodeClass")
AKS = NodeClass(group="karpenter.azure.com", kind="AKSNodeClass", name="ubuntu")
MAKERS: tuple[NodeSource, ...] = (NodeClaims(node_class=AZURE), KarpenterPools(node_class=AKS))
ALL: tuple[NodeSource, ...] = (*MAKERS, ExistingNodes())
SKU = "Standard_NC24ads_A100_v4"
WANTED = Wanted(
    owner=Object(metadata=ObjectMeta(name="w", namespace="ns", uid="u1")),
    count=2,
    instance_type=SKU,
    labels=(("apps", "w"),),
    memory_bytes=4 * 1024**3,
    storage_bytes=80 * 1024**3,
    gpus_per_node=1,
)

every = pytest.mark.parametrize("provisioner", ALL, ids=lambda p: type(p).__name__)
makers = pytest.mark.parametrize("provisioner", MAKERS, ids=lambda p: type(p).__name__)


def node(
    name: str,
    *,
    gpus: int = 1,
    own: bool = True,
    ready: str = "True",
    meta: Mapping[str, str] = {},
) -> Manifest:
    held = {"apps": "w", labels.INSTANCE_TYPE: SKU} if own else {}
    return {
        "metadata": {"name": name, "labels": {**held, **meta}},
        "status": {
            "allocatable": {labels.NVIDIA_GPU: str(gpus)},
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


def pod(name: str, on: str, gpus: int, workspace: str = "other") -> Manifest:
    requests = {labels.NVIDIA_GPU: str(gpus)}
    return {
        "metadata": {"name": name, "namespace": "ns", "labels": {labels.WORKSPACE: workspace}},
        "spec": {"nodeName": on, "containers": [{"resources": {"requests": requests}}]},
    }


@dataclass
class World:
    """A cluster and its cloud: writes what is asked for, and makes nodes of it on request."""

    claims: dict[str, Manifest] = field(default_factory=dict)
    pools: dict[str, Manifest] = field(default_factory=dict)
    nodes: dict[str, Manifest] = field(default_factory=dict)
    pods: list[Manifest] = field(default_factory=list)

    @property
    def supply(self) -> Supply:
        return Supply(
            claims=tuple(msgspec.convert(m, NodeClaim) for m in self.claims.values()),
            pools=tuple(msgspec.convert(m, NodePool) for m in self.pools.values()),
            nodes=tuple(msgspec.convert(m, Node) for m in self.nodes.values()),
            pods=tuple(msgspec.convert(m, Pod) for m in self.pods),
        )

    def settle(self, provisioner: NodeSource, wanted: Wanted = WANTED) -> Assessment:
        """Carry out what is wanted until nothing is left to do."""
        for _ in range(10):
            before = (dict(self.claims), dict(self.pools))
            for made in provisioner.surplus(wanted, self.supply):
                self._of(made).pop(made.name)
            for made in provisioner.render(wanted, self.supply):
                self._write(made)
            if before == (self.claims, self.pools):
                return provisioner.assess(wanted, self.supply)
        raise AssertionError("the provisioner never comes to rest")

    def launch(self) -> None:
        """Karpenter makes a pool's claims, and the cloud each claim's node."""
        for name, pool in self.pools.items():
            for index in range(pool["spec"]["replicas"]):
                meta = {"name": f"{name}-{index}", "labels": {labels.NODEPOOL: name}}
                self.claims.setdefault(f"{name}-{index}", {"metadata": meta})
        for name, claim in self.claims.items():
            types = [{"type": type_, "status": "True"} for type_ in CONDITIONS]
            claim["status"] = {"nodeName": f"node-{name}", "conditions": types}
            self.nodes[f"node-{name}"] = node(f"node-{name}")

    def fail(self, reason: str, message: str) -> None:
        for held in (*self.claims.values(), *self.pools.values()):
            condition = {"type": "Launched", "status": "False", "reason": reason}
            held["status"] = {"conditions": [{**condition, "message": message}]}

    def _of(self, made: Made) -> dict[str, Manifest]:
        return self.claims if made.resource is NODECLAIMS else self.pools

    def _write(self, made: Made) -> None:
        assert made.resource in (NODECLAIMS, NODEPOOLS)
        held = self._of(made)
        # A claim is only ever created; a pool is applied.
        if made.resource is NODEPOOLS or made.name not in held:
            old: dict[str, Any] = held.get(made.name, {})
            held[made.name] = {**old, **made.manifest}


def asked_for(world: World) -> int:
    """Nodes that are asked for, by claim or by pool."""
    own = [c for c in world.claims.values() if c["metadata"]["labels"].get(labels.WORKSPACE)]
    return len(own) + sum(int(pool["spec"]["replicas"]) for pool in world.pools.values())


@makers
def test_nodes_are_asked_for_once_and_are_ready_when_every_one_is(provisioner: NodeSource) -> None:
    world = World()
    assert world.settle(provisioner).state == "claims pending"
    assert asked_for(world) == 2
    world.launch()
    found = world.settle(provisioner)
    assert (found.state, len(found.nodes), asked_for(world)) == ("ready", 2, 2)


@makers
def test_the_same_wish_has_the_same_names_and_another_owner_has_others(
    provisioner: NodeSource,
) -> None:
    names = {made.name for made in provisioner.render(WANTED, Supply())}
    assert names == {made.name for made in provisioner.render(WANTED, Supply())}
    for name, namespace, uid in (("w", "ns", "u2"), ("s-w", "n", "u1"), ("w", "other", "u1")):
        meta = ObjectMeta(name=name, namespace=namespace, uid=uid)
        other = replace(WANTED, owner=Object(metadata=meta))
        assert not names & {made.name for made in provisioner.render(other, Supply())}


@makers
def test_existing_capacity_is_used_before_any_is_made(provisioner: NodeSource) -> None:
    world = World(nodes={"a": node("a")})
    world.settle(provisioner)
    assert asked_for(world) == 1
    world.launch()
    found = world.settle(provisioner)
    assert found.state == "ready"
    assert "a" in found.nodes


@makers
def test_a_node_that_turns_up_later_ends_no_machine_that_is_on_its_way(
    provisioner: NodeSource,
) -> None:
    world = World()
    world.settle(provisioner)
    world.launch()
    world.nodes["late"] = node("late")
    world.settle(provisioner)
    assert asked_for(world) == 2


@makers
def test_a_node_seen_before_its_claim_says_so_ends_no_machine(provisioner: NodeSource) -> None:
    world = World()
    one = replace(WANTED, count=1)
    world.settle(provisioner, one)
    (name, space) = labels.CLAIM_OWNER if world.claims else labels.POOL_OWNER
    world.nodes["made"] = node("made", meta={name: "w", space: "ns"})
    world.settle(provisioner, one)
    assert asked_for(world) == 1


@makers
def test_a_cloud_that_refuses_is_quoted(provisioner: NodeSource) -> None:
    world = World()
    world.settle(provisioner)
    world.fail("QuotaExceeded", "quota of NC A100 v4 is 0 in westeurope")
    found = world.settle(provisioner)
    assert (found.state, found.reason) == ("failed", "QuotaExceeded")
    assert "quota of NC A100 v4 is 0 in westeurope" in found.message


@makers
def test_everything_made_is_given_back_when_nothing_is_wanted(provisioner: NodeSource) -> None:
    world = World()
    world.settle(provisioner)
    named = {made.name for made in provisioner.belongings(world.supply)}
    assert named == {*world.claims, *world.pools}
    world.settle(provisioner, replace(WANTED, count=0))
    assert asked_for(world) == 0


@makers
def test_fewer_nodes_are_kept_when_fewer_are_wanted(provisioner: NodeSource) -> None:
    world = World()
    world.settle(provisioner)
    world.settle(provisioner, replace(WANTED, count=1))
    assert asked_for(world) == 1


@makers
def test_a_node_without_device_plugin_is_waited_for(provisioner: NodeSource) -> None:
    world = World()
    world.settle(provisioner)
    world.launch()
    for held in world.nodes.values():
        held["status"]["allocatable"] = {}
    found = world.settle(provisioner)
    assert (found.state, found.reason) == ("nodes pending", "NodePluginsNotReady")


@every
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (node("a", ready="False"), "a is not Ready"),
        (node("a", gpus=0), "a offers no nvidia.com/gpu"),
        (node("a", meta={labels.INSTANCE_TYPE: "Standard_NC6s_v3"}), "a is a Standard_NC6s_v3"),
        (node("a") | {"spec": {"unschedulable": True}}, "a is cordoned"),
        (node("a") | {"spec": {"taints": [{"key": "k", "value": "v"}]}}, "has the taint k=v"),
    ],
)
def test_a_node_that_cannot_be_used_is_not_counted(
    provisioner: NodeSource, broken: Manifest, said: str
) -> None:
    world = World(nodes={"a": broken})
    found = world.settle(provisioner, replace(WANTED, count=1))
    assert found.state != "ready"
    if isinstance(provisioner, ExistingNodes):
        assert said in found.message
    else:
        assert asked_for(world) == 1


@every
def test_gpus_are_counted_one_by_one(provisioner: NodeSource) -> None:
    world = World(nodes={"a": node("a", gpus=4)}, pods=[pod("x", "a", 3)])
    one = replace(WANTED, count=1)
    assert world.settle(provisioner, one).state == "ready"
    assert world.settle(provisioner, replace(one, gpus_per_node=2)).state != "ready"


@every
def test_a_running_pod_keeps_its_node(provisioner: NodeSource) -> None:
    world = World(nodes={"b": node("b")}, pods=[pod("w-0", "b", 1, workspace="w")])
    one = replace(WANTED, count=1)
    assert world.settle(provisioner, one).nodes == ("b",)
    world.nodes["a"] = node("a")
    assert world.settle(provisioner, one).nodes == ("b",)


@every
def test_nodes_made_for_another_workspace_are_not_existing_capacity(
    provisioner: NodeSource,
) -> None:
    meta = {labels.WORKSPACE: "other", labels.WORKSPACE_NAMESPACE: "ns"}
    world = World(nodes={"a": node("a", meta=meta)})
    assert world.settle(provisioner, replace(WANTED, count=1)).state != "ready"


@every
def test_pressure_on_a_node_is_told(provisioner: NodeSource) -> None:
    pressed = node("a")
    pressed["status"]["conditions"].append({"type": "DiskPressure", "status": "True"})
    found = World(nodes={"a": pressed}).settle(provisioner, replace(WANTED, count=1))
    assert "under resource pressure: node a: DiskPressure" in found.message


def test_without_a_match_the_command_that_labels_a_node_is_told() -> None:
    found = World().settle(ExistingNodes())
    assert "No nodes found matching the specified label selector apps=w" in found.message
    assert "kubectl label node NODE apps=w" in found.message


def test_claims_that_kaito_made_are_taken_over() -> None:
    meta = {"name": "ws0a1b2c3d4", "labels": {labels.WORKSPACE: "w"}}
    world = World(claims={"ws0a1b2c3d4": {"metadata": meta}})
    world.settle(NodeClaims(node_class=AZURE), replace(WANTED, count=1))
    assert set(world.claims) == {"ws0a1b2c3d4"}
    world.settle(NodeClaims(node_class=AZURE))
    assert len(world.claims) == 2


def test_a_pool_that_kaito_made_is_taken_over_under_its_name() -> None:
    world = World(pools={"ns-w": {"metadata": {"name": "ns-w"}, "spec": {"replicas": 1}}})
    world.settle(KarpenterPools(node_class=AKS))
    assert {name: pool["spec"]["replicas"] for name, pool in world.pools.items()} == {"ns-w": 2}


def test_a_pool_refers_to_the_declared_default_unless_its_owner_names_another() -> None:
    entries = tuple(DeclaredClass(name=n, is_default=n == "plain") for n in ("large", "plain"))
    declared = declare_classes(entries, AKS, version="", resource_name="")
    assert declared is not None
    source = KarpenterPools(node_class=replace(AKS, name=declared.default))
    for asked, name in (("", "plain"), ("large", "large")):
        (made,) = source.render(replace(WANTED, node_class=asked), Supply())
        reference = made.manifest["spec"]["template"]["spec"]["nodeClassRef"]
        rendered = declared.render(reference["name"])
        assert rendered is not None
        assert reference["name"] == name
        assert rendered["kind"] == reference["kind"]
        assert rendered["apiVersion"].partition("/")[0] == reference["group"]


@makers
@given(
    nodes=st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.booleans()), max_size=4),
    count=st.integers(0, 4),
    gpus=st.integers(0, 3),
    launches=st.lists(st.booleans(), max_size=3),
)
def test_never_more_nodes_are_asked_for_than_wanted_and_ready_means_enough(
    provisioner: NodeSource,
    nodes: list[tuple[int, bool, bool]],
    count: int,
    gpus: int,
    launches: list[bool],
) -> None:
    wanted = replace(WANTED, count=count, gpus_per_node=gpus)
    world = World()
    for index, (size, own, ready) in enumerate(nodes):
        name = f"n{index}"
        world.nodes[name] = node(name, gpus=size, own=own, ready=str(ready))
    for launch in launches:
        world.settle(provisioner, wanted)
        if launch:
            world.launch()
    found = world.settle(provisioner, wanted)
    assert asked_for(world) <= count
    if found.state == "ready":
        assert len(found.nodes) >= count
        assert set(found.nodes) <= set(world.nodes)


@makers
@pytest.mark.parametrize("moves", [False, True])
def test_an_update_has_one_machine_more_until_it_is_over(
    provisioner: NodeSource, *, moves: bool
) -> None:
    world, one = World(), replace(WANTED, count=1)
    world.settle(provisioner, one)
    world.launch()
    (home,) = world.nodes
    world.pods.append(pod("w-0", home, 1, workspace="w"))
    assert provisioner.tell_spare(one, world.supply) == ""
    updating = replace(one, has_spare=True)
    assert world.settle(provisioner, updating).state == "ready", "nobody waits for the spare one"
    assert asked_for(world) == 2
    assert "not" in (provisioner.tell_spare(updating, world.supply) or "") or world.pools
    world.launch()
    (away,) = set(world.nodes) - {home}
    world.pods.append(pod("w-1", away, 1, workspace="w"))
    assert world.settle(provisioner, updating).nodes == (home,)
    assert asked_for(world) == 2
    if moves:
        world.pods = [pod("w-0", away, 1, workspace="w")]
    assert world.settle(provisioner, one).state == "ready"
    assert asked_for(world) == (1 if moves else 2), "no machine goes under a pod"
    stays, goes = (away, home) if moves else (home, away)
    world.pods = [pod("w-0", stays, 1, workspace="w")]
    world.settle(provisioner, one)
    del world.nodes[goes]
    assert world.settle(provisioner, one).nodes == (stays,)
    assert asked_for(world) == 1
    world.settle(provisioner, updating)
    assert asked_for(world) == 2, "the next update finds the place that is empty"


@makers
def test_a_spare_machine_that_fails_is_quoted_and_fails_nothing_else(
    provisioner: NodeSource,
) -> None:
    world, one = World(), replace(WANTED, count=1)
    world.settle(provisioner, one)
    world.launch()
    updating = replace(one, has_spare=True)
    known = {*world.claims, *world.pools}
    world.settle(provisioner, updating)
    for name, held in (*world.claims.items(), *world.pools.items()):
        if name not in known:
            refusal = {"type": "Launched", "status": "False", "reason": "Quota"}
            held["status"] = {"conditions": [{**refusal, "message": "quota is 0"}]}
    assert world.settle(provisioner, updating).state == "ready"
    assert "Quota: quota is 0" in (provisioner.tell_spare(updating, world.supply) or "")


def test_where_nothing_is_made_no_machine_can_be_added() -> None:
    one = replace(WANTED, count=1)
    assert ExistingNodes().tell_spare(one, World().supply) is None
    played = NodeClaims(node_class=AZURE, adds_machines=False)
    assert played.tell_spare(one, World().supply) is None
    assert NodeClaims(node_class=AZURE).tell_spare(WANTED, World().supply) is None
