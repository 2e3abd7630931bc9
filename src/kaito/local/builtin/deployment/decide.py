"""What to do about a Deployment: find or make its new ReplicaSet, trade sizes, tidy up, report."""

from datetime import datetime

from kaito.kube.controller.decision import NOTHING, Action, Decision, Delete, Patch
from kaito.local.builtin import adoption
from kaito.local.builtin.deployment import replicasets, rollout
from kaito.local.builtin.deployment.observed import Observed
from kaito.local.builtin.deployment.replicasets import Generations, Limits
from kaito.local.builtin.deployment.status import derive_status, seconds_to_deadline
from kaito.local.builtin.kinds import DEPLOYMENTS, REPLICASETS, ReplicaSet
from kaito.local.builtin.status import status_write


def decide_deployment(observed: Observed, now: datetime) -> Decision:
    """One pass over one Deployment."""
    found = observed.deployment
    if found.metadata.is_deleting:
        return NOTHING
    if observed.orphans:
        return Decision(
            actions=tuple(adoption.adopt(REPLICASETS, found, r) for r in observed.orphans),
            why=(f"{len(observed.orphans)} replica sets match and belong to nobody",),
        )
    generations = replicasets.sort_generations(found, observed.replicasets)
    if renumber := _plan_revision(observed, generations):
        # It changes the Deployment itself; a status written now would be refused as outdated.
        return Decision(actions=(renumber,))
    limits = rollout.derive_limits(found)
    status = derive_status(observed, generations, limits, now=now)
    return Decision(
        actions=_plan_replicasets(observed, generations, limits),
        status=status_write(DEPLOYMENTS, found, status),
        requeue_after=seconds_to_deadline(status, observed, now),
    )


def _plan_revision(observed: Observed, generations: Generations) -> Patch | None:
    """Say on the Deployment which revision it is at, once its ReplicaSet says so."""
    found = observed.deployment
    new = generations.new
    if new is None or replicasets.revision_of(new) in (0, replicasets.revision_of(found)):
        return None
    if replicasets.revision_of(new) != generations.new_revision:
        return None
    revision = {replicasets.REVISION: str(generations.new_revision)}
    return Patch(resource=DEPLOYMENTS, key=found.key, patch={"metadata": {"annotations": revision}})


def _plan_replicasets(
    observed: Observed, generations: Generations, limits: Limits
) -> tuple[Action, ...]:
    found = observed.deployment
    if found.spec.paused:
        sizes = rollout.paused_sizes(observed, generations)
        return _plan_sizes(observed, generations, sizes, limits=limits)
    size = rollout.new_size(observed, generations, limits)
    if generations.new is None:
        revision = generations.new_revision
        create = replicasets.plan_new(found, revision=revision, replicas=size, limits=limits)
        return (create,)
    if stale := _plan_annotations(observed, generations, limits):
        return (stale,)
    if size != generations.new.spec.replicas:
        # Old ones shrink only by what is seen to be there, so growing comes first, alone.
        sizes = {generations.new.metadata.uid: size}
        return _plan_sizes(observed, generations, sizes, limits=limits)
    sizes = rollout.old_sizes(observed, generations, limits)
    return (
        *_plan_sizes(observed, generations, sizes, limits=limits),
        *_plan_history(observed, generations),
    )


def _plan_annotations(observed: Observed, generations: Generations, limits: Limits) -> Patch | None:
    """Bring the new ReplicaSet's annotations up to date; a rollback gives it a new revision."""
    new = generations.new
    assert new is not None
    wanted = replicasets.annotations(
        observed.deployment, revision=generations.new_revision, limits=limits
    )
    if wanted.items() <= new.metadata.annotations.items():
        return None
    return Patch(
        resource=REPLICASETS,
        key=new.key,
        patch={
            "metadata": {
                "resourceVersion": new.metadata.resource_version,
                "annotations": wanted,
            }
        },
    )


def _plan_sizes(
    observed: Observed, generations: Generations, sizes: rollout.Sizes, *, limits: Limits
) -> tuple[Action, ...]:
    by_uid = {r.metadata.uid: r for r in generations.all}
    planned = (
        replicasets.plan_scale(observed.deployment, by_uid[uid], size, limits=limits)
        for uid, size in sizes.items()
    )
    return tuple(patch for patch in planned if patch)


def _plan_history(observed: Observed, generations: Generations) -> tuple[Action, ...]:
    """Forget the oldest ReplicaSets beyond the history limit, once nothing runs in them."""
    idle = [r for r in generations.old if _is_idle(observed, r)]
    surplus = len(idle) - observed.deployment.spec.revision_history_limit
    return tuple(
        Delete(resource=REPLICASETS, key=r.key, uid=r.metadata.uid) for r in idle[: max(surplus, 0)]
    )


def _is_idle(observed: Observed, replicaset: ReplicaSet) -> bool:
    return (
        not replicaset.spec.replicas
        and not replicaset.status.replicas
        and not observed.pods.get(replicaset.metadata.uid)
        and not replicaset.metadata.is_deleting
        and replicaset.status.observed_generation >= replicaset.metadata.generation
    )
