"""A run as a document, and as two tables for people. Pure."""

import msgspec

from kaito.cli.bench.figures import Latency, LevelFigures, Spread
from kaito.cli.output import render_rows


class Setting(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was measured, and how."""

    workspace: str
    """`namespace/name`; empty where only an address was given."""
    endpoint: str
    model: str
    engine: str
    """vllm or transformers; empty where that is not known."""
    engine_version: str
    input_tokens: int
    """Asked for; each level says what it was."""
    output_tokens: int
    shared_prefix: int
    is_exact: bool
    """Whether answers were kept from ending earlier."""
    seed: int

    @property
    def server(self) -> str:
        """The engine's name and version, as far as they are known."""
        if not self.engine_version:
            return self.engine
        return f"{self.engine or 'engine'} {self.engine_version}"


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run."""

    setting: Setting
    is_whole: bool
    """False where it was interrupted."""
    levels: tuple[LevelFigures, ...]


def render_report(report: Report) -> str:
    """A few lines about the setting, throughput by concurrency, latency by concurrency."""
    if not report.levels:
        return f"{_headline(report.setting)}\nnothing was measured"
    parts = [_headline(report.setting), _prompts(report.setting)]
    if not report.is_whole:
        parts.append("interrupted: the last concurrency is incomplete, later ones are missing")
    parts += ["", _throughput(report.levels), "", _latency(report.levels)]
    errors = [level for level in report.levels if level.last_error]
    parts += [f"error at concurrency {one.concurrency}: {one.last_error}" for one in errors]
    return "\n".join(parts)


def render_level(level: LevelFigures) -> str:
    """One line about a level."""
    parts = [f"{_number(level.output_tokens_per_second.median)} output tokens/s"]
    if level.ttft_ms:
        parts.append(f"TTFT {_number(level.ttft_ms.p50)} ms")
    if level.itl_ms:
        parts.append(f"ITL {_number(level.itl_ms.p50)} ms")
    if level.errors or level.rejected:
        parts.append(f"{level.errors} errors, {level.rejected} times 429")
    return f"concurrency {level.concurrency}: {', '.join(parts)}"


def _headline(setting: Setting) -> str:
    where = f"{setting.workspace} at {setting.endpoint}" if setting.workspace else setting.endpoint
    return ", ".join(filter(None, (where, f"model {setting.model}", setting.server)))


def _prompts(setting: Setting) -> str:
    shared = f", the first {setting.shared_prefix} shared" if setting.shared_prefix else ""
    longest = "" if setting.is_exact else " at most"
    return (
        f"prompts of {setting.input_tokens} tokens{shared}, answers of {setting.output_tokens}"
        f"{longest}, seed {setting.seed}"
    )


def _throughput(levels: tuple[LevelFigures, ...]) -> str:
    headings = (
        *("concurrency", "output tok/s", "total tok/s", "requests/s"),
        *("tokens in/out", "completed", "errors", "429"),
    )
    rows = [
        (
            str(level.concurrency),
            _spread(level.output_tokens_per_second),
            _spread(level.total_tokens_per_second),
            _spread(level.requests_per_second),
            f"{level.input_tokens:.0f}/{level.output_tokens:.0f}",
            str(level.completed),
            str(level.errors),
            str(level.rejected),
        )
        for level in levels
    ]
    return render_rows(headings, rows)


def _latency(levels: tuple[LevelFigures, ...]) -> str:
    rows = []
    for level in levels:
        name = str(level.concurrency)
        for measure, latency in _latencies(level):
            rows.append((name, measure, *_cells(latency)))
            name = ""
    return render_rows(("concurrency", "ms", "mean", "p50", "p90", "p99"), rows)


def _latencies(level: LevelFigures) -> tuple[tuple[str, Latency | None], ...]:
    return (
        ("TTFT", level.ttft_ms),
        ("ITL", level.itl_ms),
        ("TPOT", level.tpot_ms),
        ("E2EL", level.e2el_ms),
    )


def _cells(latency: Latency | None) -> tuple[str, ...]:
    if latency is None:
        return ("-",) * 4
    return tuple(_number(one) for one in (latency.mean, latency.p50, latency.p90, latency.p99))


def _spread(spread: Spread) -> str:
    if spread.low == spread.high:
        return _number(spread.median)
    return f"{_number(spread.median)} ({_number(spread.low)}..{_number(spread.high)})"


def _number(value: float) -> str:
    """Three digits, and no fraction where the number is larger."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
