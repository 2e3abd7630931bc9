"""The whole status of a pod as a manifest: phase, conditions, addresses, containers."""

from datetime import datetime

from kaito.api.meta import Manifest
from kaito.base.clock import to_rfc3339
from kaito.local.node.lifecycle import plan
from kaito.local.node.lifecycle.conditions import render_conditions
from kaito.local.node.lifecycle.container_status import render_container
from kaito.local.node.lifecycle.facts import Block, PodFacts
from kaito.local.node.lifecycle.phase import DEADLINE, derive_phase
from kaito.local.node.pod import Phase


def render_status(facts: PodFacts, now: datetime) -> Manifest:
    """Every field of `status` that the agent owns; what is absent here is absent there."""
    spec, last = facts.pod.spec, facts.pod.status
    phase = derive_phase(facts, now)
    status: Manifest = {
        "phase": phase,
        "conditions": render_conditions(facts, phase, now),
        "hostIP": facts.host_ip,
        "hostIPs": [{"ip": facts.host_ip}],
        "startTime": to_rfc3339(last.start_time or now),
        "containerStatuses": [
            render_container(facts, c, now, is_init=False) for c in spec.containers
        ],
    }
    if spec.init_containers:
        status["initContainerStatuses"] = [
            render_container(facts, c, now, is_init=True) for c in spec.init_containers
        ]
    if facts.pod_ip:
        status["podIP"] = facts.pod_ip
        status["podIPs"] = [{"ip": facts.pod_ip}]
    if reason := _reason(facts, phase, now):
        status["reason"] = reason.reason
        status["message"] = reason.message
    return status


def _reason(facts: PodFacts, phase: Phase, now: datetime) -> Block | None:
    last = facts.pod.status
    if last.reason and phase == "Failed":
        return Block(reason=last.reason, message=last.message)
    if facts.refusal is not None:
        return facts.refusal
    if phase == "Failed" and plan.is_overdue(facts, now):
        return DEADLINE
    return None
