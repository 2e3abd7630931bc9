"""Whether a Job is over, and how: one function, so that no two places disagree."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from kaito.api.meta import Condition
from kaito.local.builtin.job.indexes import parse_text
from kaito.local.builtin.job.observed import Observed
from kaito.local.builtin.status import find_condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The end of a Job: the condition that says so, its reason and message."""

    type: Literal["Complete", "Failed"]
    reason: str
    message: str

    @property
    def announcement(self) -> str:
        """The condition that is set while the last pods are still going away."""
        return "SuccessCriteriaMet" if self.type == "Complete" else "FailureTarget"


_COMPLETE = Verdict(
    type="Complete",
    reason="CompletionsReached",
    message="Reached expected number of succeeded pods",
)
_TOO_MANY = Verdict(
    type="Failed",
    reason="BackoffLimitExceeded",
    message="Job has reached the specified backoff limit",
)
_TOO_LONG = Verdict(
    type="Failed",
    reason="DeadlineExceeded",
    message="Job was active longer than specified deadline",
)


def derive_verdict(observed: Observed, now: datetime) -> Verdict | None:
    """How the Job ends; None while it goes on. What was announced once is not taken back."""
    if announced := _announced(observed.job.status.conditions):
        return announced
    spec = observed.job.spec
    failed = observed.failed
    if failed > spec.backoff_limit or (
        observed.restarts and observed.restarts >= spec.backoff_limit
    ):
        return _TOO_MANY
    deadline = deadline_of(observed)
    if deadline is not None and now >= deadline and not spec.suspend:
        return _TOO_LONG
    return _success(observed) or (_COMPLETE if _is_complete(observed) else None)


def deadline_of(observed: Observed) -> datetime | None:
    """When the Job has been active for too long; None when it may run for ever."""
    started, limit = observed.job.status.start_time, observed.job.spec.active_deadline_seconds
    if started is None or limit is None:
        return None
    return started + timedelta(seconds=limit)


def finished(conditions: tuple[Condition, ...]) -> Condition | None:
    """The condition that says the Job is over."""
    return next((c for c in conditions if c.type in ("Complete", "Failed") and c.is_true), None)


def _success(observed: Observed) -> Verdict | None:
    """The end by a rule of `successPolicy`.

    https://kubernetes.io/docs/concepts/workloads/controllers/job/#success-policy
    """
    policy = observed.job.spec.success_policy
    for number, rule in enumerate(policy.rules if policy and observed.is_indexed else ()):
        named = parse_text(rule.succeeded_indexes)
        done = observed.succeeded_indexes
        met = done & named if named else done
        wanted = len(named) if rule.succeeded_count is None else rule.succeeded_count
        if met and len(met) >= wanted:
            return Verdict(
                type="Complete",
                reason="SuccessPolicy",
                message=f"Matched rules at index {number}",
            )
    return None


def _is_complete(observed: Observed) -> bool:
    wanted = observed.job.spec.completions
    if wanted is None:
        # Without a number, one success means the work is done once the other pods have ended.
        return observed.succeeded > 0 and not observed.active
    return observed.succeeded >= wanted


def _announced(conditions: tuple[Condition, ...]) -> Verdict | None:
    failure = find_condition(conditions, "FailureTarget")
    if failure is not None and failure.is_true:
        return Verdict(type="Failed", reason=failure.reason, message=failure.message)
    success = find_condition(conditions, "SuccessCriteriaMet")
    if success is not None and success.is_true:
        return Verdict(type="Complete", reason=success.reason, message=success.message)
    return None
