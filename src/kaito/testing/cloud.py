"""A simulated cloud: NodeClaims become Nodes after a delay, unless they are told to fail.

It stands for any provisioner of `karpenter.sh/v1`. Every machine it ever launched is counted, so
that a test can say that none was launched twice and none is left.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from kaito.api import labels
from kaito.api.core import NODES
from kaito.api.meta import Key, Manifest
from kaito.api.nodeclaim import CONDITIONS, NODECLAIMS, TERMINATION_FINALIZER, NodeClaim
from kaito.base.clock import Clock, to_rfc3339
from kaito.kube import errors
from kaito.kube.cache import Reader
from kaito.kube.client import Client

Trouble = Literal[
    "", "quota", "capacity", "unauthorized", "never", "late-plugin", "never-ready", "flapping"
]
"""What goes wrong with one machine; the empty text: nothing."""

_REFUSALS = {
    "quota": ("QuotaExceeded", "quota of this machine family is 0 in this region"),
    "capacity": ("InsufficientCapacity", "no such machine is free in this region now"),
    "unauthorized": ("Unauthorized", "the identity may not write agent pools"),
}
_PLUGIN_SECONDS = 30.0
_FLAP_SECONDS = 5.0


@dataclass(slots=True)
class Machine:
    """One machine that was launched."""

    claim: str
    owner: tuple[str, str]
    """Namespace and name of the workspace it was made for."""
    ready_at: datetime
    trouble: Trouble
    is_running: bool = True


@dataclass(slots=True, kw_only=True)
class Cloud:
    """Answers every NodeClaim there is."""

    client: Client
    clock: Clock
    delay: Callable[[str], float]
    """Seconds from a claim to its ready node, by the claim's name."""
    trouble: Callable[[str], Trouble] = lambda _: ""
    gpus: int = 8
    reader: Reader | None = None
    """Caches to read from; without, every step lists, which sees each change at once."""
    machines: dict[str, Machine] = field(default_factory=dict)
    """By claim, the last one launched for it."""
    launched: int = 0
    _kept: dict[str, tuple[bool, int]] = field(default_factory=dict)
    """What was last written of each machine's node, so that a large cluster is not read anew."""

    async def step(self) -> None:
        """Bring every claim as far as it is by now."""
        for claim in await self._claims():
            with suppress(errors.NotFound, errors.Conflict):
                await (self._release(claim) if claim.metadata.is_deleting else self._grant(claim))

    async def _claims(self) -> tuple[NodeClaim, ...]:
        if self.reader is not None:
            return self.reader.list(NODECLAIMS)
        return (await self.client.list(NODECLAIMS)).items

    def running(self, namespace: str, name: str) -> int:
        """Machines that run for one workspace now."""
        return sum(m.is_running and m.owner == (namespace, name) for m in self.machines.values())

    async def _grant(self, claim: NodeClaim) -> None:
        name = claim.metadata.name
        trouble = self.trouble(name)
        if trouble == "never":
            return
        if TERMINATION_FINALIZER not in claim.metadata.finalizers:
            await self._set_finalizers(claim, (*claim.metadata.finalizers, TERMINATION_FINALIZER))
            return
        if trouble in _REFUSALS:
            reason, message = _REFUSALS[trouble]
            await self._tell(claim, {"Launched": ("False", reason, message)})
            return
        machine = self.machines.get(name)
        if machine is None or not machine.is_running:
            await self._launch(claim, trouble)
        else:
            await self._advance(claim, machine)

    async def _launch(self, claim: NodeClaim, trouble: Trouble) -> None:
        held, name = claim.metadata.labels, claim.metadata.name
        owner = (held.get(labels.WORKSPACE_NAMESPACE, ""), held.get(labels.WORKSPACE, ""))
        ready_at = self.clock.now() + timedelta(seconds=self.delay(name))
        self.machines[name] = Machine(name, owner, ready_at, trouble)
        self.launched += 1
        await self._tell(claim, {"Launched": ("True", "Launched", "")})

    async def _advance(self, claim: NodeClaim, machine: Machine) -> None:
        now = self.clock.now()
        if now < machine.ready_at:
            return
        is_ready = machine.trouble != "never-ready" and not (
            machine.trouble == "flapping"
            and int((now - machine.ready_at).total_seconds() / _FLAP_SECONDS) in (1, 3)
        )
        has_plugin = machine.trouble != "late-plugin" or (
            now >= machine.ready_at + timedelta(seconds=_PLUGIN_SECONDS)
        )
        await self._keep_node(claim, is_ready=is_ready, gpus=self.gpus if has_plugin else 0)
        types = CONDITIONS if is_ready else CONDITIONS[:2]
        await self._tell(claim, {type_: ("True", type_, "") for type_ in types})

    async def _keep_node(self, claim: NodeClaim, *, is_ready: bool, gpus: int) -> None:
        name = claim.metadata.name
        if self._kept.get(name) == (is_ready, gpus):
            return
        with suppress(errors.AlreadyExists):
            await self.client.create(NODES, _node(claim))
        patch = {"status": _node_status(is_ready=is_ready, gpus=gpus)}
        await self.client.patch(NODES, Key("", name), patch, subresource="status")
        self._kept[name] = (is_ready, gpus)

    async def _release(self, claim: NodeClaim) -> None:
        name = claim.metadata.name
        self._kept.pop(name, None)
        with suppress(errors.NotFound):
            await self.client.delete(NODES, Key("", name))
        if name in self.machines:
            self.machines[name].is_running = False
        kept = tuple(f for f in claim.metadata.finalizers if f != TERMINATION_FINALIZER)
        if kept != claim.metadata.finalizers:
            await self._set_finalizers(claim, kept)

    async def _set_finalizers(self, claim: NodeClaim, finalizers: tuple[str, ...]) -> None:
        patch = {"metadata": {"finalizers": list(finalizers)}}
        await self.client.patch(NODECLAIMS, claim.key, patch)

    async def _tell(self, claim: NodeClaim, found: dict[str, tuple[str, str, str]]) -> None:
        """Write the conditions, once."""
        known = {c.type: (c.status, c.reason, c.message) for c in claim.status.conditions}
        if all(known.get(type_) == said for type_, said in found.items()):
            return
        written = [
            {
                "type": type_,
                "status": status,
                "reason": reason,
                "message": message,
                "lastTransitionTime": to_rfc3339(self.clock.now()),
            }
            for type_, (status, reason, message) in {**known, **found}.items()
        ]
        status: Manifest = {"conditions": written}
        if "Registered" in found:
            status["nodeName"] = claim.metadata.name
        patch = {"status": status}
        await self.client.patch(NODECLAIMS, claim.key, patch, subresource="status")


def _node(claim: NodeClaim) -> Manifest:
    decided = {
        requirement.key: requirement.values[0]
        for requirement in claim.spec.requirements
        if requirement.operator == "In" and len(requirement.values) == 1
    }
    taints = [{"key": t.key, "value": t.value, "effect": t.effect} for t in claim.spec.taints]
    name = claim.metadata.name
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {**decided, **claim.metadata.labels, labels.HOSTNAME: name},
        },
        "spec": {"providerID": f"simulated://{name}", "taints": taints},
    }


def _node_status(*, is_ready: bool, gpus: int) -> Manifest:
    room = {"cpu": "96", "memory": "1800Gi", "pods": "110", "ephemeral-storage": "8000Gi"}
    if gpus:
        room[labels.NVIDIA_GPU] = str(gpus)
    ready = {"type": "Ready", "status": str(is_ready), "reason": "Simulated"}
    return {"capacity": room, "allocatable": room, "conditions": [ready]}
