"""Figures worked out by hand from requests with round times."""

import pytest

from kaito.cli.bench.figures import derive_figures, percentile
from kaito.cli.bench.samples import LevelRun, Round, Sample


def done(started: float, *pieces: float, tokens: int = 0) -> Sample:
    return Sample(
        outcome="done",
        started=started,
        ended=pieces[-1],
        pieces=pieces,
        input_tokens=10,
        output_tokens=tokens or len(pieces),
    )


def failed(message: str) -> Sample:
    return Sample(outcome="failed", started=0, ended=1, message=message)


BUSY = Sample(outcome="busy", started=0, ended=0.1)


def test_throughput_counts_the_tokens_of_all_answers_over_a_rounds_time() -> None:
    one = Round(started=0, ended=2, samples=[done(0, 0.5, 1.0), done(0, 0.5, 2.0)])
    other = Round(started=5, ended=6, samples=[done(5, 5.5, 6.0)])
    figures = derive_figures(LevelRun(concurrency=2, rounds=[one, other]))
    assert figures is not None
    output, total = figures.output_tokens_per_second, figures.total_tokens_per_second
    assert (output.low, output.median, output.high) == (2, 2, 2)
    assert (total.low, total.median, total.high) == (12, 12, 12)
    assert (figures.requests_per_second.low, figures.requests_per_second.high) == (1, 1)
    assert (figures.completed, figures.rounds, figures.seconds) == (3, 2, 3)
    assert figures.input_tokens == 10


def test_latencies_are_told_in_milliseconds_and_by_their_definitions() -> None:
    sample = done(1.0, 1.5, 1.6, 1.9)
    run = LevelRun(concurrency=1, rounds=[Round(started=1, ended=2, samples=[sample])])
    figures = derive_figures(run)
    assert figures is not None
    assert figures.ttft_ms is not None
    assert figures.itl_ms is not None
    assert figures.tpot_ms is not None
    assert figures.e2el_ms is not None
    assert figures.ttft_ms.mean == pytest.approx(500)
    assert (figures.itl_ms.mean, figures.itl_ms.p50) == pytest.approx((200, 200))
    assert figures.tpot_ms.p99 == pytest.approx(200)
    assert figures.e2el_ms.p90 == pytest.approx(900)


def test_time_per_output_token_goes_by_the_servers_count_not_by_pieces() -> None:
    sample = done(0, 1.0, 2.0, tokens=5)
    run = LevelRun(concurrency=1, rounds=[Round(started=0, ended=2, samples=[sample])])
    figures = derive_figures(run)
    assert figures is not None
    assert figures.tpot_ms is not None
    assert figures.tpot_ms.mean == pytest.approx(250)
    assert figures.output_tokens_per_second.median == 2.5


def test_what_was_cut_counts_as_far_as_it_came() -> None:
    cut = Sample(outcome="cut", started=0, ended=2, pieces=(0.5, 1.0, 1.5), output_tokens=3)
    unanswered = Sample(outcome="cut", started=0, ended=2)
    run = LevelRun(concurrency=2, rounds=[Round(started=0, ended=2, samples=[cut, unanswered])])
    figures = derive_figures(run, expected_input=7)
    assert figures is not None
    assert figures.output_tokens_per_second.median == 1.5
    assert figures.total_tokens_per_second.median == 5
    assert figures.completed == 0
    assert figures.e2el_ms is None
    assert figures.ttft_ms is not None
    assert figures.ttft_ms.p50 == pytest.approx(500)


def test_errors_and_refusals_are_counted_apart_and_not_as_answers() -> None:
    samples = [done(0, 1.0), failed("first"), BUSY, BUSY, failed("last")]
    run = LevelRun(concurrency=4, rounds=[Round(started=0, ended=1, samples=samples)])
    figures = derive_figures(run)
    assert figures is not None
    assert (figures.completed, figures.errors, figures.rejected) == (1, 2, 2)
    assert figures.last_error == "last"
    assert figures.requests_per_second.median == 1


def test_nothing_measured_has_no_figures() -> None:
    assert derive_figures(LevelRun(concurrency=1)) is None
    assert derive_figures(LevelRun(concurrency=1, rounds=[Round(started=1)])) is None


def test_percentiles_lie_between_neighbours() -> None:
    assert percentile([1, 2, 3, 4], 0.5) == 2.5
    assert percentile([1, 2, 3, 4, 5], 0.9) == pytest.approx(4.6)
    assert percentile([7], 0.99) == 7
