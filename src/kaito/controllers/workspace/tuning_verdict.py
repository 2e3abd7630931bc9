"""How a tuning Job stands: done, failed and why, trying again, training, or still starting. Pure.

A cause is the trainer's own termination message. Once Kubernetes gives a Job up it deletes the pod
with it, so a cause that the Workspace's condition has told before is told again.
"""

from dataclasses import dataclass
from typing import Final, Literal

from kaito.api import conditions
from kaito.api.core import ContainerStateTerminated, Pod
from kaito.api.runtime import ExitCode
from kaito.api.training_config import TrainingConfig, method_of
from kaito.api.tuning_ending import parse_ending
from kaito.api.tuning_job import PUSH_FAILED
from kaito.api.workspace import WORKSPACE_READY
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.pod_reason import explain_pod
from kaito.controllers.workspace.step import WAITING_REASONS
from kaito.controllers.workspace.tuning_pause import wait_of_resume
from kaito.controllers.workspace.tuning_plan import decide_training_config
from kaito.controllers.workspace.tuning_pods import (
    current_pods,
    job_pods,
    last_end,
    misses_peers,
    newest,
    nodes_of,
    restarts_of,
)
from kaito.planner.tuning import tell_smaller
from kaito.planner.tuning_demand import demand_of_config
from kaito.planner.tuning_fit import TuningRequest
from kaito.render.tuning import CONTAINER, is_paused, keeps_results
from kaito.render.tuning_group import BACKOFF_LIMIT, backoff_limit

DONE: Final = "done"
State = Literal["done", "failed", "running", "waiting"]

TUNING, PAUSED = "Tuning", "TuningPaused"
"""Reasons of what goes well."""
_PENDING = "WorkspaceTuningJobStatusPending"
_PERMANENT = {
    ExitCode.INVALID_DATA: "InvalidData",
    ExitCode.CONFIG: "InvalidTrainingConfig",
    ExitCode.NO_ROOM: "DiskFull",
    ExitCode.USAGE: "TrainerStartError",
}
"""Ends that come again however often the trainer is started: only an edit helps."""
_SUCCEEDED = ("Complete", "SuccessCriteriaMet")
_GIVEN_UP = ("Failed", "FailureTarget")
"""Kubernetes 1.31 and later say the second first, then end the pods, then say the first
(https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions)."""
_EARLY = frozenset({"look", "download", "preflight"})
"""A trainer's stages before it reads weights."""
_KILLED_FOR_MEMORY = "OOMKilled"
_TERMINATED = 143
"""Ended by SIGTERM, with a checkpoint: nothing is wrong."""
_LESS_MEMORY = (
    "set per_device_train_batch_size: 1, a smaller max_length or gradient_checkpointing: true in "
    "training_config.yaml, use method qlora, or take a machine with more memory"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How it stands, in one reason and one line; `done` needs no reason."""

    state: State
    reason: str = ""
    message: str = ""
    is_refusal: bool = False
    """Whether nothing was started, for the Workspace itself is at fault."""


def judge_job(observed: Observed) -> Verdict:
    """How the workspace's own Job stands, whatever it was made from."""
    job = observed.owned_job
    if job is None or job.metadata.is_deleting:
        return _waiting(_PENDING, "the job is not created yet")
    # Nothing takes the second back; `Complete` waits for every pod to end, one on a dead node too.
    if any(conditions.is_true(job.status.conditions, met) for met in _SUCCEEDED):
        return Verdict(state=DONE, message=_told_result(observed))
    for given_up in _GIVEN_UP:
        failed = conditions.find(job.status.conditions, given_up)
        if failed is not None and failed.is_true:
            return _given_up(observed, f"{failed.message or failed.reason}")
    if job.spec.suspend:
        return _waiting(PAUSED, _pause_message(observed))
    pods = tuple(pod for pod in job_pods(observed, job) if not pod.metadata.is_deleting)
    if len(current := current_pods(pods)) < nodes_of(job):
        return _waiting(_PENDING, _tell_missing(nodes_of(job), len(current)))
    return _judge_pods(observed, current)


def tries_of(observed: Observed) -> int:
    """How often the trainer was started again for it had failed, since it began or was resumed."""
    job = observed.owned_job
    if job is None:
        return 0
    restarts, nodes = restarts_of(job_pods(observed, job)), nodes_of(job)
    failed = max(job.status.failed - max(job.spec.backoff_limit - backoff_limit(nodes), 0), 0)
    # A pod of several that is lost has the others start again.
    return restarts + failed if nodes == 1 else max(restarts, failed)


def _tell_missing(nodes: int, there: int) -> str:
    if nodes == 1:
        return "the job's pod is not created yet"
    return f"{there} of the job's {nodes} pods are created, which begin together"


def _judge_pods(observed: Observed, pods: tuple[Pod, ...]) -> Verdict:
    """What the pod says that says most."""
    verdicts = [(_weight(pod, verdict := _judge_pod(observed, pod)), verdict) for pod in pods]
    return min(verdicts, key=lambda one: one[0])[1]


def _weight(pod: Pod, verdict: Verdict) -> int:
    """Causes first, then what is waited for; what has ended for another one's sake comes after."""
    if misses_peers(pod):
        return 5 if verdict.reason == TUNING else 3
    if verdict.state == "failed":
        return 0
    if verdict.state == "running" and verdict.reason != TUNING:
        return 1
    if verdict.state == "waiting":
        return 2
    return 4 if last_end(pod) is not None else 6


def _judge_pod(observed: Observed, pod: Pod) -> Verdict:
    trainer = next((s for s in pod.status.container_statuses if s.name == CONTAINER), None)
    ended = last_end(pod)
    if trainer is not None and trainer.state.running is not None:
        if ended and _is_as_before(observed, ended):
            return _judge_end(observed, pod, ended, then="runs")
        return _failing_push(observed) or _training(observed, pod, ended)
    if ended and ended.exit_code == 0:
        return Verdict(state="running", reason=TUNING, message="the trainer has ended well")
    if ended and (pod.status.phase != "Pending"):
        return _judge_end(observed, pod, ended)
    reason, message = explain_pod(pod, is_preset=False)
    is_pending = reason == "WorkspaceInferenceStatusPending"
    return _waiting(_PENDING if is_pending else reason, message)


def _training(observed: Observed, pod: Pod, ended: ContainerStateTerminated | None) -> Verdict:
    again = ""
    if ended is not None and ended.exit_code not in (0, _TERMINATED):
        cause = ended.message.strip() or f"it ended with exit code {ended.exit_code}"
        if ended.reason == _KILLED_FOR_MEMORY:
            _, cause = _cause(observed, pod, ended)
        again = f" again, try {tries_of(observed) + 1}: before, {cause}"
    return Verdict(state="running", reason=TUNING, message=f"the trainer runs{again}")


def _is_as_before(observed: Observed, ended: ContainerStateTerminated) -> bool:
    """Whether a trainer that runs again has not come beyond where it failed: nothing is news yet.

    Of data and settings, that is up to the end of its preflight; of memory, up to its first step. A
    pod that says nothing is taken to fail again, as the same data and settings do.
    """
    if ended.reason == _KILLED_FOR_MEMORY:
        told = next((one.tuning for one in observed.reports if one.program == "tuning"), None)
        return told is None or told.step == 0
    if ended.exit_code != ExitCode.UNAVAILABLE and not _is_permanent(ended):
        return False
    report = next((one for one in observed.reports if one.program == "tuning"), None)
    return report is None or all(stage.name in _EARLY for stage in report.stages)


def _is_permanent(ended: ContainerStateTerminated) -> bool:
    try:
        return ExitCode(ended.exit_code) in _PERMANENT
    except ValueError:
        return False


def _failing_push(observed: Observed) -> Verdict | None:
    """A trainer that is done and cannot be rid of its result waits, for a day, for the registry."""
    report = next((one for one in observed.reports if one.program == "tuning"), None)
    if report is None or not report.stages or not report.warnings:
        return None
    stage = report.stages[-1]
    if stage.name != "push" or stage.is_over or not report.warnings[-1].startswith(PUSH_FAILED):
        return None
    return Verdict(state="running", reason="PushFailed", message=report.warnings[-1])


def _judge_end(
    observed: Observed, pod: Pod, ended: ContainerStateTerminated, *, then: str = "follows"
) -> Verdict:
    """A trainer that has ended badly and is to be started again, or was."""
    reason, message = _cause(observed, pod, ended)
    if _is_permanent(ended):
        return Verdict(state="failed", reason=reason, message=message)
    tries = f"try {tries_of(observed) + 1} of {BACKOFF_LIMIT + 1}"
    return Verdict(state="running", reason=reason, message=f"{message}; {tries} {then}")


def _cause(observed: Observed, pod: Pod, ended: ContainerStateTerminated) -> tuple[str, str]:
    """What the trainer said, and a reason for it."""
    name = pod.metadata.name
    said = ended.message.strip()
    if ended.reason == _KILLED_FOR_MEMORY:
        said = said or f"pod {name}: the trainer took more memory than there is"
        return "ContainerOOMKilled", f"{said}; {_less(observed)}"
    if ended.exit_code == ExitCode.UNAVAILABLE:
        return "SourceUnavailable", said or f"pod {name}: something it needs cannot be reached"
    for code, reason in _PERMANENT.items():
        if ended.exit_code == code:
            return reason, said or f"pod {name} ended with exit code {ended.exit_code}"
    said = said or f"pod {name} ended with exit code {ended.exit_code} ({ended.reason})"
    return "TrainerFailed", f"{said}; see: kubectl logs {name} -c {CONTAINER} --previous"


def _less(observed: Observed) -> str:
    """Which setting would fit, by the settings there are; a list of them where none is found."""
    spec, preset, facts = observed.workspace.tuning, observed.preset, observed.facts
    method = method_of(spec.method) if spec is not None else None
    config = decide_training_config(observed) if spec is not None else None
    if preset is None or facts is None or method is None or not isinstance(config, TrainingConfig):
        return _LESS_MEMORY
    demand = demand_of_config(method, config)
    found = tell_smaller(TuningRequest(preset=preset, facts=facts, demand=demand))
    return f"{found}; set it in training_config.yaml" if found else _LESS_MEMORY


def _given_up(observed: Observed, said: str) -> Verdict:
    """The cause by the last pod, else as it was told before."""
    job = observed.owned_job
    pods = sorted(job_pods(observed, job), key=newest, reverse=True) if job else []
    for pod in sorted(pods, key=misses_peers):
        for status in pod.status.container_statuses:
            ended = status.state.terminated or status.last_state.terminated
            if status.name == CONTAINER and ended is not None and ended.exit_code != 0:
                reason, message = _cause(observed, pod, ended)
                return Verdict(state="failed", reason=reason, message=message)
    told = conditions.find(observed.workspace.status.conditions, WORKSPACE_READY)
    if told is not None and not told.is_true and told.reason not in WAITING_REASONS:
        return Verdict(state="failed", reason=told.reason, message=_without_next(told.message))
    return Verdict(state="failed", reason="TrainerFailed", message=said)


def _without_next(message: str) -> str:
    """There is no next try."""
    return message.partition("; try ")[0]


def _told_result(observed: Observed) -> str:
    """Where the adapter is, by the trainer's last words, or by the Workspace."""
    job = observed.owned_job
    for pod in job_pods(observed, job) if job else ():
        for status in pod.status.container_statuses:
            ended = status.state.terminated
            report = parse_ending(ended.message) if ended and status.name == CONTAINER else None
            if report is not None and report.result:
                return f"the adapter is in {_place(report.result)}"
    told = conditions.find(observed.workspace.status.conditions, WORKSPACE_READY)
    if told is not None and told.is_true:
        return told.message
    spec = observed.workspace.tuning
    target = spec.output if spec else None
    return f"the adapter is in {target.image if target and target.image else 'the output volume'}"


def _place(result: str) -> str:
    """A path in the pod means nothing outside of it."""
    folder = result.rpartition("/")[2]
    return f"the output volume, folder {folder}" if result.startswith("/") else result


def _pause_message(observed: Observed) -> str:
    if not is_paused(observed.workspace):
        wait = wait_of_resume(observed)
        return f"goes on; waits for {wait}" if wait else "goes on"
    name = observed.workspace.metadata.name
    spec = observed.workspace.tuning
    keeps = spec is not None and keeps_results(spec)
    kept = "its checkpoints are kept" if keeps else "without a volume it begins anew"
    return f"paused, {kept}; go on with: kaito tune resume {name}"


def _waiting(reason: str, message: str) -> Verdict:
    return Verdict(state="waiting", reason=reason, message=message)
