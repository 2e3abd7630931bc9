"""The order in which a pod's containers run: inits one by one, then all others, sidecars last out.

https://kubernetes.io/docs/concepts/workloads/pods/init-containers/ and .../sidecar-containers/.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from kaito.local.node.lifecycle import probing
from kaito.local.node.lifecycle.facts import Command, PodFacts, RemovePod
from kaito.local.node.lifecycle.step import Step, plan_container, plan_stop
from kaito.local.node.pod import Container

_LEAST_SIDECAR_GRACE = 2.0
"""Seconds that a sidecar gets even when the other containers used the whole grace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The commands of one decision, and when to decide again."""

    commands: tuple[Command, ...] = ()
    wake_at: datetime | None = None


def plan_pod(facts: PodFacts, now: datetime) -> Plan:
    """What to do now."""
    if facts.pod.metadata.is_deleting:
        return _plan_deletion(facts, now)
    if facts.refusal is not None:
        return Plan()
    if facts.pod.is_over or is_overdue(facts, now):
        return Plan(commands=_plan_stops(facts, now, grace=facts.pod.grace))
    return _with_deadline(facts, _plan_containers(facts, now))


def is_overdue(facts: PodFacts, now: datetime) -> bool:
    """Whether `activeDeadlineSeconds` have passed since the pod's start."""
    deadline = _deadline(facts)
    return deadline is not None and deadline <= now


def is_initialized(facts: PodFacts) -> bool:
    """Whether the containers proper may start; once one has started, the inits stay done."""
    if any(facts.of(container.name).runs for container in facts.pod.spec.containers):
        return True
    return all(is_init_done(facts, container) for container in facts.pod.spec.init_containers)


def is_init_done(facts: PodFacts, container: Container) -> bool:
    """Whether the next init container may start: this one succeeded, or is a started sidecar."""
    found = facts.of(container.name)
    if container.is_sidecar:
        return probing.is_started(container, found)
    return found.run is not None and found.run.exit is not None and found.run.exit.code == 0


def _plan_containers(facts: PodFacts, now: datetime) -> Plan:
    spec = facts.pod.spec
    initialized = is_initialized(facts)
    steps: list[Step] = []
    for container in spec.init_containers:
        if initialized and not container.is_sidecar:
            continue
        step = plan_container(facts, container, now, is_init=True)
        steps.append(step)
        if step.state == "failed":
            return Plan(commands=_plan_stops(facts, now, grace=facts.pod.grace))
        if not initialized and not is_init_done(facts, container):
            return _join(steps)
    mains = [plan_container(facts, c, now, is_init=False) for c in spec.containers]
    if all(step.state in ("succeeded", "failed") for step in mains):
        return Plan(commands=_plan_stops(facts, now, grace=facts.pod.grace))
    return _join([*steps, *mains])


def _plan_deletion(facts: PodFacts, now: datetime) -> Plan:
    if not _alive(facts, facts.pod.spec.all_containers):
        return Plan(commands=(RemovePod(),))
    return Plan(commands=_plan_stops(facts, now, grace=facts.pod.grace))


def _plan_stops(facts: PodFacts, now: datetime, *, grace: float) -> tuple[Command, ...]:
    """Stop everything: sidecars only after all others, and then the last one first."""
    spec = facts.pod.spec
    sidecars = [container for container in spec.init_containers if container.is_sidecar]
    others = [container for container in spec.all_containers if container not in sidecars]
    if alive := _alive(facts, others):
        return _stop(facts, alive, now, grace=grace)
    if alive := _alive(facts, sidecars):
        return _stop(facts, alive[-1:], now, grace=_sidecar_grace(facts, now, grace=grace))
    return ()


def _sidecar_grace(facts: PodFacts, now: datetime, *, grace: float) -> float:
    moment = facts.pod.metadata.deletion_timestamp
    if moment is None:
        return grace
    # The API server sets deletionTimestamp to the moment when the grace is over.
    left = (moment - now).total_seconds()
    return min(grace, max(left, _LEAST_SIDECAR_GRACE))


def _alive(facts: PodFacts, containers: Iterable[Container]) -> list[Container]:
    found = ((container, facts.of(container.name).run) for container in containers)
    return [container for container, run in found if run is not None and run.exit is None]


def _stop(
    facts: PodFacts, containers: Iterable[Container], now: datetime, *, grace: float
) -> tuple[Command, ...]:
    commands: list[Command] = []
    for container in containers:
        run = facts.of(container.name).run
        if run is not None:
            commands.extend(plan_stop(container, run, now, grace=grace))
    return tuple(commands)


def _join(steps: Iterable[Step]) -> Plan:
    listed = list(steps)
    return Plan(
        commands=tuple(command for step in listed for command in step.commands),
        wake_at=min((step.wake_at for step in listed if step.wake_at), default=None),
    )


def _with_deadline(facts: PodFacts, plan: Plan) -> Plan:
    moments = [moment for moment in (plan.wake_at, _deadline(facts)) if moment is not None]
    return Plan(commands=plan.commands, wake_at=min(moments, default=None))


def _deadline(facts: PodFacts) -> datetime | None:
    seconds, start = facts.pod.spec.active_deadline_seconds, facts.pod.status.start_time
    if seconds is None or start is None:
        return None
    return start + timedelta(seconds=seconds)
