"""What a Job decision is made from, and the counts that follow from its pods.

Kubernetes keeps ended pods, by a finalizer, until they are counted. Here the counts of the last
status are the memory of ended pods that somebody deleted, so they never go down.
"""

from dataclasses import dataclass
from datetime import datetime

from kaito.api.core import JOBS, PODS, Job, Pod
from kaito.api.meta import Key
from kaito.kube.cache import Reader
from kaito.local.builtin import pods
from kaito.local.builtin.job.indexes import INDEXED, index_of, parse_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A Job and its pods."""

    job: Job
    pods: tuple[Pod, ...]

    @property
    def active(self) -> tuple[Pod, ...]:
        """Pods that are on their way to an end."""
        return tuple(pod for pod in self.pods if pods.is_active(pod))

    @property
    def leaving(self) -> tuple[Pod, ...]:
        """Pods that were deleted before they ended, and still run."""
        return tuple(p for p in self.pods if p.metadata.is_deleting and not p.is_finished)

    @property
    def is_indexed(self) -> bool:
        """Whether each pod has a number that has to succeed once."""
        return self.job.spec.completion_mode == INDEXED

    @property
    def succeeded_indexes(self) -> frozenset[int]:
        """The numbers that have succeeded so far."""
        ended = (index_of(pod) for pod in self.pods if pod.status.phase == "Succeeded")
        before = parse_text(self.job.status.completed_indexes)
        last = self.job.spec.completions or 0
        return frozenset(i for i in (*before, *ended) if i is not None and i < last)

    @property
    def succeeded(self) -> int:
        """How many pods have ended well so far; of an indexed Job, how many numbers."""
        if self.is_indexed:
            return len(self.succeeded_indexes)
        return max(self._ended("Succeeded"), self.job.status.succeeded)

    @property
    def failed(self) -> int:
        """How many pods have failed so far.

        One that was deleted before it succeeded counts at once, whoever deleted it: its own end may
        never be seen. https://kubernetes.io/docs/concepts/workloads/controllers/job/
        """
        return max(sum(_has_failed(pod) for pod in self.pods), self.job.status.failed)

    @property
    def restarts(self) -> int:
        """Container restarts within the active pods; they count as failures too."""
        if self.job.spec.template.spec.get("restartPolicy") != "OnFailure":
            return 0
        states = (
            state
            for pod in self.active
            for state in (*pod.status.init_container_statuses, *pod.status.container_statuses)
        )
        return sum(state.restart_count for state in states)

    @property
    def last_failure(self) -> datetime | None:
        """When the newest failed pod ended."""
        moments = (_ended_at(pod) for pod in self.pods if pod.status.phase == "Failed")
        return max((moment for moment in moments if moment), default=None)

    def _ended(self, phase: str) -> int:
        return sum(pod.status.phase == phase for pod in self.pods)


def observe_job(reader: Reader, key: Key) -> Observed | None:
    """The Job that `key` names with its pods, or None when it is gone."""
    found = reader.get(JOBS, key)
    if found is None:
        return None
    return Observed(job=found, pods=reader.owned(PODS, found.metadata.uid))


def _has_failed(pod: Pod) -> bool:
    phase = pod.status.phase
    return phase == "Failed" or (pod.metadata.is_deleting and phase != "Succeeded")


def _ended_at(pod: Pod) -> datetime | None:
    ended = (state.state.terminated for state in pod.status.container_statuses)
    moments = (state.finished_at for state in ended if state and state.finished_at)
    return max(moments, default=pod.metadata.creation_timestamp)
