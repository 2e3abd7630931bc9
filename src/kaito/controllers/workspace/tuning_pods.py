"""The pods of a tuning Job: one a node, and of each number the last one. Pure.

Where several train together, what ends one ends all: its peers say only that it is gone (exit
status 75), and each counts a restart of its own. What is told is the pod that says most.
"""

from collections.abc import Iterable

from kaito.api import labels
from kaito.api.core import ContainerStateTerminated, Job, Pod
from kaito.api.runtime import ExitCode
from kaito.controllers.workspace.observed import Observed
from kaito.render.tuning import CONTAINER, keeps_results


def nodes_of(job: Job) -> int:
    """How many pods train together."""
    return max(job.spec.completions or 1, 1)


def job_pods(observed: Observed, job: Job) -> tuple[Pod, ...]:
    """The Job's own pods."""
    uid = job.metadata.uid
    return tuple(
        pod
        for pod in observed.pods
        if any(owner.uid == uid for owner in pod.metadata.owner_references)
    )


def number_of(pod: Pod) -> int:
    """Which of them a pod is."""
    text = pod.metadata.annotations.get(labels.COMPLETION_INDEX, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def current_pods(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """The newest of each number, in their order."""
    found: dict[int, Pod] = {}
    for pod in sorted(pods, key=newest):
        found[number_of(pod)] = pod
    return tuple(found[number] for number in sorted(found))


def has_lost_first(observed: Observed, job: Job) -> bool:
    """Whether the pod that delivers has to begin anew, and nobody is left to train with it.

    The others end when it has delivered; it may be lost with its node before Kubernetes hears of
    its end. What lies on a volume it delivers alone.
    """
    spec = observed.workspace.tuning
    pods = {number_of(pod): pod for pod in current_pods(job_pods(observed, job))}
    first = pods.pop(0, None)
    if first is None or (spec is not None and keeps_results(spec)) or first.is_finished:
        return False
    begun = first.metadata.creation_timestamp
    done = (last_end(pod) for pod in pods.values() if pod.status.phase == "Succeeded")
    ends = (ended.finished_at for ended in done if ended is not None)
    return begun is not None and any(end is not None and end < begun for end in ends)


def restarts_of(pods: Iterable[Pod]) -> int:
    """How often the trainer was started again in its pods: all numbers are, together."""
    counts: dict[int, int] = {0: 0}
    for pod in pods:
        restarts = sum(status.restart_count for status in pod.status.container_statuses)
        counts[number_of(pod)] = counts.get(number_of(pod), 0) + restarts
    return max(counts.values())


def last_end(pod: Pod) -> ContainerStateTerminated | None:
    """How its trainer ended last."""
    trainer = next((s for s in pod.status.container_statuses if s.name == CONTAINER), None)
    return (trainer.state.terminated or trainer.last_state.terminated) if trainer else None


def misses_peers(pod: Pod) -> bool:
    """Whether all it says of its end is that another one is gone."""
    ended = last_end(pod)
    return ended is not None and ended.exit_code == ExitCode.PEERS


def newest(pod: Pod) -> tuple[str, str]:
    """Sort key: the one that was made last comes last."""
    created = pod.metadata.creation_timestamp
    return (created.isoformat() if created else "", pod.metadata.name)
