"""When probes run and what their results mean.

The kubelet's rules: readiness and liveness wait for startup; readiness begins failing, liveness
begins passing; a verdict changes only after a threshold of equal results in a row.
https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
"""

from dataclasses import replace
from datetime import datetime, timedelta

from kaito.local.node.lifecycle.facts import ContainerFacts, ProbeFacts, ProbeKind, Run, RunProbe
from kaito.local.node.pod import Container, Probe

KINDS: tuple[ProbeKind, ...] = ("startup", "readiness", "liveness")


def probe_of(container: Container, kind: ProbeKind) -> Probe | None:
    """The container's probe of that kind, if it has one."""
    match kind:
        case "startup":
            return container.startup_probe
        case "readiness":
            return container.readiness_probe
        case "liveness":
            return container.liveness_probe


def is_started(container: Container, facts: ContainerFacts) -> bool:
    """Whether the container runs and its startup probe, if any, has passed."""
    if facts.run is None or not facts.run.is_running:
        return False
    return container.startup_probe is None or facts.probe("startup").passing


def is_ready(container: Container, facts: ContainerFacts) -> bool:
    """Whether the container may get traffic."""
    if not is_started(container, facts):
        return False
    return container.readiness_probe is None or facts.probe("readiness").passing


def failed_probe(container: Container, facts: ContainerFacts) -> ProbeKind | None:
    """The probe whose verdict demands a restart of the running container, if there is one."""
    if facts.run is None or not facts.run.is_running:
        return None
    kinds: tuple[ProbeKind, ...] = ("startup", "liveness")
    return next((k for k in kinds if probe_of(container, k) and facts.probe(k).failed), None)


def plan_probes(
    container: Container, facts: ContainerFacts, now: datetime
) -> tuple[tuple[RunProbe, ...], datetime | None]:
    """The probes that are due, and when the next one will be."""
    run = facts.run
    if run is None or not run.is_running or run.stop_by is not None:
        return (), None
    due: list[RunProbe] = []
    later: list[datetime] = []
    for kind in _active_kinds(container, facts):
        probe, found = probe_of(container, kind), facts.probe(kind)
        if probe is None or found.in_flight:
            continue
        moment = _due_at(probe, found, run)
        if moment <= now:
            due.append(RunProbe(container=container.name, run=run.id, kind=kind))
        else:
            later.append(moment)
    return tuple(due), min(later, default=None)


def update_probe(facts: ProbeFacts, probe: Probe, *, kind: ProbeKind, error: str) -> ProbeFacts:
    """The facts after one more result; an empty `error` is a success."""
    if not error:
        successes = facts.successes + 1
        # Startup and liveness must have a threshold of 1; the API says so, this relies on it.
        passing = facts.passing or successes >= (
            probe.success_threshold if kind == "readiness" else 1
        )
        return replace(
            facts,
            in_flight=False,
            successes=successes,
            failures=0,
            passing=passing,
            failed=facts.failed and not passing,
        )
    failures = facts.failures + 1
    failed = facts.failed or failures >= probe.failure_threshold
    return replace(
        facts,
        in_flight=False,
        successes=0,
        failures=failures,
        passing=facts.passing and not failed,
        failed=failed,
        message=error,
    )


def _active_kinds(container: Container, facts: ContainerFacts) -> tuple[ProbeKind, ...]:
    if container.startup_probe is not None and not facts.probe("startup").passing:
        return ("startup",)
    return ("readiness", "liveness")


def _due_at(probe: Probe, found: ProbeFacts, run: Run) -> datetime:
    assert run.started_at is not None, "only a running container is probed"
    first = run.started_at + timedelta(seconds=probe.initial_delay_seconds)
    if found.last_started is None:
        return first
    return max(first, found.last_started + timedelta(seconds=max(probe.period_seconds, 1)))
