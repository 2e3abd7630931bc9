"""How one container is reported: state, last state, restarts, readiness.

The words are the kubelet's, because people and scripts search for them. One choice differs: a
program that cannot be started keeps showing RunContainerError with the cause while it waits for its
next try, where the kubelet would alternate with CrashLoopBackOff and hide it.
"""

from datetime import datetime

from kaito.api.meta import Manifest
from kaito.base.clock import to_rfc3339
from kaito.local.node.lifecycle import plan, probing, restart
from kaito.local.node.lifecycle.facts import Exit, PodFacts, Run
from kaito.local.node.pod import Container


def render_container(
    facts: PodFacts, container: Container, now: datetime, *, is_init: bool
) -> Manifest:
    """One entry of `containerStatuses` or `initContainerStatuses`."""
    found = facts.of(container.name)
    run = found.run
    state, last = _states(facts, container, now, is_init=is_init)
    is_plain_init = is_init and not container.is_sidecar
    status: Manifest = {
        "name": container.name,
        "image": container.image,
        "imageID": "",
        "restartCount": run.attempt if run else 0,
        "ready": _succeeded(run) if is_plain_init else probing.is_ready(container, found),
        "started": bool(run and run.is_running)
        if is_plain_init
        else probing.is_started(container, found),
        "state": state,
        "lastState": last,
    }
    if run is not None:
        status["containerID"] = f"kaito://{run.id}"
    return status


def _states(
    facts: PodFacts, container: Container, now: datetime, *, is_init: bool
) -> tuple[Manifest, Manifest]:
    found = facts.of(container.name)
    run, previous = found.run, found.previous
    before = _terminated(previous) if previous else {}
    if run is None:
        return _waiting_first(facts, container, is_init=is_init), {}
    if run.exit is not None:
        waiting = _waiting_again(facts, container, now, is_init=is_init)
        return (waiting, _terminated(run)) if waiting else (_terminated(run), before)
    if run.started_at is None:
        return _waiting_first(facts, container, is_init=is_init), before
    return {"running": {"startedAt": to_rfc3339(run.started_at)}}, before


def _waiting_first(facts: PodFacts, container: Container, *, is_init: bool) -> Manifest:
    block = facts.of(container.name).block
    if block is not None and _is_its_turn(facts, container, is_init=is_init):
        return _waiting(block.reason, block.message)
    has_inits = bool(facts.pod.spec.init_containers)
    if has_inits and not is_init and not plan.is_initialized(facts):
        return _waiting("PodInitializing")
    if is_init and not _is_its_turn(facts, container, is_init=True):
        return _waiting("PodInitializing")
    return _waiting("ContainerCreating")


def _is_its_turn(facts: PodFacts, container: Container, *, is_init: bool) -> bool:
    if not is_init:
        return plan.is_initialized(facts)
    inits = facts.pod.spec.init_containers
    before = inits[: inits.index(container)]
    return all(plan.is_init_done(facts, earlier) for earlier in before)


def _waiting_again(
    facts: PodFacts, container: Container, now: datetime, *, is_init: bool
) -> Manifest | None:
    """The waiting state of a container that will start again but not at once; else None."""
    run = facts.of(container.name).run
    if run is None or run.exit is None or _will_not_restart(facts, container, run, is_init=is_init):
        return None
    block = facts.of(container.name).block
    if block is not None:
        return _waiting(block.reason, block.message)
    if run.exit.reason == "StartError":
        return _waiting("RunContainerError", run.exit.message)
    if restart.restart_at(run) <= now:
        return None
    return _waiting("CrashLoopBackOff", backoff_message(facts, container, run))


def _will_not_restart(facts: PodFacts, container: Container, run: Run, *, is_init: bool) -> bool:
    if facts.pod.metadata.is_deleting or facts.pod.is_over:
        return True
    policy = restart.effective_policy(container, facts.pod.spec.restart_policy, is_init=is_init)
    return not restart.should_restart(run, policy)


def backoff_message(facts: PodFacts, container: Container, run: Run) -> str:
    """The kubelet's sentence about a container that waits for its next try."""
    delay = _to_duration(restart.pending_backoff(run))
    meta = facts.pod.metadata
    return (
        f"back-off {delay} restarting failed container={container.name} "
        f"pod={meta.name}_{meta.namespace}({meta.uid})"
    )


def _to_duration(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole}s" if whole < 60 else f"{whole // 60}m{whole % 60}s"


def _waiting(reason: str, message: str = "") -> Manifest:
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def _terminated(run: Run) -> Manifest:
    assert run.exit is not None, "only a run that has ended is terminated"
    ended: Exit = run.exit
    found: Manifest = {
        "exitCode": ended.code,
        "reason": ended.reason,
        "startedAt": to_rfc3339(run.started_at or ended.finished_at),
        "finishedAt": to_rfc3339(ended.finished_at),
        "containerID": f"kaito://{run.id}",
    }
    if ended.signal:
        found["signal"] = ended.signal
    if ended.message:
        found["message"] = ended.message
    return {"terminated": found}


def _succeeded(run: Run | None) -> bool:
    return run is not None and run.exit is not None and run.exit.code == 0
