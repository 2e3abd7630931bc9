"""How long a start takes, stage by stage: `status.startUp`. Pure.

| stage | from | to |
|---|---|---|
| nodes | the Workspace's creation | ResourceReady |
| weights | ResourceReady, or the pod's creation | the end of the pod's init containers |
| engine | the end of the init containers | the model is loaded, as the pod reports |
| answer | the model is loaded | Ready |

Where a pod cannot be asked, `engine` lasts until Ready. A start that is not the Workspace's first
has the stages that it repeats. Stages are written with what is written anyway; only the bytes of a
download change by themselves.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from kaito.api import conditions
from kaito.api.core import Pod
from kaito.api.meta import Condition, Manifest
from kaito.api.report import PodReport, StageReport
from kaito.api.workspace import (
    RESOURCE_READY,
    WORKSPACE_READY,
    StageStatus,
    StartUpStatus,
)
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.pod_progress import find_report, find_transfer, pod_on_its_way
from kaito.planner.plan import StartUp

NODES, WEIGHTS, ENGINE, ANSWER = "nodes", "weights", "engine", "answer"
_SLACK = timedelta(seconds=60)
"""By how much a pod may be older than the loss of Ready that it mends: one that is older than that
was only out of breath, and did not start again."""


def derive_start_up(
    observed: Observed, found: tuple[Condition, ...], predicted: StartUp | None
) -> StartUpStatus | None:
    """The start that is under way, or the last; `found` are the conditions as they will be.

    `predicted` is the planner's estimate, None where there is none.
    """
    workspace = observed.workspace
    before = workspace.status.start_up
    was_ready = conditions.is_true(workspace.status.conditions, WORKSPACE_READY)
    is_ready = conditions.is_true(found, WORKSPACE_READY)
    if workspace.inference is None or (was_ready and is_ready):
        return before
    pod = pod_on_its_way(observed)
    if not _is_first(observed):
        return _restarted(observed, found, pod, predicted) or before
    begun = workspace.created_at
    if begun is None:
        return before
    resource = conditions.find(found, RESOURCE_READY)
    on_nodes = resource.last_transition_time if resource and resource.is_true else None
    stages = [_stage(NODES, begun, on_nodes, predicted)]
    if on_nodes is not None:
        stages += _in_pod(observed, pod, on_nodes, _moment_ready(found), predicted)
    elif predicted is not None:
        # The whole is predicted from the beginning.
        stages += _in_pod(observed, None, begun, None, predicted)
    return _told(observed, pod, stages, total=_lasted(begun, _moment_ready(found)))


def start_up_patch(start: StartUpStatus | None) -> Manifest | None:
    """As part of a merge patch, in which what is left out would keep its old value."""
    if start is None:
        return None
    transfer = start.weights
    return {
        "predictedSeconds": start.predicted_seconds or None,
        "seconds": start.seconds or None,
        "stages": msgspec.to_builtins(start.stages),
        "weights": transfer
        and {
            "done": transfer.done,
            "total": transfer.total,
            "etaSeconds": transfer.eta_seconds,
            "source": transfer.source,
        },
    }


def _restarted(
    observed: Observed, found: tuple[Condition, ...], pod: Pod | None, predicted: StartUp | None
) -> StartUpStatus | None:
    """A later start: of a new pod, or of a container of it. None where nothing started anew."""
    lost, ready_at = _moment_lost(observed, found), _moment_ready(found)
    if pod is None or lost is None:
        return None
    again = _started_again(pod)
    begun = again or pod.metadata.creation_timestamp
    if begun is None or begun < lost - _SLACK:
        return None
    if again is not None:
        stages = _engine_stages(observed, pod, again, ready_at, predicted)
    else:
        stages = _in_pod(observed, pod, begun, ready_at, predicted)
    return _told(observed, pod, stages, total=_lasted(begun, ready_at))


def _told(
    observed: Observed, pod: Pod | None, stages: list[StageStatus], *, total: int
) -> StartUpStatus:
    stages = _as_predicted(stages, observed.workspace.status.start_up)
    return StartUpStatus(
        predicted_seconds=sum(stage.predicted_seconds for stage in stages),
        seconds=total,
        stages=tuple(stages),
        weights=find_transfer(observed, pod) if pod is not None and not total else None,
    )


def _as_predicted(stages: list[StageStatus], before: StartUpStatus | None) -> list[StageStatus]:
    """With what was predicted when this start began: once the weights are there, none are awaited.

    A prediction is compared with what came of it, so it does not follow what it predicts.
    """
    if before is None or before.seconds:
        return stages  # another start
    said = {stage.name: stage.predicted_seconds for stage in before.stages}
    return [
        msgspec.structs.replace(
            stage, predicted_seconds=said.get(stage.name) or stage.predicted_seconds
        )
        for stage in stages
    ]


def _in_pod(
    observed: Observed,
    pod: Pod | None,
    begun: datetime,
    ready_at: datetime | None,
    predicted: StartUp | None,
) -> list[StageStatus]:
    """The stages after the nodes; those that are still to come are named with their estimates."""
    if observed.preset is None:
        return _engine_stages(observed, pod, begun, ready_at, predicted)
    fetched = _fetched_at(pod) if pod is not None else None
    # A pod that was made before the nodes were seen to be ready has its weights all the sooner.
    fetched = max(fetched, begun) if fetched else None
    stages = [_stage(WEIGHTS, begun, fetched or ready_at, predicted)]
    return stages + _engine_stages(observed, pod, fetched, ready_at, predicted)


def _engine_stages(
    observed: Observed,
    pod: Pod | None,
    begun: datetime | None,
    ready_at: datetime | None,
    predicted: StartUp | None,
) -> list[StageStatus]:
    lasted = _lasted(begun, ready_at)
    engine = StageStatus(name=ENGINE, seconds=lasted, predicted_seconds=_expect(ENGINE, predicted))
    report = find_report(observed, pod) if pod is not None else None
    loading = _loading_seconds(report)
    if not lasted or not loading:
        return [engine]
    # What the program needs before it can report belongs to the engine, so the answer is measured.
    answer = _answer_seconds(report) or lasted - loading
    answer = min(max(answer, 1), max(lasted - 1, 1))
    return [
        msgspec.structs.replace(engine, seconds=max(lasted - answer, 1)),
        StageStatus(name=ANSWER, seconds=answer),
    ]


def _stage(
    name: str, begun: datetime | None, ended: datetime | None, predicted: StartUp | None
) -> StageStatus:
    seconds = _lasted(begun, ended)
    return StageStatus(name=name, seconds=seconds, predicted_seconds=_expect(name, predicted))


def _expect(name: str, predicted: StartUp | None) -> int:
    if predicted is None:
        return 0
    found = {
        NODES: predicted.node,
        WEIGHTS: predicted.image + predicted.weights,
        ENGINE: predicted.load + predicted.engine,
    }
    return found.get(name, 0)


def _lasted(begun: datetime | None, ended: datetime | None) -> int:
    """Whole seconds, 1 at least: 0 says that it goes on."""
    if begun is None or ended is None:
        return 0
    return max(round((ended - begun).total_seconds()), 1)


def _is_first(observed: Observed) -> bool:
    """Whether it was never ready before."""
    return observed.workspace.status.state not in ("Ready", "NotReady")


def _moment_ready(found: tuple[Condition, ...]) -> datetime | None:
    ready = conditions.find(found, WORKSPACE_READY)
    return ready.last_transition_time if ready is not None and ready.is_true else None


def _moment_lost(observed: Observed, found: tuple[Condition, ...]) -> datetime | None:
    """When Ready was lost, by the conditions of now or, if it holds again, of before."""
    for held in (found, observed.workspace.status.conditions):
        ready = conditions.find(held, WORKSPACE_READY)
        if ready is not None and not ready.is_true:
            return ready.last_transition_time
    return None


def _fetched_at(pod: Pod) -> datetime | None:
    ends = [status.state.terminated for status in pod.status.init_container_statuses]
    if not ends:
        # The weights are a mirror's: once a container runs, their volume is there.
        running = (status.state.running for status in pod.status.container_statuses)
        begun = (state.started_at for state in running if state and state.started_at)
        return min(begun, default=None)
    if any(end is None or end.exit_code for end in ends):
        return None
    return max((end.finished_at for end in ends if end and end.finished_at), default=None)


def _started_again(pod: Pod) -> datetime | None:
    """When the last restarted container began to run; None where none was restarted."""
    begun = (
        status.state.running.started_at
        for status in pod.status.container_statuses
        if status.restart_count and status.state.running
    )
    return max(filter(None, begun), default=None)


def _loading_seconds(report: PodReport | None) -> int:
    """What importing and loading took by the pod's own report; 0 while it is not over."""
    if report is None:
        return 0
    found = {s.name: s for s in report.stages}
    if "load" not in found or not found["load"].is_over:
        return 0
    return round(_sum_seconds(s for s in report.stages if s.name in ("import", "load")))


def _answer_seconds(report: PodReport | None) -> int:
    stages = report.stages if report is not None else ()
    return round(_sum_seconds(s for s in stages if s.name == "answer" and s.is_over))


def _sum_seconds(stages: Iterable[StageReport]) -> float:
    return sum(stage.seconds for stage in stages)
