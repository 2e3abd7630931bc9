"""Watches claims of one class with their nodes and pods, and asks the cloud about their machines.

Reading a cloud is part of observing; changing it is an effect, carried out here and remembered:
what the cloud answered is observed by the pass that follows.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kaito.api.core import NODES, PODS, Node, Pod
from kaito.api.meta import Key
from kaito.api.nodeclaim import NODECLAIMS, TERMINATION_FINALIZER, NodeClaim
from kaito.base.clock import Clock
from kaito.base.logs import facts
from kaito.cloud.failure import CloudFailure
from kaito.cloud.port import Cloud
from kaito.controllers.nodeclaims.attempts import Attempts
from kaito.controllers.nodeclaims.decide import STEADY_SECONDS, decide
from kaito.controllers.nodeclaims.effects import Launch, Terminate
from kaito.controllers.nodeclaims.inventory import Inventory
from kaito.controllers.nodeclaims.observed import Observed
from kaito.controllers.nodeclaims.settings import NodeClaimSettings
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Watch, its_own_key
from kaito.kube.live import Uids

logger = logging.getLogger(__name__)

_FRESH_SECONDS = 4.0
"""What the cloud said this recently is believed of a machine on its way in or out."""
_MIRROR = "kubernetes.io/config.mirror"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeClaimController:
    """Turns NodeClaims into machines."""

    cloud: Cloud
    settings: NodeClaimSettings
    clock: Clock
    live: Uids
    inventory: Inventory
    attempts: Attempts

    name = "kaito-provisioner"

    @property
    def watches(self) -> tuple[Watch[Any], ...]:
        """Claims, the nodes that carry a machine's name, and pods on nodes that go away."""
        return (
            Watch(NODECLAIMS, its_own_key),
            Watch(NODES, self._key_of_node),
            Watch(PODS, _nobody, lookup=self._keys_of_pod),
        )

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """The claim with its machine and node; None where there is nothing of ours."""
        claim = reader.get(NODECLAIMS, key)
        if claim is None:
            self.attempts.forget(key.name)
            self.inventory.forget(key.name)
            return None
        if not self.settings.is_ours(claim) or _is_let_go(claim):
            return None
        if claim.is_ready and not claim.metadata.is_deleting:
            self.attempts.forget(key.name)
        observed = self._observe_cluster(reader, claim)
        try:
            machine = await self.inventory.find(key.name, max_age=_age(claim))
        except CloudFailure as failure:
            found = facts(machine=key.name, reason=failure.reason, error=failure)
            logger.warning("the cloud did not say", extra=found)
            return replace(observed, lookup=failure)
        observed = replace(observed, machine=machine)
        if machine is None and not observed.had_machine and _may_launch(claim):
            is_alive = await self.live.uid_of(NODECLAIMS, key) == claim.metadata.uid
            observed = replace(observed, is_alive=is_alive)
        return observed

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """Pure; see `decide.decide`."""
        return decide(observed, self.settings, now)

    async def carry_out(self, effect: object) -> None:
        """Ask the cloud, and remember its answer for the next look."""
        match effect:
            case Launch(request=request):
                name, uid = request.name, request.claim_uid
                work = self.cloud.launch(request)
            case Terminate(name=name, claim_uid=uid):
                work = self.cloud.terminate(name)
            case _:
                raise TypeError(f"{effect!r} is no effect on a cloud")
        found = facts(cloud=self.cloud.name, machine=name, claim_uid=uid)
        self.inventory.forget(name)
        try:
            await work
        except CloudFailure as failure:
            self.attempts.failed(name, uid, failure, self.clock.now())
            told = facts(machine=name, reason=failure.reason, error=failure)
            logger.warning("the cloud refused", extra=told)
            return
        if isinstance(effect, Launch):
            self.attempts.accepted(name, uid, self.clock.now())
            logger.info("machine asked for", extra=found)
        else:
            assert isinstance(effect, Terminate)
            if effect.because is not None:
                self.attempts.failed(name, uid, effect.because, self.clock.now())
            logger.info("machine given back", extra=found)

    def _observe_cluster(self, reader: Reader, claim: NodeClaim) -> Observed:
        name = claim.metadata.name
        nodes = reader.list(NODES)
        mine = [n for n in nodes if n.metadata.labels.get(self.cloud.node_label) == name]
        node = min(mine, key=_age_of_node) if mine else None
        return Observed(
            claim=claim,
            cloud=self.cloud.name,
            node_label=self.cloud.node_label,
            node=node,
            pods=_observe_pods(reader, node) if node and claim.metadata.is_deleting else (),
            attempt=self.attempts.of(name, claim.metadata.uid),
        )

    def _key_of_node(self, node: Node) -> tuple[Key, ...]:
        name = node.metadata.labels.get(self.cloud.node_label, "")
        return (Key("", name),) if name else ()

    def _keys_of_pod(self, reader: Reader, pod: Pod) -> Iterable[Key]:
        """The claim that waits for the pod to go."""
        node = reader.get(NODES, Key("", pod.spec.node_name)) if pod.spec.node_name else None
        keys = self._key_of_node(node) if node is not None else ()
        claims = (reader.get(NODECLAIMS, key) for key in keys)
        return tuple(claim.key for claim in claims if claim and claim.metadata.is_deleting)


def _age(claim: NodeClaim) -> float:
    """How old an answer of the cloud may be."""
    is_steady = claim.is_ready and not claim.metadata.is_deleting
    return STEADY_SECONDS * 0.9 if is_steady else _FRESH_SECONDS


def _is_let_go(claim: NodeClaim) -> bool:
    meta = claim.metadata
    return meta.is_deleting and TERMINATION_FINALIZER not in meta.finalizers


def _may_launch(claim: NodeClaim) -> bool:
    return TERMINATION_FINALIZER in claim.metadata.finalizers and not claim.metadata.is_deleting


def _age_of_node(node: Node) -> tuple[str, str]:
    born = node.metadata.creation_timestamp
    return (born.isoformat() if born else "", node.metadata.name)


def _observe_pods(reader: Reader, node: Node) -> tuple[Pod, ...]:
    """Pods that hold up a drain: neither finished, nor bound to their node whatever happens."""
    return tuple(
        pod
        for pod in reader.list(PODS)
        if pod.spec.node_name == node.metadata.name
        and not pod.is_finished
        and _MIRROR not in pod.metadata.annotations
        and not any(owner.kind == "DaemonSet" for owner in pod.metadata.owner_references)
    )


def _nobody(_: Pod) -> tuple[Key, ...]:
    return ()
