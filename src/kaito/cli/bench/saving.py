"""A run as the Workspace's status keeps it: KAITO 0.12's `peakTokensPerMinute` (spec 2.9). Pure."""

from kaito.api.workspace import PerformanceMetric
from kaito.base.errors import KaitoError
from kaito.cli.bench.report import Report

PEAK = "peakTokensPerMinute"


def derive_metrics(report: Report) -> dict[str, PerformanceMetric]:
    """The best of all levels, as KAITO counts: prompts and answers, in a minute."""
    if not report.levels:
        raise KaitoError("nothing was measured, so there is nothing to save")
    best = max(report.levels, key=lambda level: level.total_tokens_per_second.median)
    setting = report.setting
    config = {
        "durationSec": f"{best.seconds:.0f}",
        "inputTokens": str(setting.input_tokens),
        "outputTokens": str(setting.output_tokens),
        "maxConcurrency": str(best.concurrency),
        "engine": setting.engine,
        "engineVersion": setting.engine_version,
    }
    metric = PerformanceMetric(
        description="Most tokens of prompts and answers in a minute",
        value=f"{best.total_tokens_per_second.median * 60:.0f}",
        unit="tokens/min",
        config={name: value for name, value in config.items() if value},
    )
    return {PEAK: metric}
