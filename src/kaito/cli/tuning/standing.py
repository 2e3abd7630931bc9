"""A tuning job in a few lines: its phase, a bar, the figures, the loss curve. Pure.

No line is wider than the terminal: a terminal's own wrapping could not be redrawn.
"""

import textwrap
from collections.abc import Sequence

from kaito.api import conditions
from kaito.api.report import LossPoint
from kaito.api.tuning_record import TuningRecord
from kaito.api.workspace import WORKSPACE_READY, TuningStatus, Workspace
from kaito.base.clock import format_age
from kaito.cli.tuning.curve import draw_curve

_BAR_WIDTH, _LEAST_BAR = 30, 6
_INDENT = 14
"""Where the text of a figure stands, and goes on."""
_LEAST_CURVE = 4
_CURVE = 8
"""Lines of a loss curve, without its axis."""
_AT_REST = ("Done", "Failed", "Paused", "Waiting")


def render_standing(
    workspace: Workspace,
    curve: Sequence[LossPoint],
    *,
    width: int,
    height: int = 100,
    unicode: bool = True,
) -> str:
    """Everything there is to say, for people; at most `height` lines of at most `width` columns."""
    status = workspace.status.tuning or TuningStatus(phase="Waiting")
    spec = workspace.tuning
    method = spec.method.lower() if spec else ""
    lines = [f"{workspace.key}: {method} of {workspace.preset_name}, {status.phase.lower()}"]
    if status.steps:
        lines.append(_bar_line(status, width=width, unicode=unicode))
    lines += [f"  {name:<12}{text}" for name, text in _facts(status)]
    if told := _told(workspace, status):
        lines.append(f"  {told}")
    lines = [part for line in lines for part in _wrapped(line, width)]
    # An empty line and the axis take two.
    room = min(height - len(lines) - 2, _CURVE)
    if room >= _LEAST_CURVE:
        drawn = draw_curve(curve, width=width - 2, height=room, unicode=unicode)
        lines += ["", *(f"  {line}" for line in drawn)] if drawn else []
    return "\n".join(lines[:height])


def _wrapped(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = " " * (_INDENT if width > 2 * _INDENT else 2)
    return textwrap.wrap(line, max(width, 4), subsequent_indent=indent[: max(width, 4) - 2])


def curve_of(record: TuningRecord | None, seen: Sequence[LossPoint]) -> tuple[LossPoint, ...]:
    """The record's curve, and what was seen of the status since."""
    kept = record.progress.curve if record else ()
    last = kept[-1].step if kept else -1
    return (*kept, *(point for point in seen if point.step > last))


def point_of(status: TuningStatus | None) -> LossPoint | None:
    """The last logged step, as a status has it."""
    if status is None or not status.loss:
        return None
    return LossPoint(step=status.step, loss=float(status.loss))


def progress_bar(share: float, *, width: int = _BAR_WIDTH, unicode: bool = True) -> str:
    """`━━━━━━━━──────`."""
    full = round(min(max(share, 0.0), 1.0) * width)
    done, left = ("━", "─") if unicode else ("#", "-")
    return done * full + left * (width - full)


def _bar_line(status: TuningStatus, *, width: int, unicode: bool) -> str:
    share = status.step / status.steps
    text = f" {share:4.0%}  step {status.step} of {status.steps}"
    if status.eta_seconds and status.phase not in _AT_REST:
        text = f"{text}, about {format_age(status.eta_seconds)} left"
    room = min(width - len(text) - 2, _BAR_WIDTH)
    bar = progress_bar(share, width=room, unicode=unicode) if room >= _LEAST_BAR else ""
    return f"  {bar}{text}"


def _facts(status: TuningStatus) -> list[tuple[str, str]]:
    found = [
        ("loss", status.loss),
        ("evaluation", status.evaluation),
        ("rate", f"{status.tokens_per_second} tokens/s" if status.tokens_per_second else ""),
        ("learning", status.learning_rate),
        ("epoch", status.epoch),
        ("samples", _samples(status)),
        ("checkpoint", status.checkpoint),
        ("restarts", str(status.restarts) if status.restarts else ""),
        ("result", status.result),
    ]
    return [(name, text) for name, text in found if text]


def _samples(status: TuningStatus) -> str:
    if not status.samples:
        return ""
    dropped = f", {status.dropped} left out" if status.dropped else ""
    return f"{status.samples}{dropped}"


def _told(workspace: Workspace, status: TuningStatus) -> str | None:
    """What it waits for, or why it failed."""
    found = conditions.find(workspace.status.conditions, WORKSPACE_READY)
    if found is None:
        return "no controller has looked at it yet"
    if found.is_true:
        return None
    if found.reason == "Tuning" and not status.restarts:
        # What training does, the bar shows.
        return status.message if status.phase != "Training" else None
    return f"{found.reason}: {found.message}"
