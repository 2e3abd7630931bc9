"""What one container needs next, given its own facts and the restart policy that applies to it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from kaito.local.node.lifecycle import probing, restart
from kaito.local.node.lifecycle.facts import Command, PodFacts, Run, StartContainer, StopContainer
from kaito.local.node.pod import Container


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One container's share of a decision."""

    state: Literal["pending", "active", "succeeded", "failed"]
    """Pending waits to start (again); succeeded and failed are for good."""
    commands: tuple[Command, ...] = ()
    wake_at: datetime | None = None


def plan_container(facts: PodFacts, container: Container, now: datetime, *, is_init: bool) -> Step:
    """Start, restart, probe or stop one container whose turn it is."""
    run = facts.of(container.name).run
    if run is None:
        return _plan_start(facts, container, attempt=0, backoff=0.0)
    if run.exit is None:
        return _plan_active(facts, container, now, run=run)
    policy = restart.effective_policy(container, facts.pod.spec.restart_policy, is_init=is_init)
    if not restart.should_restart(run, policy):
        return Step(state="succeeded" if run.exit.code == 0 else "failed")
    moment = restart.restart_at(run)
    if moment > now:
        return Step(state="pending", wake_at=moment)
    return _plan_start(facts, container, attempt=run.attempt + 1, backoff=restart.next_backoff(run))


def plan_stop(
    container: Container, run: Run, now: datetime, *, grace: float, message: str = ""
) -> tuple[StopContainer, ...]:
    """Stop a run, unless it is being stopped and will be killed by then anyway."""
    if run.exit is not None:
        return ()
    if run.stop_by is not None and run.stop_by <= now + timedelta(seconds=grace):
        return ()
    said = message or f"Stopping container {container.name}"
    return (StopContainer(container=container.name, run=run.id, grace=grace, message=said),)


def _plan_start(facts: PodFacts, container: Container, *, attempt: int, backoff: float) -> Step:
    if facts.of(container.name).block is not None or not facts.has_volumes:
        return Step(state="pending")
    start = StartContainer(container=container.name, attempt=attempt, backoff=backoff)
    return Step(state="pending", commands=(start,))


def _plan_active(facts: PodFacts, container: Container, now: datetime, *, run: Run) -> Step:
    found = facts.of(container.name)
    if run.spec_hash != facts.pod.hashes.get(container.name, run.spec_hash):
        said = f"Container {container.name} definition changed, will be restarted"
        stop = plan_stop(container, run, now, grace=facts.pod.grace, message=said)
        return Step(state="active", commands=stop)
    if kind := probing.failed_probe(container, found):
        said = f"Container {container.name} failed {kind} probe, will be restarted"
        probe = probing.probe_of(container, kind)
        own_grace = probe.termination_grace_period_seconds if probe else None
        grace = facts.pod.grace if own_grace is None else own_grace
        stop = plan_stop(container, run, now, grace=grace, message=said)
        return Step(state="active", commands=stop)
    probes, wake_at = probing.plan_probes(container, found, now)
    return Step(state="active", commands=probes, wake_at=wake_at)
