"""A cloud in memory: machines after a delay, Nodes that join, and whatever is to go wrong.

It counts, so that a test can say that no claim ever had two machines and that none is left.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from kaito.api import labels
from kaito.api.core import NODES
from kaito.api.meta import Key, Manifest
from kaito.base.clock import Clock
from kaito.cloud.failure import CloudFailure
from kaito.cloud.port import CloudMachine, MachineRequest, MachineState
from kaito.kube import errors
from kaito.kube.client import Client

Call = Literal["launch", "find", "list", "terminate"]
NODE_LABEL = "memory.example.com/group"


class Strike(Protocol):
    """What may end the process that asks, before and after a change."""

    def before(self, verb: str, path: str) -> None: ...

    def after(self, verb: str, path: str) -> None: ...


@dataclass(slots=True)
class Group:
    """One machine."""

    request: MachineRequest
    claim_uid: str
    made_at: datetime
    state: MachineState = "creating"
    failure: CloudFailure | None = None
    ends_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class MemoryCloud:
    """The port, over a dictionary."""

    clock: Clock
    making: timedelta = timedelta(seconds=60)
    ending: timedelta = timedelta(seconds=40)
    refuse: Callable[[Call, str], CloudFailure | None] = lambda _, __: None
    break_down: Callable[[str], CloudFailure | None] = lambda _: None
    """Why the machine of that name fails while it is made."""
    strike: Strike | None = None
    groups: dict[str, Group] = field(default_factory=dict)
    launches: list[str] = field(default_factory=list)
    """The claim uid of every machine that was ever made."""
    calls: list[tuple[Call, str]] = field(default_factory=list)
    is_closed: bool = False

    name = "memory"
    node_label = NODE_LABEL

    async def launch(self, request: MachineRequest) -> None:
        self._begin("launch", request.name)
        if request.name not in self.groups:
            self.launches.append(request.claim_uid)
            self.groups[request.name] = Group(request, request.claim_uid, self.clock.now())
        self._end(request.name)

    async def find(self, name: str) -> CloudMachine | None:
        self._ask("find", name)
        self.advance()
        group = self.groups.get(name)
        return _to_machine(group) if group else None

    async def list_machines(self) -> tuple[CloudMachine, ...]:
        self._ask("list", "")
        self.advance()
        found = [self.groups[name] for name in sorted(self.groups)]
        return tuple(_to_machine(group) for group in found if group.claim_uid)

    async def terminate(self, name: str) -> None:
        self._begin("terminate", name)
        group = self.groups.get(name)
        if group and group.state != "deleting":
            group.state, group.ends_at = "deleting", self.clock.now() + self.ending
        self._end(name)

    async def close(self) -> None:
        self.is_closed = True

    def advance(self) -> None:
        """Bring every machine as far as it is by now."""
        now = self.clock.now()
        for name, group in list(self.groups.items()):
            if group.state == "creating" and now >= group.made_at + self.making:
                group.failure = self.break_down(name)
                group.state = "failed" if group.failure else "running"
            if group.ends_at and now >= group.ends_at:
                del self.groups[name]

    def _ask(self, call: Call, name: str) -> None:
        self.calls.append((call, name))
        if failure := self.refuse(call, name):
            raise failure

    def _begin(self, call: Call, name: str) -> None:
        if self.strike:
            self.strike.before("POST", f"/cloud/{name}")
        self._ask(call, name)

    def _end(self, name: str) -> None:
        if self.strike:
            self.strike.after("POST", f"/cloud/{name}")


@dataclass(slots=True, kw_only=True)
class Agents:
    """The agents of the machines: they register Nodes."""

    client: Client
    cloud: MemoryCloud
    is_ready: Callable[[str], bool] = lambda _: True
    gpus: Callable[[str], int] = lambda _: 8
    registers: Callable[[str], bool] = lambda _: True

    async def step(self) -> None:
        self.cloud.advance()
        for name, group in list(self.cloud.groups.items()):
            if group.state == "running" and self.registers(name):
                await self._keep_node(name)

    async def _keep_node(self, name: str) -> None:
        key = Key("", f"node-{name}")
        with suppress(errors.AlreadyExists):
            await self.client.create(NODES, _node(name))
        found = await self.client.get(NODES, key)
        status = _node_status(is_ready=self.is_ready(name), gpus=self.gpus(name))
        if (found.is_ready, found.status.allocatable) != (self.is_ready(name), status["capacity"]):
            await self.client.patch(NODES, key, {"status": status}, subresource="status")


def _to_machine(group: Group) -> CloudMachine:
    return CloudMachine(
        name=group.request.name,
        state=group.state,
        claim_uid=group.claim_uid,
        instance_type=group.request.instance_type,
        created_at=group.made_at,
        failure=group.failure,
    )


def _node(name: str) -> Manifest:
    """A bare node, as it joins: nothing of the claim's but the group's name."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"node-{name}", "labels": {NODE_LABEL: name}},
        "spec": {"providerID": f"memory:///{name}"},
    }


def _node_status(*, is_ready: bool, gpus: int) -> Manifest:
    room = {"cpu": "96", "memory": "1800Gi", "pods": "110"}
    if gpus:
        room[labels.NVIDIA_GPU] = str(gpus)
    message = "kubelet is posting ready status" if is_ready else "container runtime is down"
    ready = {"type": "Ready", "status": str(is_ready), "reason": "Memory", "message": message}
    return {"capacity": room, "allocatable": room, "conditions": [ready]}
