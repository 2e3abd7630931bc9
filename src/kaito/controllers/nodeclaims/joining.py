"""Registered and Initialized: from a machine to a node that can be used."""

from dataclasses import replace
from datetime import datetime

from kaito.api import labels
from kaito.api.core import NODES, Node
from kaito.api.meta import Manifest
from kaito.api.nodeclaim import INITIALIZED, REGISTERED
from kaito.base.quantity import parse_bytes
from kaito.controllers.nodeclaims.launching import POLL_SECONDS
from kaito.controllers.nodeclaims.observed import Observed
from kaito.controllers.nodeclaims.requests import expected_gpus, node_labels
from kaito.controllers.nodeclaims.settings import NodeClaimSettings
from kaito.controllers.nodeclaims.step import Step, done, to_condition, waiting
from kaito.kube.controller.decision import Action, Patch

_GONE = "NodeGone"


def decide_registration(observed: Observed, settings: NodeClaimSettings, now: datetime) -> Step:
    """Registered as it should read; the node gets what the cloud did not give it."""
    node = observed.node
    if node is None:
        return _unregistered(observed, settings, now)
    registered = observed.claim.condition(REGISTERED)
    if registered is not None and registered.is_true:
        # Once only: what people change on a node afterwards is theirs.
        return done(REGISTERED)
    return done(REGISTERED, actions=_complete(observed, node))


def decide_initialization(observed: Observed, settings: NodeClaimSettings) -> Step:
    """Initialized as it should read."""
    node = observed.node
    assert node is not None, "a node that is not registered cannot be initialized"
    if not node.is_ready:
        return waiting(INITIALIZED, "NodeNotReady", _say_not_ready(node))
    wanted = expected_gpus(observed.claim, settings)
    if wanted and not parse_bytes(node.status.allocatable.get(labels.NVIDIA_GPU, "0")):
        said = f"node {node.metadata.name} does not offer {labels.NVIDIA_GPU} yet"
        return waiting(INITIALIZED, "ResourceNotRegistered", f"{said}: no device plugin runs there")
    return done(INITIALIZED)


def _unregistered(observed: Observed, settings: NodeClaimSettings, now: datetime) -> Step:
    known, machine = observed.claim.condition(REGISTERED), observed.own_machine
    if known is not None and (known.is_true or known.reason == _GONE):
        named = observed.claim.status.node_name or "of this claim"
        said = f"node {named} is gone although its machine is not; did somebody delete it?"
        return replace(waiting(REGISTERED, _GONE, said), requeue_after=POLL_SECONDS)
    if machine is not None and machine.failure is not None:
        # What holds up its making, in the cloud's words, beats what we would guess.
        condition = to_condition(REGISTERED, machine.failure)
        return Step(condition=condition, requeue_after=POLL_SECONDS)
    return replace(_awaited(observed, settings, now), requeue_after=POLL_SECONDS)


def _awaited(observed: Observed, settings: NodeClaimSettings, now: datetime) -> Step:
    label = f"{observed.node_label}={observed.name}"
    since = observed.launched.last_transition_time if observed.launched else None
    if since is not None and now - since >= settings.registration:
        minutes = int(settings.registration.total_seconds() // 60)
        said = (
            f"no Node with label {label} in {minutes} minutes; can the machine reach the cluster, "
            "and may it join?"
        )
        return waiting(REGISTERED, "RegistrationTimeout", said, status="False")
    state = observed.own_machine.state if observed.own_machine else "unknown"
    said = f"the machine is {state}; no Node with label {label} yet"
    return waiting(REGISTERED, "NodeNotRegistered", said)


def _complete(observed: Observed, node: Node) -> tuple[Action, ...]:
    """Labels and taints of the claim that the node lacks."""
    wanted = node_labels(observed.claim)
    missing = {k: v for k, v in wanted.items() if node.metadata.labels.get(k) != v}
    known = {(t.key, t.effect) for t in node.spec.taints}
    untainted = [t for t in observed.claim.spec.taints if (t.key, t.effect) not in known]
    if not missing and not untainted:
        return ()
    # The list of taints is replaced whole, so only the very one that was read may be.
    patch: Manifest = {"metadata": {"resourceVersion": node.metadata.resource_version}}
    if missing:
        patch["metadata"]["labels"] = missing
    if untainted:
        taints = (*node.spec.taints, *untainted)
        patch["spec"] = {
            "taints": [{"key": t.key, "value": t.value, "effect": t.effect} for t in taints]
        }
    return (Patch(resource=NODES, key=node.key, patch=patch),)


def _say_not_ready(node: Node) -> str:
    ready = next((c for c in node.status.conditions if c.type == "Ready"), None)
    said = f"node {node.metadata.name} is not Ready"
    return f"{said}: {ready.message}" if ready and ready.message else said
