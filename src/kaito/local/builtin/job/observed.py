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
    def succeeded(self) -> int:
        """How many pods have ended well so far."""
        return max(self._ended("Succeeded"), self.job.status.succeeded)

    @property
    def failed(self) -> int:
        """How many pods have failed so far."""
        return max(self._ended("Failed"), self.job.status.failed)

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


def _ended_at(pod: Pod) -> datetime | None:
    ended = (state.state.terminated for state in pod.status.container_statuses)
    moments = (state.finished_at for state in ended if state and state.finished_at)
    return max(moments, default=pod.metadata.creation_timestamp)
