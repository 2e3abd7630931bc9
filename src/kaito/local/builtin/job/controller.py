"""Watches Jobs and their pods."""

from datetime import datetime

from kaito.api.core import JOBS, PODS
from kaito.api.meta import Key
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Watch, its_own_key, key_of_controller
from kaito.local.builtin.job.decide import decide_job
from kaito.local.builtin.job.observed import Observed, observe_job


class JobController:
    """One pass per Job; see `decide` for what it does."""

    name = "job-controller"
    watches = (Watch(JOBS, its_own_key), Watch(PODS, key_of_controller("Job")))

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """The Job with its pods."""
        return observe_job(reader, key)

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """Pure; see `decide_job`."""
        return decide_job(observed, now)
