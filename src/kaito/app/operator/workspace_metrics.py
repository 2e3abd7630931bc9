"""Workspaces as metrics: how many in which state, and how long each stage of a start took.

Counts are taken from the cache when somebody scrapes. `kaito_workspace_count` has KAITO's phases
with its mistake mended: a Workspace that only waits is `pending`, not `error`. Stage times come
from the changes of conditions as they are seen; of a start that began before this process did, only
a stage whose beginning the object itself tells is measured.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kaito.api import conditions
from kaito.api.workspace import (
    INFERENCE_READY,
    RESOURCE_READY,
    WORKSPACE_READY,
    WORKSPACE_SUCCEEDED,
    StartUpStatus,
    Workspace,
)
from kaito.base.clock import Clock
from kaito.kube.cache import Cache

PHASES = ("succeeded", "error", "pending", "deleting")
STATES = ("Pending", "Ready", "NotReady", "Running", "Succeeded", "Failed")
_SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600)
_RATIOS = (0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5)
_FAILED = frozenset({"workspaceFailed", "BenchmarkFailed"})
_BEFORE_ENGINE = frozenset({"", "FetchingWeights", "WorkspaceInferenceStatusPending"})


class Stage(StrEnum):
    """What a start is doing, in order."""

    NODE = "node"
    WEIGHTS = "weights"
    ENGINE = "engine"
    DONE = "done"


_ORDER = tuple(Stage)


def phase_of(workspace: Workspace) -> str:
    """One of `PHASES`; an error is what waiting alone does not mend."""
    if workspace.metadata.is_deleting:
        return "deleting"
    found = workspace.status.conditions
    if conditions.is_true(found, WORKSPACE_READY) or workspace.status.state == "Succeeded":
        return "succeeded"
    summary = conditions.find(found, WORKSPACE_SUCCEEDED)
    return "error" if summary is not None and summary.reason in _FAILED else "pending"


def stage_of(workspace: Workspace) -> Stage:
    """The stage its conditions tell of."""
    found = workspace.status.conditions
    if conditions.is_true(found, WORKSPACE_READY):
        return Stage.DONE
    if not conditions.is_true(found, RESOURCE_READY):
        return Stage.NODE
    inference = conditions.find(found, INFERENCE_READY)
    reason = inference.reason if inference else ""
    return Stage.WEIGHTS if reason in _BEFORE_ENGINE else Stage.ENGINE


class WorkspaceMetrics(Collector):
    """Reads one cache of Workspaces, and listens to it."""

    def __init__(
        self, cache: Cache[Workspace], registry: CollectorRegistry, *, clock: Clock
    ) -> None:
        self._cache = cache
        self._clock = clock
        self._entered: dict[str, datetime] = {}
        self._seconds = Histogram(
            "kaito_workspace_startup_seconds",
            "Time that first starts of Workspaces spent in each stage.",
            ("stage",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._stages = Histogram(
            "kaito_workspace_start_stage_seconds",
            "Time that starts, later ones too, spent in each stage, by status.startUp.",
            ("stage",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._ratio = Histogram(
            "kaito_workspace_start_predicted_ratio",
            "Time that starts took, as a multiple of what was predicted.",
            buckets=_RATIOS,
            registry=registry,
        )
        registry.register(self)
        cache.subscribe(self._hear)

    def collect(self) -> Iterator[Metric]:
        """Count what is cached."""
        workspaces = self._cache.list()
        yield _counted(
            "kaito_workspace_count",
            "Workspaces by phase.",
            "phase",
            Counter({**dict.fromkeys(PHASES, 0), **Counter(map(phase_of, workspaces))}),
        )
        yield _counted(
            "kaito_workspace_state_count",
            "Workspaces by status.state; Pending where it is not set yet.",
            "state",
            Counter({**dict.fromkeys(STATES, 0), **Counter(map(_state_of, workspaces))}),
        )
        yield _counted(
            "kaito_workspace_preset_count",
            "Workspaces by preset.",
            "preset_name",
            Counter(w.preset_name for w in workspaces if w.preset_name),
        )

    def observe_stage(self, stage: Stage, seconds: float) -> None:
        """One first start was in this stage for so long."""
        self._seconds.labels(stage.value).observe(seconds)

    def _hear(self, old: Workspace | None, new: Workspace | None) -> None:
        if old is not None and new is not None:
            self._compare(old.status.start_up, new.status.start_up)
        if new is None or new.metadata.is_deleting:
            gone = new or old
            if gone is not None:
                self._entered.pop(gone.metadata.uid, None)
        elif old is None or old.metadata.uid != new.metadata.uid:
            self._begin(new)
        else:
            self._advance(stage_of(old), stage_of(new), new.metadata.uid)

    def _compare(self, old: StartUpStatus | None, new: StartUpStatus | None) -> None:
        """A start is over with the write that says how long it took."""
        if new is None or not new.seconds or (old is not None and old.seconds == new.seconds):
            return
        for stage in new.stages:
            self._stages.labels(stage.name).observe(stage.seconds)
        if new.predicted_seconds:
            self._ratio.observe(new.seconds / new.predicted_seconds)

    def _begin(self, workspace: Workspace) -> None:
        """Know since when the current stage lasts, where the object tells."""
        stage, since = stage_of(workspace), None
        if stage is Stage.NODE and workspace.status.state != "NotReady":
            since = workspace.created_at
        elif stage is Stage.WEIGHTS and workspace.status.state != "NotReady":
            ready = conditions.find(workspace.status.conditions, RESOURCE_READY)
            since = ready.last_transition_time if ready else None
        if since is not None:
            self._entered[workspace.metadata.uid] = since

    def _advance(self, before: Stage, after: Stage, uid: str) -> None:
        if _ORDER.index(after) <= _ORDER.index(before):
            return
        now = self._clock.now()
        since = self._entered.pop(uid, None)
        if since is not None:
            self.observe_stage(before, max((now - since).total_seconds(), 0.0))
            # Only a first start is followed to its end; later ones are no longer provisioning.
            if after is not Stage.DONE:
                self._entered[uid] = now


def _state_of(workspace: Workspace) -> str:
    return workspace.status.state or "Pending"


def _counted(name: str, text: str, label: str, counts: "Counter[str]") -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family
