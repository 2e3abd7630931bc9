"""The way out: drain the node, end the machine, wait until the cloud says it is gone, let go.

The finalizer goes last, so a claim that can be seen to be gone has no machine that costs money.
"""

from datetime import datetime

from kaito.api.core import NODES, PODS, Node, Pod
from kaito.api.meta import Condition, Manifest, Object
from kaito.api.nodeclaim import NODECLAIMS, TERMINATION_FINALIZER
from kaito.api.resources import Resource
from kaito.controllers.nodeclaims.effects import Terminate
from kaito.controllers.nodeclaims.launching import POLL_SECONDS
from kaito.controllers.nodeclaims.observed import Observed
from kaito.controllers.nodeclaims.settings import NodeClaimSettings
from kaito.controllers.nodeclaims.status import render_status
from kaito.controllers.nodeclaims.step import to_condition
from kaito.kube.controller.decision import NOTHING, Action, Create, Decision, Delete, Note, Patch

DRAINED = "Drained"
INSTANCE_TERMINATING = "InstanceTerminating"
"""Karpenter's condition types for what a claim that goes away waits for."""

_EVICTIONS = Resource(group="", version=PODS.version, plural=PODS.plural, kind="Pod", type=Object)
"""Pods, as far as the answer to an eviction can be read as one."""
_NAMED = 3
_RELOOK_SECONDS = 5.0


def decide_end(observed: Observed, settings: NodeClaimSettings, now: datetime) -> Decision:
    """One step of the way out."""
    claim = observed.claim
    if TERMINATION_FINALIZER not in claim.metadata.finalizers:
        return NOTHING
    machine = observed.own_machine
    is_ending = machine is not None and machine.state == "deleting"
    if observed.lookup is None and machine is None:
        return _let_go(observed, now)
    asked = claim.condition(INSTANCE_TERMINATING)
    if not is_ending and not (asked and asked.is_true):
        deadline = (claim.metadata.deletion_timestamp or now) + settings.drain
        if observed.node and observed.pods and now < deadline:
            return _drain(observed, observed.node, deadline, now=now)
    if observed.lookup is not None:
        condition = to_condition(INSTANCE_TERMINATING, observed.lookup)
        pause = max(observed.lookup.retry_after, POLL_SECONDS)
        return _wait(observed, (condition,), now, requeue_after=pause)
    return _terminate(observed, now, is_ending=is_ending)


def _drain(observed: Observed, node: Node, deadline: datetime, *, now: datetime) -> Decision:
    """Ask the pods to go; what is waited for is said before anything may be refused."""
    condition = Condition(
        type=DRAINED, reason="WaitingForPods", message=_say_pods(observed.pods, deadline)
    )
    cordon = _cordon(node)
    told = _wait(observed, (condition,), now, requeue_after=0.0)
    if cordon or told.status:
        return Decision(actions=cordon, status=told.status, requeue_after=1.0)
    pause = min((deadline - now).total_seconds(), POLL_SECONDS)
    return Decision(actions=_evict(observed.pods), requeue_after=max(pause, 1.0))


def _terminate(observed: Observed, now: datetime, *, is_ending: bool) -> Decision:
    """End the machine, and wait for the cloud to be done."""
    attempt = observed.attempt
    failure = attempt.failure if attempt and not is_ending else None
    end = Terminate(name=observed.name, claim_uid=observed.claim.metadata.uid)
    said = f"waits until {observed.cloud} has ended machine {observed.name}"
    ending = (
        to_condition(INSTANCE_TERMINATING, failure)
        if failure
        else Condition(
            type=INSTANCE_TERMINATING, status="True", reason=INSTANCE_TERMINATING, message=said
        )
    )
    if failure and attempt and attempt.retry_at and now < attempt.retry_at:
        pause = (attempt.retry_at - now).total_seconds()
        return _wait(observed, (ending,), now, requeue_after=pause)
    decision = _wait(observed, (_drained(observed), ending), now, requeue_after=POLL_SECONDS)
    if is_ending:
        return decision
    return Decision(
        effects=(end,),
        status=decision.status,
        notes=_overtaken(observed),
        requeue_after=POLL_SECONDS if failure else _RELOOK_SECONDS,
    )


def _let_go(observed: Observed, now: datetime) -> Decision:
    """The cloud has no machine: the node object goes, then the claim."""
    attempt = observed.attempt
    if attempt and attempt.failure is None and attempt.retry_at and now < attempt.retry_at:
        # A machine was accepted moments ago and may not be listed yet.
        return Decision(requeue_after=_RELOOK_SECONDS)
    claim, node = observed.claim, observed.node
    actions: list[Action] = []
    if node is not None and not node.metadata.is_deleting:
        actions.append(Delete(resource=NODES, key=node.key, uid=node.metadata.uid))
    kept = [f for f in claim.metadata.finalizers if f != TERMINATION_FINALIZER]
    meta = {"resourceVersion": claim.metadata.resource_version, "finalizers": kept}
    actions.append(Patch(resource=NODECLAIMS, key=claim.key, patch={"metadata": meta}))
    return Decision(actions=tuple(actions))


def _wait(
    observed: Observed, found: tuple[Condition, ...], now: datetime, *, requeue_after: float
) -> Decision:
    status = render_status(observed.claim, found, now, node=observed.node)
    return Decision(status=status, requeue_after=requeue_after)


def _drained(observed: Observed) -> Condition:
    if not observed.pods:
        return Condition(type=DRAINED, status="True", reason=DRAINED)
    said = f"not waited for any longer: {_name_pods(observed.pods)}"
    return Condition(type=DRAINED, status="False", reason="DrainTimedOut", message=said)


def _overtaken(observed: Observed) -> tuple[Note, ...]:
    if not observed.pods:
        return ()
    said = f"machine {observed.name} ends with pods on it: {_name_pods(observed.pods)}"
    return (Note(about=observed.claim, type="Warning", reason="DrainTimedOut", message=said),)


def _cordon(node: Node) -> tuple[Action, ...]:
    """Keep the pods' successors from coming back to a node that is going away."""
    if node.spec.unschedulable:
        return ()
    return (Patch(resource=NODES, key=node.key, patch={"spec": {"unschedulable": True}}),)


def _evict(pods: tuple[Pod, ...]) -> tuple[Action, ...]:
    return tuple(
        Create(resource=_EVICTIONS, manifest=_eviction(pod), subresource="eviction")
        for pod in pods
        if not pod.metadata.is_deleting
    )


def _eviction(pod: Pod) -> Manifest:
    meta = {"name": pod.metadata.name, "namespace": pod.metadata.namespace}
    return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}


def _say_pods(pods: tuple[Pod, ...], deadline: datetime) -> str:
    until = deadline.strftime("%H:%M:%S")
    return f"waits for {_name_pods(pods)} to end, until {until} UTC at most"


def _name_pods(pods: tuple[Pod, ...]) -> str:
    names = ", ".join(str(pod.key) for pod in pods[:_NAMED])
    more = f" and {len(pods) - _NAMED} more" if len(pods) > _NAMED else ""
    return f"{len(pods)} pod{'s' if len(pods) > 1 else ''}: {names}{more}"
