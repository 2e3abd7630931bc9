"""A run as a picture: throughput, time to first token and inter-token latency by concurrency.

matplotlib comes with the extra `kaito[plots]` and is imported only when a picture is wanted.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kaito.base.errors import KaitoError, UsageError
from kaito.cli.bench.figures import LevelFigures
from kaito.cli.bench.report import Report, Setting

_SUFFIXES = (".png", ".svg")
_BLUE, _ORANGE, _GREEN, _GREY = "#2563a8", "#c4591d", "#2f7d4f", "#5a6270"


def require_plotting(path: Path) -> None:
    """Raise where no picture could be drawn, before anything is measured for it."""
    if path.suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"{str(path)!r} is neither PNG nor SVG", hint="let its name end in .png or .svg"
        )
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {str(path.parent)!r} for the plot")
    if find_spec("matplotlib") is None:
        raise KaitoError(
            "a plot needs matplotlib, which is not installed", hint="pip install 'kaito[plots]'"
        )


def draw_report(report: Report, path: Path) -> None:
    """Write the picture."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style = {
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#e3e6ea",
        "svg.hashsalt": "kaito",
        "svg.fonttype": "none",
    }
    with rc_context(style):
        figure: Any = Figure(figsize=(12, 4.2), layout="constrained")
        figure.suptitle(_title(report.setting), fontsize=11, fontweight="bold")
        throughput, first, between = figure.subplots(1, 3)
        _draw_throughput(throughput, report.levels)
        _draw_latency(first, report.levels, "ttft_ms", ("Time to first token (TTFT)", _ORANGE))
        _draw_latency(between, report.levels, "itl_ms", ("Inter-token latency (ITL)", _GREEN))
        # Without the date, the same figures give the same file.
        figure.savefig(
            path,
            dpi=160,
            metadata={"Date": None} if path.suffix.lower() == ".svg" else {},
        )


def _title(setting: Setting) -> str:
    load = f"{setting.input_tokens} tokens in, {setting.output_tokens} out"
    return ", ".join(filter(None, (setting.model, setting.server, load)))


def _draw_throughput(axes: Any, levels: tuple[LevelFigures, ...]) -> None:
    spreads = [level.output_tokens_per_second for level in levels]
    medians = [spread.median for spread in spreads]
    below = [spread.median - spread.low for spread in spreads]
    above = [spread.high - spread.median for spread in spreads]
    positions = range(len(levels))
    axes.bar(positions, medians, width=0.6, color=_BLUE)
    if any(below) or any(above):
        axes.errorbar(
            positions, medians, yerr=[below, above], fmt="none", ecolor="#1b2733", capsize=4
        )
    for at, spread in enumerate(spreads):
        label = f"{spread.median:.0f}" if spread.median >= 10 else f"{spread.median:.1f}"
        axes.annotate(
            label, (at, spread.high), xytext=(0, 4), textcoords="offset points", ha="center"
        )
    _finish(axes, levels, "Output tokens per second", "tokens/s")


def _draw_latency(
    axes: Any, levels: tuple[LevelFigures, ...], field: str, look: tuple[str, str]
) -> None:
    title, color = look
    found = [(at, getattr(level, field)) for at, level in enumerate(levels)]
    known = [(at, latency) for at, latency in found if latency is not None]
    positions = [at for at, _ in known]
    lines = (("p99", ":", 0.9), ("p90", "--", 0.9), ("p50", "-", 1.0))
    for name, dash, alpha in lines:
        values = [getattr(latency, name) for _, latency in known]
        axes.plot(
            positions, values, dash, marker="o", markersize=4, color=color, alpha=alpha, label=name
        )
    if known:
        axes.legend(loc="upper left", frameon=False, handlelength=2.6)
    _finish(axes, levels, title, "milliseconds")


def _finish(axes: Any, levels: tuple[LevelFigures, ...], title: str, unit: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("requests at once")
    axes.set_ylabel(unit, color=_GREY)
    axes.set_xticks(range(len(levels)), [str(level.concurrency) for level in levels])
    axes.set_xlim(-0.6, len(levels) - 0.4)
    # Room above for labels and legends.
    axes.margins(y=0.15)
    axes.set_ylim(bottom=0)
    axes.grid(visible=False, axis="x")
