"""A Workspace's start, adapters and tuning as a person reads them. Pure."""

from collections.abc import Iterable

from kaito.api import conditions
from kaito.api.workspace import (
    WORKSPACE_READY,
    AdapterStatus,
    StartUpStatus,
    TransferStatus,
    TuningStatus,
    Workspace,
)
from kaito.base.clock import format_age
from kaito.cli.output import render_rows

_BAR = 24


def render_workspace(workspace: Workspace) -> str:
    """Its state in a line, then what there is to tell of its parts."""
    status = workspace.status
    ready = conditions.find(status.conditions, WORKSPACE_READY)
    said = f"{ready.reason}: {ready.message}" if ready and not ready.is_true else ""
    head = f"{workspace.key}  {status.state or 'Pending'}"
    return "\n\n".join(filter(None, (f"{head}  {said}".rstrip(), *render_parts(workspace))))


def render_parts(workspace: Workspace) -> tuple[str, ...]:
    """The start's stages, adapters and tuning; what there is nothing of is left out."""
    status = workspace.status
    parts = (
        _start(status.start_up) if status.start_up else "",
        _adapters(status.adapters) if status.adapters else "",
        _tuning(status.tuning) if status.tuning else "",
    )
    return tuple(filter(None, parts))


def render_transfer(transfer: TransferStatus) -> str:
    """`[######------] 1.2 of 7.6 GB, 25 MB/s, 3m left, from hub:org/model`."""
    size = f"{transfer.done / 1e9:.1f}"
    if not transfer.total:
        return f"{size} GB{_source(transfer)}"
    full = round(_BAR * min(transfer.done / transfer.total, 1.0))
    bar = "#" * full + "-" * (_BAR - full)
    parts = (
        f"[{bar}] {size} of {transfer.total / 1e9:.1f} GB",
        render_rate(transfer.total - transfer.done, transfer.eta_seconds),
        f"{format_age(transfer.eta_seconds)} left" if transfer.eta_seconds else "",
    )
    return ", ".join(filter(None, parts)) + _source(transfer)


def render_rate(left: int, seconds: float) -> str:
    """`25 MB/s`: what is left in the seconds that it is expected to take; empty where unknown."""
    if seconds <= 0 or left <= 0:
        return ""
    rate = left / seconds
    return f"{rate / 1e6:.0f} MB/s" if rate >= 1e7 else f"{rate / 1e6:.1f} MB/s"


def render_expected(start: StartUpStatus) -> str:
    """`expected to take about 53s: weights 12s, engine 41s`; empty where nobody knows."""
    if not start.predicted_seconds:
        return ""
    stages = ", ".join(
        f"{stage.name} {format_age(stage.predicted_seconds)}"
        for stage in start.stages
        if stage.predicted_seconds
    )
    return f"expected to take about {format_age(start.predicted_seconds)}: {stages}"


def render_taken(start: StartUpStatus) -> str:
    """`took 45s, expected 53s`; empty while it goes on."""
    if not start.seconds:
        return ""
    expected = start.predicted_seconds
    beside = f", expected {format_age(expected)}" if expected else ""
    return f"took {format_age(start.seconds)}{beside}"


def _source(transfer: TransferStatus) -> str:
    return f", from {transfer.source}" if transfer.source else ""


def _start(start: StartUpStatus) -> str:
    rows = [
        (stage.name, _seconds(stage.predicted_seconds), _seconds(stage.seconds) or "...")
        for stage in start.stages
    ]
    rows.append(("total", _seconds(start.predicted_seconds), _seconds(start.seconds) or "..."))
    if not start.predicted_seconds:
        table = render_rows(("stage", "took"), ((name, took) for name, _, took in rows))
    else:
        shown = ((name, predicted or "-", took) for name, predicted, took in rows)
        table = render_rows(("stage", "predicted", "took"), shown)
    return f"{table}\n{render_transfer(start.weights)}" if start.weights else table


def _seconds(seconds: int) -> str:
    return format_age(seconds) if seconds else ""


def _adapters(adapters: Iterable[AdapterStatus]) -> str:
    rows = ((a.name, a.state, a.message or a.digest or "-") for a in adapters)
    return render_rows(("adapter", "state", "message"), rows)


def _tuning(tuning: TuningStatus) -> str:
    steps = f"step {tuning.step} of {tuning.steps}" if tuning.steps else ""
    loss = f"loss {tuning.loss}" if tuning.loss else ""
    left = f"{format_age(tuning.eta_seconds)} left" if tuning.eta_seconds else ""
    parts = ", ".join(filter(None, (steps, loss, left, tuning.result)))
    return f"tuning: {tuning.phase}{': ' if parts else ''}{parts}"
