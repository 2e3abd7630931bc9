"""`status.tuning`: how far a job is, from what its pod says, and from what was known before. Pure.

Reports come at most every ten seconds (`kaito.kube.reports`), so the status is written no oftener.
"""

import msgspec

from kaito.api.core import Job
from kaito.api.report import PodReport, TuningReport
from kaito.api.tuning_ending import parse_ending
from kaito.api.workspace import TuningStatus
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.tuning_pods import job_pods
from kaito.controllers.workspace.tuning_verdict import DONE, PAUSED, TUNING, Verdict, tries_of
from kaito.controllers.workspace.tuning_words import describe_tuning
from kaito.render.tuning import CONTAINER

_PHASES = {
    "train": "Training",
    "evaluate": "Evaluating",
    "save": "Saving",
    "push": "Pushing",
}
"""By the stage a trainer is in; what comes before training is its preflight."""


def derive_tuning_status(observed: Observed, verdict: Verdict) -> TuningStatus:
    """The figures in force; they outlive the pod that said them."""
    job = observed.owned_job
    if job is None and verdict.state != DONE:
        return TuningStatus(phase="Waiting", message=verdict.message)
    before = observed.workspace.status.tuning or TuningStatus()
    report = _report(observed)
    said = (report.tuning if report else None) or _last_words(observed, job)
    figures = _with_figures(before, said) if said else before
    is_over = verdict.state in (DONE, "failed")
    return msgspec.structs.replace(
        figures,
        phase=_phase(verdict, report, before),
        message=describe_tuning(verdict, report),
        # While it is paused, what ended the pod is the pause.
        restarts=tries_of(observed) if job and verdict.reason != PAUSED else before.restarts,
        eta_seconds=0 if is_over else figures.eta_seconds,
    )


def _report(observed: Observed) -> PodReport | None:
    found = (report for report in observed.reports if report.program == "tuning")
    return next(found, None)


def _last_words(observed: Observed, job: Job | None) -> TuningReport | None:
    """What a trainer that ended well left behind."""
    for pod in job_pods(observed, job) if job else ():
        for status in pod.status.container_statuses:
            ended = status.state.terminated
            if ended and status.name == CONTAINER and ended.exit_code == 0:
                return parse_ending(ended.message)
    return None


def _phase(verdict: Verdict, report: PodReport | None, before: TuningStatus) -> str:
    if verdict.state == DONE:
        return "Done"
    if verdict.state == "failed":
        return "Failed"
    if verdict.reason == PAUSED:
        return "Paused"
    if verdict.reason == TUNING and report is None and before.step:
        return before.phase  # between a trainer's end and its Job's
    if verdict.reason != TUNING or report is None or not report.stages:
        return "Waiting"
    return _PHASES.get(report.stages[-1].name, "Preflight")


def _with_figures(before: TuningStatus, said: TuningReport) -> TuningStatus:
    return msgspec.structs.replace(
        before,
        step=said.step,
        steps=said.steps,
        epoch=_number(said.epoch, ".2f") if said.steps else "",
        loss=_number(said.loss, ".4f"),
        evaluation=_number(said.evaluation, ".4f"),
        learning_rate=_number(said.learning_rate, ".2e"),
        tokens_per_second=_number(said.tokens_per_second, ".0f"),
        eta_seconds=max(said.eta_seconds, 0),
        checkpoint=said.checkpoint,
        samples=said.samples,
        dropped=said.dropped,
        result=said.result,
    )


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
