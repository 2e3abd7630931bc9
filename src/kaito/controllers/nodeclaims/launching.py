"""Launched: from a claim to a machine in the cloud, never two for one claim.

Order matters: the finalizer is written and the API server has that very claim before anything is
asked for; machines are asked for by the claim's name, which a cloud gives away once.
"""

from dataclasses import replace
from datetime import datetime

from kaito.api.meta import Condition
from kaito.api.nodeclaim import LAUNCHED, REGISTERED
from kaito.cloud.failure import CloudFailure
from kaito.cloud.port import CloudMachine
from kaito.controllers.nodeclaims.effects import Launch, Terminate
from kaito.controllers.nodeclaims.observed import ENDING, MISSING, VANISHED, Observed
from kaito.controllers.nodeclaims.requests import to_request
from kaito.controllers.nodeclaims.settings import NodeClaimSettings
from kaito.controllers.nodeclaims.step import Step, done, to_condition, waiting

POLL_SECONDS = 15.0
"""How often a cloud is asked about a machine that is on its way; clouds tell nobody."""
_RELOOK_SECONDS = 5.0


def decide_launch(observed: Observed, settings: NodeClaimSettings, now: datetime) -> Step:
    """Launched as it should read, and what to do for it."""
    if observed.lookup is not None:
        return _unseen(observed, observed.lookup)
    if observed.machine is None:
        return (
            _lost(observed, settings, now)
            if observed.had_machine
            else _ask(observed, settings, now)
        )
    machine = observed.own_machine
    return _clash(observed, observed.machine) if machine is None else _follow(observed, machine)


def _unseen(observed: Observed, failure: CloudFailure) -> Step:
    """The cloud does not say: what was known stays known."""
    known = observed.launched
    condition = known if known and observed.had_machine else to_condition(LAUNCHED, failure)
    pause = max(failure.retry_after, POLL_SECONDS)
    return Step(condition=condition, requeue_after=pause)


def _ask(observed: Observed, settings: NodeClaimSettings, now: datetime) -> Step:
    """No machine yet: ask for one, or wait until it is time to ask again."""
    attempt = observed.attempt
    if attempt and attempt.retry_at is None and attempt.failure:
        return Step(condition=to_condition(LAUNCHED, attempt.failure))
    if attempt and attempt.retry_at and now < attempt.retry_at:
        pause = (attempt.retry_at - now).total_seconds()
        if attempt.failure:
            return Step(condition=to_condition(LAUNCHED, attempt.failure), requeue_after=pause)
        said = f"{observed.cloud} has accepted the machine and does not list it yet"
        return replace(waiting(LAUNCHED, "Launching", said), requeue_after=_RELOOK_SECONDS)
    try:
        request = to_request(observed.claim, settings)
    except CloudFailure as failure:
        return Step(condition=to_condition(LAUNCHED, failure))
    if not observed.is_alive:
        # The cache lags: a machine made now would belong to nobody.
        return replace(waiting(LAUNCHED, "Launching", "the NodeClaim is gone"), requeue_after=1.0)
    return Step(
        condition=_while_asking(observed, attempt.failure if attempt else None),
        effects=(Launch(request=request),),
        requeue_after=0.0,
    )


def _while_asking(observed: Observed, failure: CloudFailure | None) -> Condition:
    """A refusal stands until another answer is there: no flapping between tries."""
    if failure:
        return to_condition(LAUNCHED, failure)
    known = observed.launched
    if known is not None:
        return known
    said = f"asking {observed.cloud} for a {observed.claim.spec.instance_type}"
    return Condition(type=LAUNCHED, reason="Launching", message=said)


def _follow(observed: Observed, machine: CloudMachine) -> Step:
    """The machine is there."""
    registered = observed.claim.condition(REGISTERED)
    was_used = observed.node is not None or (registered is not None and registered.is_true)
    if machine.state == "deleting":
        return _going(observed)
    if machine.state != "failed" or was_used:
        # A failed update of a machine that serves is told by its node, not answered by its end.
        return done(LAUNCHED)
    assert machine.failure is not None, f"{observed.cloud} does not say why {machine.name} failed"
    uid = observed.claim.metadata.uid
    end = Terminate(name=machine.name, claim_uid=uid, because=machine.failure)
    condition = to_condition(LAUNCHED, machine.failure)
    return Step(condition=condition, effects=(end,), requeue_after=POLL_SECONDS)


def _going(observed: Observed) -> Step:
    """The machine ends although its claim does not."""
    attempt = observed.attempt
    if attempt and attempt.failure:
        condition = to_condition(LAUNCHED, attempt.failure)
        return Step(condition=condition, requeue_after=POLL_SECONDS)
    if not observed.had_machine:
        # A failed one that a former life of this process ended; it is asked for anew afterwards.
        said = f"waits until {observed.cloud} has ended the failed machine of this claim"
        known = observed.launched
        step = waiting(LAUNCHED, "Launching", said)
        return replace(step, condition=known or step.condition, requeue_after=POLL_SECONDS)
    said = f"{observed.cloud} ends machine {observed.name}, and not because of this NodeClaim"
    return replace(waiting(LAUNCHED, ENDING, said), requeue_after=POLL_SECONDS)


def _lost(observed: Observed, settings: NodeClaimSettings, now: datetime) -> Step:
    """There was a machine, and there is none: certain only after a while.

    No other is made in its place: whoever asked decides whether that is wanted.
    """
    known = observed.launched
    since = known.last_transition_time if known and not known.is_true else None
    is_settled = known is not None and known.reason == VANISHED
    if is_settled or (since is not None and now - since >= settings.vanishing):
        said = f"{observed.cloud} has no machine {observed.name} any more"
        said = f"{said}; delete this NodeClaim to have another made"
        return waiting(LAUNCHED, VANISHED, said, status="False")
    said = f"{observed.cloud} does not list machine {observed.name}; looking again"
    return replace(waiting(LAUNCHED, MISSING, said), requeue_after=POLL_SECONDS)


def _clash(observed: Observed, machine: CloudMachine) -> Step:
    """The name is taken."""
    if not machine.claim_uid:
        said = (
            f"{observed.cloud} has a machine {machine.name} already, and this provisioner did not "
            f"make it; is another provisioner answering {observed.claim.spec.node_class_ref.kind}?"
        )
        step = waiting(LAUNCHED, "MachineNotOurs", said, status="False")
        return replace(step, requeue_after=60.0)
    said = f"waits for the machine {machine.name} of an earlier NodeClaim of this name to end"
    step = waiting(LAUNCHED, "EarlierMachineEnding", said)
    end = Terminate(name=machine.name, claim_uid=machine.claim_uid)
    effects = () if machine.state == "deleting" else (end,)
    return replace(step, effects=effects, requeue_after=POLL_SECONDS)
