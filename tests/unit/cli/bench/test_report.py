"""What people, documents, the status and pictures are told of a run."""

from pathlib import Path

import msgspec
import pytest

from kaito.api.workspace import PerformanceMetric
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.bench.figures import Latency, LevelFigures, Spread
from kaito.cli.bench.plotting import draw_report, require_plotting
from kaito.cli.bench.report import Report, Setting, render_level, render_report
from kaito.cli.bench.saving import derive_metrics

SETTING = Setting(
    workspace="team/phi",
    endpoint="http://127.32.0.4",
    model="phi-4",
    engine="vllm",
    engine_version="0.32.0",
    input_tokens=256,
    output_tokens=64,
    shared_prefix=0,
    is_exact=True,
    seed=7,
)


def level(concurrency: int, rate: float) -> LevelFigures:
    return LevelFigures(
        concurrency=concurrency,
        rounds=3,
        seconds=30.4,
        completed=12,
        errors=0,
        rejected=0,
        input_tokens=255.5,
        output_tokens=64,
        output_tokens_per_second=Spread(median=rate, low=rate * 0.9, high=rate * 1.1),
        total_tokens_per_second=Spread(median=rate * 5, low=rate * 5, high=rate * 5),
        requests_per_second=Spread(median=0.8, low=0.8, high=0.8),
        ttft_ms=Latency(mean=50, p50=48.25, p90=60, p99=123.4),
        itl_ms=Latency(mean=20, p50=19, p90=22, p99=30),
        tpot_ms=None,
        e2el_ms=Latency(mean=1300, p50=1310, p90=1400, p99=1500),
    )


REPORT = Report(setting=SETTING, is_whole=True, levels=(level(1, 51.2), level(8, 279)))


def test_people_read_the_setting_throughput_and_latency_of_each_concurrency() -> None:
    text = render_report(REPORT)
    head, prompts, *_ = text.splitlines()
    assert head == "team/phi at http://127.32.0.4, model phi-4, vllm 0.32.0"
    assert prompts == "prompts of 256 tokens, answers of 64, seed 7"
    assert "51.2 (46.1..56.3)" in text
    assert ["1", "TTFT", "50.0", "48.2", "60.0", "123"] in [r.split() for r in text.splitlines()]
    assert ["TPOT", "-", "-", "-", "-"] in [row.split() for row in text.splitlines()]
    assert "interrupted" not in text


def test_an_interrupted_run_says_so_and_one_without_figures_too() -> None:
    text = render_report(msgspec.structs.replace(REPORT, is_whole=False))
    assert "interrupted: the last concurrency is incomplete" in text
    empty = Report(setting=SETTING, is_whole=False, levels=())
    assert render_report(empty).endswith("nothing was measured")


def test_a_level_in_one_line_names_errors_only_where_there_were_some() -> None:
    assert render_level(level(8, 279)) == (
        "concurrency 8: 279 output tokens/s, TTFT 48.2 ms, ITL 19.0 ms"
    )
    bad = msgspec.structs.replace(level(8, 279), errors=2, rejected=5, last_error="too long")
    assert render_level(bad).endswith("2 errors, 5 times 429")
    report = msgspec.structs.replace(REPORT, levels=(bad,))
    assert render_report(report).endswith("error at concurrency 8: too long")


def test_the_status_keeps_the_peak_as_kaito_does() -> None:
    assert derive_metrics(REPORT) == {
        "peakTokensPerMinute": PerformanceMetric(
            description="Most tokens of prompts and answers in a minute",
            value="83700",
            unit="tokens/min",
            config={
                "durationSec": "30",
                "inputTokens": "256",
                "outputTokens": "64",
                "maxConcurrency": "8",
                "engine": "vllm",
                "engineVersion": "0.32.0",
            },
        )
    }
    with pytest.raises(KaitoError, match="nothing to save"):
        derive_metrics(msgspec.structs.replace(REPORT, levels=()))


def test_a_picture_is_written_as_its_name_says(tmp_path: Path) -> None:
    for name, start in (("run.png", b"\x89PNG"), ("run.svg", b"<?xml")):
        path = tmp_path / name
        require_plotting(path)
        draw_report(REPORT, path)
        assert path.read_bytes().startswith(start)
    svg = (tmp_path / "run.svg").read_text()
    assert "phi-4, vllm 0.32.0, 256 tokens in, 64 out" in svg
    assert "Time to first token (TTFT)" in svg


def test_the_same_figures_give_the_same_picture(tmp_path: Path) -> None:
    draw_report(REPORT, tmp_path / "one.svg")
    draw_report(REPORT, tmp_path / "other.svg")
    assert (tmp_path / "one.svg").read_text() == (tmp_path / "other.svg").read_text()


def test_a_level_without_latencies_can_be_drawn(tmp_path: Path) -> None:
    bare = msgspec.structs.replace(level(1, 1), ttft_ms=None, itl_ms=None)
    draw_report(msgspec.structs.replace(REPORT, levels=(bare,)), tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 1000


def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match="neither PNG nor SVG"):
        require_plotting(tmp_path / "run.pdf")
    with pytest.raises(UsageError, match="there is no folder"):
        require_plotting(tmp_path / "nowhere" / "run.png")
