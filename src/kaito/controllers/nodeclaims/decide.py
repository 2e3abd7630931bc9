"""From what was observed of a claim to what to do about it. Pure."""

from datetime import datetime

from kaito.api.meta import Condition
from kaito.api.nodeclaim import CONDITIONS, NODECLAIMS, TERMINATION_FINALIZER, NodeClaim
from kaito.controllers.nodeclaims.ending import decide_end
from kaito.controllers.nodeclaims.joining import decide_initialization, decide_registration
from kaito.controllers.nodeclaims.launching import POLL_SECONDS, decide_launch
from kaito.controllers.nodeclaims.observed import Observed
from kaito.controllers.nodeclaims.settings import NodeClaimSettings
from kaito.controllers.nodeclaims.status import render_status, summarise, transitions
from kaito.controllers.nodeclaims.step import Step, untouched
from kaito.kube.controller.decision import Decision, Patch

STEADY_SECONDS = 300.0
"""How often the cloud is asked about a machine that serves."""


def decide(observed: Observed, settings: NodeClaimSettings, now: datetime) -> Decision:
    """Finalizer first, then the steps up to the first that waits, then one status."""
    claim = observed.claim
    if claim.metadata.is_deleting:
        return decide_end(observed, settings, now)
    if TERMINATION_FINALIZER not in claim.metadata.finalizers:
        return _hold(claim)
    steps = _steps(observed, settings, now)
    found = _conditions(steps)
    status = render_status(claim, found, now, node=observed.node)
    requeues = [step.requeue_after for step in steps if step.requeue_after is not None]
    usual = STEADY_SECONDS if steps[-1].condition.is_true else POLL_SECONDS
    is_final = steps[-1].condition.status == "False" and not requeues
    return Decision(
        actions=tuple(action for step in steps for action in step.actions),
        effects=tuple(effect for step in steps for effect in step.effects),
        status=status,
        notes=transitions(claim, found) if status else (),
        requeue_after=min(requeues, default=STEADY_SECONDS if is_final else usual),
        why=tuple(f"{c.type}={c.status}: {c.reason}: {c.message}" for c in found),
    )


def _hold(claim: NodeClaim) -> Decision:
    """Nothing is made for a claim that could vanish without our hearing of it."""
    meta = claim.metadata
    finalizers = [*meta.finalizers, TERMINATION_FINALIZER]
    patch = {"metadata": {"finalizers": finalizers, "resourceVersion": meta.resource_version}}
    return Decision(actions=(Patch(resource=NODECLAIMS, key=claim.key, patch=patch),))


def _steps(observed: Observed, settings: NodeClaimSettings, now: datetime) -> tuple[Step, ...]:
    """The steps that are due: each only once the one before is done."""
    launch = decide_launch(observed, settings, now)
    if not launch.condition.is_true:
        return (launch,)
    registration = decide_registration(observed, settings, now)
    if not registration.condition.is_true:
        return (launch, registration)
    return (launch, registration, decide_initialization(observed, settings))


def _conditions(steps: tuple[Step, ...]) -> tuple[Condition, ...]:
    reached = tuple(step.condition for step in steps)
    rest = tuple(untouched(type_) for type_ in CONDITIONS[len(reached) : -1])
    return (*reached, *rest, summarise((*reached, *rest)))
