"""Whether and when a container that ended starts again.

The kubelet's rules: the first restart is immediate, later ones wait 10 s, doubling; ten minutes of
running forgive the past. The cap is 60 s here instead of 300 s, because the person waiting for the
fix sits in front of this machine.
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts
"""

from datetime import datetime, timedelta

from kaito.local.node.lifecycle.facts import Run
from kaito.local.node.pod import Container, RestartPolicy

FIRST_BACKOFF = 10.0
LONGEST_BACKOFF = 60.0
FORGIVEN_AFTER = 600.0
"""Seconds of running after which earlier failures no longer count."""


def effective_policy(
    container: Container, policy: RestartPolicy, *, is_init: bool
) -> RestartPolicy:
    """The policy that applies to one container: sidecars always restart, other inits on failure."""
    if is_init and container.is_sidecar:
        return "Always"
    if is_init and policy == "Always":
        return "OnFailure"
    return policy


def should_restart(run: Run, policy: RestartPolicy) -> bool:
    """Whether a run that ended is followed by another."""
    assert run.exit is not None, "only a run that has ended can be restarted"
    return policy == "Always" or (policy == "OnFailure" and run.exit.code != 0)


def restart_at(run: Run) -> datetime:
    """When the run after this one may start."""
    assert run.exit is not None, "only a run that has ended can be restarted"
    return run.exit.finished_at + timedelta(seconds=pending_backoff(run))


def pending_backoff(run: Run) -> float:
    """Seconds between the end of this run and the start of the next."""
    return 0.0 if _was_long(run) else run.backoff


def next_backoff(run: Run) -> float:
    """The backoff that the run after this one carries."""
    if _was_long(run) or run.backoff == 0.0:
        return FIRST_BACKOFF
    return min(run.backoff * 2, LONGEST_BACKOFF)


def _was_long(run: Run) -> bool:
    if run.exit is None or run.started_at is None:
        return False
    return (run.exit.finished_at - run.started_at).total_seconds() >= FORGIVEN_AFTER
