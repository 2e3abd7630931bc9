"""The phase of a pod: one word for all its containers.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase
"""

from datetime import datetime

from kaito.local.node.lifecycle import plan, restart
from kaito.local.node.lifecycle.facts import Block, PodFacts
from kaito.local.node.pod import Container, Phase

DEADLINE = Block(
    reason="DeadlineExceeded",
    message="Pod was active on the node longer than the specified deadline",
)


def derive_phase(facts: PodFacts, now: datetime) -> Phase:
    """Where the pod is in its life; Succeeded and Failed are never left."""
    match facts.pod.status.phase:
        case "Succeeded" | "Failed" as last:
            return last
    if facts.refusal is not None or plan.is_overdue(facts, now):
        return "Failed"
    phase = _phase_of_inits(facts) or _phase_of_containers(facts)
    if phase in ("Succeeded", "Failed") and _has_running_sidecar(facts):
        return "Running"
    return phase


def _phase_of_inits(facts: PodFacts) -> Phase | None:
    if plan.is_initialized(facts):
        return None
    for container in facts.pod.spec.init_containers:
        if _is_final(facts, container, is_init=True) and not _succeeded(facts, container):
            return "Failed"
    return "Pending"


def _phase_of_containers(facts: PodFacts) -> Phase:
    containers = facts.pod.spec.containers
    if all(_is_final(facts, container, is_init=False) for container in containers):
        return "Succeeded" if all(_succeeded(facts, c) for c in containers) else "Failed"
    # A container that ran before counts as started while it waits for its next turn.
    if all(_has_begun(facts, container) for container in containers):
        return "Running"
    return "Pending"


def _is_final(facts: PodFacts, container: Container, *, is_init: bool) -> bool:
    run = facts.of(container.name).run
    if run is None or run.exit is None:
        return facts.pod.metadata.is_deleting and run is None
    if facts.pod.metadata.is_deleting:
        return True
    policy = restart.effective_policy(container, facts.pod.spec.restart_policy, is_init=is_init)
    return not restart.should_restart(run, policy)


def _succeeded(facts: PodFacts, container: Container) -> bool:
    run = facts.of(container.name).run
    return run is not None and run.exit is not None and run.exit.code == 0


def _has_begun(facts: PodFacts, container: Container) -> bool:
    runs = facts.of(container.name).runs
    return any(run.started_at is not None for run in runs)


def _has_running_sidecar(facts: PodFacts) -> bool:
    runs = (facts.of(c.name).run for c in facts.pod.spec.init_containers)
    return any(run is not None and run.exit is None for run in runs)
