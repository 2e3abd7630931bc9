"""The conditions of a pod: what is true of it, why not, and since when.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions
"""

from collections.abc import Iterable
from datetime import datetime

from kaito.api.meta import Manifest
from kaito.base.clock import to_rfc3339
from kaito.local.node.lifecycle import plan, probing
from kaito.local.node.lifecycle.facts import PodFacts
from kaito.local.node.pod import Container, Phase, PodCondition

OWNED = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


def render_conditions(facts: PodFacts, phase: Phase, now: datetime) -> list[Manifest]:
    """The agent's conditions, then everybody else's as they stand."""
    containers_ready = _containers_ready(facts, phase)
    wanted = {
        "PodReadyToStartContainers": _flag("PodReadyToStartContainers", facts.has_volumes),
        "Initialized": _initialized(facts, phase),
        "Ready": _ready(facts, containers_ready),
        "ContainersReady": containers_ready,
        "PodScheduled": _flag("PodScheduled", is_true=True),
    }
    last = {condition.type: condition for condition in facts.pod.status.conditions}
    others = [condition for kind, condition in last.items() if kind not in OWNED]
    mine = [_dated(wanted[kind], last.get(kind), now) for kind in OWNED]
    return [_to_manifest(condition) for condition in (*mine, *others)]


def is_pod_ready(conditions: Iterable[Manifest]) -> bool:
    """Whether the rendered conditions say that the pod may get traffic."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _initialized(facts: PodFacts, phase: Phase) -> PodCondition:
    if phase == "Succeeded":
        return PodCondition(type="Initialized", status="True", reason="PodCompleted")
    inits = facts.pod.spec.init_containers
    if plan.is_initialized(facts):
        return _flag("Initialized", is_true=True)
    missing = [c.name for c in inits if not plan.is_init_done(facts, c)]
    return PodCondition(
        type="Initialized",
        status="False",
        reason="ContainersNotInitialized",
        message=f"containers with incomplete status: [{' '.join(missing)}]",
    )


def _containers_ready(facts: PodFacts, phase: Phase) -> PodCondition:
    if phase == "Succeeded":
        return PodCondition(type="ContainersReady", status="False", reason="PodCompleted")
    if phase == "Failed":
        return PodCondition(type="ContainersReady", status="False", reason="PodFailed")
    missing = [c.name for c in _counted(facts) if not probing.is_ready(c, facts.of(c.name))]
    if not missing:
        return _flag("ContainersReady", is_true=True)
    return PodCondition(
        type="ContainersReady",
        status="False",
        reason="ContainersNotReady",
        message=f"containers with unready status: [{' '.join(missing)}]",
    )


def _counted(facts: PodFacts) -> list[Container]:
    spec = facts.pod.spec
    return [*(c for c in spec.init_containers if c.is_sidecar), *spec.containers]


def _ready(facts: PodFacts, containers_ready: PodCondition) -> PodCondition:
    if containers_ready.status != "True":
        return PodCondition(
            type="Ready",
            status="False",
            reason=containers_ready.reason,
            message=containers_ready.message,
        )
    given = {c.type for c in facts.pod.status.conditions if c.status == "True"}
    gates = [gate.condition_type for gate in facts.pod.spec.readiness_gates]
    missing = [gate for gate in gates if gate not in given]
    if not missing:
        return _flag("Ready", is_true=True)
    said = "; ".join(
        f'corresponding condition of pod readiness gate "{g}" does not exist or is not true'
        for g in missing
    )
    return PodCondition(type="Ready", status="False", reason="ReadinessGatesNotReady", message=said)


def _flag(kind: str, is_true: bool) -> PodCondition:
    return PodCondition(type=kind, status="True" if is_true else "False")


def _dated(wanted: PodCondition, last: PodCondition | None, now: datetime) -> PodCondition:
    since = now
    if last is not None and last.status == wanted.status and last.last_transition_time:
        since = last.last_transition_time
    return PodCondition(
        type=wanted.type,
        status=wanted.status,
        reason=wanted.reason,
        message=wanted.message,
        last_transition_time=since,
    )


def _to_manifest(condition: PodCondition) -> Manifest:
    found: Manifest = {"type": condition.type, "status": condition.status}
    if condition.last_transition_time:
        found["lastTransitionTime"] = to_rfc3339(condition.last_transition_time)
    if condition.reason:
        found["reason"] = condition.reason
    if condition.message:
        found["message"] = condition.message
    return found
