"""Several nodes that never become whole: those that came are given back, and asked for again. Pure.

A model over several nodes starts when all are there. Where one never comes (a quota for one of two)
the others cost money for nothing, so after `give_back_after` without all of them they are let go.
A node that is away for a moment costs nobody the others. They are asked for again after five
minutes, ten, twenty, up to an hour. What is remembered of it stands in `status.givenBack`, and is
written before anything is deleted: whoever dies in between goes on.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from kaito.api import conditions
from kaito.api.meta import Condition
from kaito.api.nodeclaim import LAUNCHED, NodeClaim
from kaito.api.workspace import NODE_CLAIM_READY, RESOURCE_READY, GivenBackStatus
from kaito.base.clock import to_rfc3339
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.resource_ready import delete_made
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.controllers.workspace.step import Step, lacks
from kaito.kube.controller.decision import Action
from kaito.provision.port import Wanted

INCOMPLETE = "NodesIncomplete"
_FIRST_PAUSE = timedelta(minutes=5)
_LONGEST_PAUSE = timedelta(hours=1)


def give_back_incomplete(
    observed: Observed, wanted: Wanted, step: Step, settings: WorkspaceSettings, *, now: datetime
) -> Step:
    """The step towards nodes, or the one away from those that came."""
    limit = settings.give_back_after
    started = observed.owned or observed.owned_deployment
    if wanted.count < 2 or started is not None or limit is None or not step.blocks:
        return step
    before = observed.workspace.status.given_back
    if before is not None and (left := _pause_left(before, now)) > 0:
        return _let_go(observed, before, left, settings)
    claims = [c for c in observed.supply.claims if not c.metadata.is_deleting]
    if _are_all_ready(claims, wanted) or not any(map(_has_launched, claims)):
        # All came, and what keeps a node away now is no reason to end the machines; or nothing
        # costs anything yet, and whoever waits longest is served first.
        return replace(step, given_back=before)
    patience = (limit - _waited(observed, claims, now)).total_seconds()
    if patience > 0:
        return replace(step, given_back=before, requeue_after=patience)
    times = 1 + (before.times if before else 0)
    given = GivenBackStatus(times=times, at=now.replace(microsecond=0), why=_why(step))
    return Step(
        conditions=_conditions(wanted, given),
        blocks=True,
        nodes=(),
        requeue_after=_pause_after(given).total_seconds(),
        given_back=given,
    )


def _let_go(
    observed: Observed, given: GivenBackStatus, left: float, settings: WorkspaceSettings
) -> Step:
    old = observed.workspace.status.conditions
    kept = tuple(
        lacks(c.type, c.reason, c.message)
        for c in old
        if c.type in (NODE_CLAIM_READY, RESOURCE_READY)
    )
    return Step(
        conditions=kept,
        actions=_deletes(observed, settings),
        blocks=True,
        nodes=(),
        requeue_after=left,
        given_back=given,
    )


def _deletes(observed: Observed, settings: WorkspaceSettings) -> tuple[Action, ...]:
    supply = observed.supply
    going = {
        item.metadata.name for item in (*supply.claims, *supply.pools) if item.metadata.is_deleting
    }
    made = settings.provisioner.belongings(supply)
    return tuple(delete_made(each) for each in made if each.name not in going)


def _conditions(wanted: Wanted, given: GivenBackStatus) -> tuple[Condition, ...]:
    again = to_rfc3339(given.at + _pause_after(given)) if given.at else "once"
    said = (
        f"the {wanted.count} {wanted.instance_type} nodes did not all come, and those that did are "
        f"given back; all are asked for again at {again}, try {given.times + 1}; before: "
        f"{given.why}"
    )
    return tuple(lacks(type_, INCOMPLETE, said) for type_ in (NODE_CLAIM_READY, RESOURCE_READY))


def _why(step: Step) -> str:
    lacking = next((c for c in step.conditions if not c.is_true), None)
    return f"{lacking.reason}: {lacking.message}" if lacking else ""


def _pause_after(given: GivenBackStatus) -> timedelta:
    doubled = int(2 ** min(max(given.times - 1, 0), 10))
    return min(_FIRST_PAUSE * doubled, _LONGEST_PAUSE)


def _pause_left(given: GivenBackStatus, now: datetime) -> float:
    if given.at is None:
        return 0.0
    return (given.at + _pause_after(given) - now).total_seconds()


def _waited(observed: Observed, claims: list[NodeClaim], now: datetime) -> timedelta:
    """Since all were asked for, and since all were there, had they been; by stamps in the API."""
    since = [c.metadata.creation_timestamp for c in claims]
    found = conditions.find(observed.workspace.status.conditions, RESOURCE_READY)
    if found is None or found.is_true:
        # They were all there until now.
        return timedelta()
    stamps = [stamp for stamp in (*since, found.last_transition_time) if stamp]
    return now - max(stamps) if stamps else timedelta()


def _are_all_ready(claims: list[NodeClaim], wanted: Wanted) -> bool:
    return len(claims) >= wanted.count and all(claim.is_ready for claim in claims)


def _has_launched(claim: NodeClaim) -> bool:
    launched = claim.condition(LAUNCHED)
    return launched is not None and launched.is_true
