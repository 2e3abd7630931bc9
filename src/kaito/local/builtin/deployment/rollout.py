"""How far a rollout may go in one step, and the sizes that follow.

The arithmetic is that of Kubernetes' rolling update
(https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment):
never more than `replicas + maxSurge` pods, never fewer than `replicas - maxUnavailable` available.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from kaito.local.builtin.deployment.observed import Observed
from kaito.local.builtin.deployment.replicasets import Generations, Limits
from kaito.local.builtin.kinds import Deployment, ReplicaSet

Sizes = dict[str, int]
"""ReplicaSet uid -> how many pods it should have."""


def derive_limits(found: Deployment) -> Limits:
    """The bounds of a rolling update; a Recreate has no pod more and may have none available."""
    wanted = found.spec.replicas
    if found.spec.strategy.type == "Recreate":
        return Limits(most=wanted, least=0)
    given = found.spec.strategy.rolling_update
    surge = _share(given.max_surge, wanted, ROUND_CEILING)
    unavailable = _share(given.max_unavailable, wanted, ROUND_FLOOR)
    if not surge and not unavailable:
        # Both round to 0 for small sizes; then nothing could ever move.
        unavailable = 1
    return Limits(most=wanted + surge, least=wanted - min(unavailable, wanted))


def new_size(observed: Observed, generations: Generations, limits: Limits) -> int:
    """How many pods the new ReplicaSet should have now; its size counts as 0 while it is not."""
    found = observed.deployment
    current = generations.new.spec.replicas if generations.new else 0
    wanted = found.spec.replicas
    if found.spec.strategy.type == "Recreate":
        left = any(r.spec.replicas or observed.pods.get(r.metadata.uid) for r in generations.old)
        return current if left else wanted
    if current >= wanted:
        return wanted
    room = limits.most - sum(r.spec.replicas for r in generations.all)
    return current + max(min(room, wanted - current), 0)


def old_sizes(observed: Observed, generations: Generations, limits: Limits) -> Sizes:
    """How many pods each old ReplicaSet should keep."""
    old = [r for r in generations.old if r.spec.replicas]
    if observed.deployment.spec.strategy.type == "Recreate":
        return {r.metadata.uid: 0 for r in old}
    return _shrink(old, generations, limits)


def paused_sizes(observed: Observed, generations: Generations) -> Sizes:
    """While paused only the active ReplicaSet follows the wanted number; nothing rolls."""
    active = [r for r in generations.all if r.spec.replicas] or list(generations.all)
    if len(active) != 1 and generations.new is None:
        return {}
    target = generations.new or active[-1]
    others = sum(r.spec.replicas for r in generations.all if r is not target)
    return {target.metadata.uid: max(observed.deployment.spec.replicas - others, 0)}


def _shrink(old: list[ReplicaSet], generations: Generations, limits: Limits) -> Sizes:
    """First give up old pods that are not available anyway, then as many as may be missing."""
    new = generations.new
    new_missing = new.spec.replicas - new.status.available_replicas if new else 0
    total = sum(r.spec.replicas for r in generations.all)
    spare = total - limits.least - max(new_missing, 0)
    sizes: Sizes = {}
    for found in old:
        missing = found.spec.replicas - found.status.available_replicas
        drop = min(max(missing, 0), max(spare, 0))
        spare -= drop
        sizes[found.metadata.uid] = found.spec.replicas - drop
    available = sum(r.status.available_replicas for r in generations.all)
    spare = min(spare, available - limits.least)
    for found in old:
        drop = min(sizes[found.metadata.uid], max(spare, 0))
        spare -= drop
        sizes[found.metadata.uid] -= drop
    return sizes


def _share(value: int | str | None, whole: int, rounding: str) -> int:
    """A number, or a percentage of `whole`; a quarter unless told otherwise."""
    if isinstance(value, int):
        return value
    percent = Decimal((value or "25%").rstrip("%"))
    return int((percent * whole / 100).to_integral_value(rounding))
