"""The one entry: facts about a pod in, its status and the next commands out."""

from datetime import datetime

from kaito.api.meta import Manifest
from kaito.local.node.lifecycle.facts import Decision, PodEvent, PodFacts, StopContainer
from kaito.local.node.lifecycle.plan import plan_pod
from kaito.local.node.lifecycle.status import render_status


def decide(facts: PodFacts, now: datetime) -> Decision:
    """What to report about the pod, what to do, what to say, and when to look again."""
    plan = plan_pod(facts, now)
    status = render_status(facts, now)
    killing = tuple(
        PodEvent(type="Normal", reason="Killing", message=command.message)
        for command in plan.commands
        if isinstance(command, StopContainer)
    )
    return Decision(
        status=status,
        commands=plan.commands,
        events=(*killing, *_backoff_events(facts, status)),
        wake_at=plan.wake_at,
    )


def _backoff_events(facts: PodFacts, status: Manifest) -> tuple[PodEvent, ...]:
    """One event when a container begins to wait, none while it goes on waiting."""
    known = {
        (entry.get("name"), entry.get("restartCount"))
        for entry in (
            *facts.pod.status.container_statuses,
            *facts.pod.status.init_container_statuses,
        )
        if _waiting_reason(entry) == "CrashLoopBackOff"
    }
    meta = facts.pod.metadata
    return tuple(
        PodEvent(
            type="Warning",
            reason="BackOff",
            message=f"Back-off restarting failed container {entry['name']} in pod "
            f"{meta.name}_{meta.namespace}({meta.uid})",
        )
        for entry in (*status["containerStatuses"], *status.get("initContainerStatuses", ()))
        if _waiting_reason(entry) == "CrashLoopBackOff"
        and (entry["name"], entry["restartCount"]) not in known
    )


def _waiting_reason(entry: Manifest) -> str:
    waiting = (entry.get("state") or {}).get("waiting") or {}
    return str(waiting.get("reason", ""))
