"""Figures of what was measured. Pure.

Names are those of `vllm bench serve` and guidellm: TTFT, request sent to first piece of the answer;
ITL, from one piece to the next; TPOT, a request's time after its first piece over its other tokens;
E2EL, request sent to the end of the answer.
"""

import statistics
from collections.abc import Sequence
from itertools import chain, pairwise

import msgspec

from kaito.cli.bench.samples import LevelRun, Round, Sample


class Spread(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A figure over the rounds."""

    median: float
    low: float
    high: float


class Latency(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Milliseconds over all requests of a level."""

    mean: float
    p50: float
    p90: float
    p99: float


class LevelFigures(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All figures of one concurrency."""

    concurrency: int
    rounds: int
    seconds: float
    """Of all rounds together."""
    completed: int
    errors: int
    rejected: int
    """Answered with 429."""
    input_tokens: float
    """Of a request, on average, as the server counted."""
    output_tokens: float
    output_tokens_per_second: Spread
    total_tokens_per_second: Spread
    """Prompts and answers."""
    requests_per_second: Spread
    ttft_ms: Latency | None
    itl_ms: Latency | None
    tpot_ms: Latency | None
    e2el_ms: Latency | None
    last_error: str = ""


def derive_figures(run: LevelRun, *, expected_input: int = 0) -> LevelFigures | None:
    """The figures of a level; None where nothing was measured.

    `expected_input` is what a prompt has that was cut before the server counted it.
    """
    rounds = [one for one in run.rounds if one.samples and one.seconds > 0]
    if not rounds:
        return None
    samples = [sample for one in rounds for sample in one.samples]
    done = [sample for sample in samples if sample.outcome == "done"]
    failed = [sample for sample in samples if sample.outcome == "failed"]
    return LevelFigures(
        concurrency=run.concurrency,
        rounds=len(rounds),
        seconds=sum(one.seconds for one in rounds),
        completed=len(done),
        errors=len(failed),
        rejected=sum(sample.outcome == "busy" for sample in samples),
        input_tokens=_mean([sample.input_tokens for sample in done]),
        output_tokens=_mean([sample.output_tokens for sample in done]),
        output_tokens_per_second=_spread([_output(one) / one.seconds for one in rounds]),
        total_tokens_per_second=_spread(
            [(_output(one) + _input(one, expected_input)) / one.seconds for one in rounds]
        ),
        requests_per_second=_spread([_completed(one) / one.seconds for one in rounds]),
        ttft_ms=_latency([s.pieces[0] - s.started for s in _answered(samples)]),
        itl_ms=_latency(list(chain.from_iterable(_gaps(s) for s in _answered(samples)))),
        tpot_ms=_latency([_per_token(s) for s in done if s.output_tokens > 1]),
        e2el_ms=_latency([s.ended - s.started for s in done]),
        last_error=failed[-1].message if failed else "",
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the sorted values lie, interpolated."""
    position = share * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def _answered(samples: Sequence[Sample]) -> list[Sample]:
    return [s for s in samples if s.pieces and s.outcome in ("done", "cut")]


def _gaps(sample: Sample) -> list[float]:
    return [later - earlier for earlier, later in pairwise(sample.pieces)]


def _per_token(sample: Sample) -> float:
    return (sample.pieces[-1] - sample.pieces[0]) / (sample.output_tokens - 1)


def _output(one: Round) -> int:
    return sum(sample.output_tokens for sample in _answered(one.samples))


def _input(one: Round, expected: int) -> int:
    return sum(sample.input_tokens or expected for sample in _answered(one.samples))


def _completed(one: Round) -> int:
    return sum(sample.outcome == "done" for sample in one.samples)


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else 0.0


def _spread(values: Sequence[float]) -> Spread:
    return Spread(median=statistics.median(values), low=min(values), high=max(values))


def _latency(seconds: Sequence[float]) -> Latency | None:
    if not seconds:
        return None
    ordered = sorted(value * 1000 for value in seconds)
    return Latency(
        mean=statistics.fmean(ordered),
        p50=percentile(ordered, 0.5),
        p90=percentile(ordered, 0.9),
        p99=percentile(ordered, 0.99),
    )
