"""A simulated cluster in which the provisioner answers NodeClaims over a cloud in memory."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from memory_cloud import Agents, MemoryCloud

from kaito.api.core import EVENTS, Event
from kaito.api.crd import nodeclaim_crd
from kaito.api.meta import Condition, Key, Manifest
from kaito.api.nodeclaim import NODECLAIMS, NodeClaim
from kaito.controllers.nodeclaims.attempts import Attempts
from kaito.controllers.nodeclaims.controller import NodeClaimController
from kaito.controllers.nodeclaims.inventory import Inventory
from kaito.controllers.nodeclaims.settings import NodeClaimSettings
from kaito.controllers.nodeclaims.sweep import SWEEP_KEY, SweepController
from kaito.kube.client import Client
from kaito.kube.controller.runner import Controller
from kaito.kube.live import LiveUids
from kaito.testing.cloud import Cloud
from kaito.testing.simulation import Simulation

A100 = "Standard_NC24ads_A100_v4"
SETTINGS = NodeClaimSettings(class_group="kaito.sh", class_kind="KaitoNodeClass")


class Bystander(Cloud):
    """In place of the simulation's own cloud, which would answer every claim itself."""

    agents: Agents

    async def step(self) -> None:
        await self.agents.step()


@dataclass(slots=True, kw_only=True)
class World:
    """A cluster, its cloud, and what a test asks about them."""

    simulation: Simulation
    cloud: MemoryCloud
    agents: Agents

    async def ask(self, name: str, **spec: Any) -> None:
        """Somebody wants a machine."""
        await self.simulation.apply(NODECLAIMS, claim(name, **spec))

    async def claim(self, name: str) -> NodeClaim:
        return await self.simulation.user.get(NODECLAIMS, Key("", name))

    async def claims(self) -> tuple[NodeClaim, ...]:
        return tuple((await self.simulation.user.list(NODECLAIMS)).items)

    async def condition(self, name: str, type_: str) -> Condition:
        found = (await self.claim(name)).condition(type_)
        assert found is not None, f"{name} says nothing of {type_}"
        return found

    async def release(self, name: str) -> None:
        await self.simulation.delete(NODECLAIMS, Key("", name))

    async def events(self) -> tuple[Event, ...]:
        return tuple((await self.simulation.user.list(EVENTS)).items)

    def sweep(self) -> None:
        """Have the sweep run, as a provisioner that starts does."""
        for loop in self.simulation.operator.loops:
            if isinstance(loop.controller, SweepController):
                loop.queue.add(SWEEP_KEY)


@asynccontextmanager
async def world(seed: int = 1) -> AsyncIterator[World]:
    """A cluster that runs until the block ends."""
    clouds: list[MemoryCloud] = []

    def controllers(client: Client) -> Iterable[Controller[Any]]:
        cloud, live = clouds[0], LiveUids(client)
        yield NodeClaimController(
            cloud=cloud,
            settings=SETTINGS,
            clock=cloud.clock,
            live=live,
            inventory=Inventory(cloud, cloud.clock),
            attempts=Attempts(Random(seed).random),
        )
        yield SweepController(cloud=cloud, settings=SETTINGS, live=live)

    found = Simulation(seed=seed, controllers=controllers, definitions=_definitions())
    cloud = MemoryCloud(clock=found.clock, strike=found.faults)
    clouds.append(cloud)
    agents = Agents(client=found.user, cloud=cloud)
    bystander = Bystander(client=found.user, clock=found.clock, delay=lambda _: 0.0)
    bystander.agents = agents
    found.cloud = bystander
    await found.start()
    try:
        yield World(simulation=found, cloud=cloud, agents=agents)
    finally:
        await found.stop()


def claim(name: str, *, group: str = "kaito.sh", instance_type: str = A100) -> Manifest:
    """As the operator writes them."""
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {
            "name": name,
            "labels": {"kaito.sh/workspace": "phi", "karpenter.sh/nodepool": "kaito"},
            "annotations": {"kaito.sh/node-image-family": "ubuntu"},
        },
        "spec": {
            "nodeClassRef": {"group": group, "kind": "KaitoNodeClass", "name": "default"},
            "requirements": [
                {
                    "key": "node.kubernetes.io/instance-type",
                    "operator": "In",
                    "values": [instance_type],
                },
                {
                    "key": "karpenter.azure.com/sku-name",
                    "operator": "In",
                    "values": [instance_type],
                },
                {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
            ],
            "taints": [{"key": "sku", "value": "gpu", "effect": "NoSchedule"}],
            "resources": {"requests": {"storage": "107Gi"}},
        },
    }


@cache
def _definitions() -> tuple[Manifest, ...]:
    return (nodeclaim_crd(),)
