"""The load against a server that speaks as an engine does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pretend_engine import PretendEngine, running_pretend_engine

from kaito.base.clock import SystemClock
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.bench.figures import derive_figures
from kaito.cli.bench.load import Target, measure_levels
from kaito.cli.bench.plan import Level, Load
from kaito.cli.bench.preparing import prepare
from kaito.cli.bench.samples import LevelRun
from kaito.cli.endpoints import Endpoint, Refused, choose_model, open_endpoint

LOAD = Load(input_tokens=40, output_tokens=6, seed=3)


@asynccontextmanager
async def target_of(engine: PretendEngine, load: Load = LOAD) -> AsyncIterator[Target]:
    async with (
        running_pretend_engine(engine) as url,
        open_endpoint(Endpoint(url=url, api_key=engine.api_key)) as asker,
    ):
        prepared = await prepare(asker, choose_model(await asker.models(), ""), load)
        yield Target(
            asker=asker, request=prepared.request, prompts=prepared.prompts, clock=SystemClock()
        )


async def measure(engine: PretendEngine, *levels: Level) -> list[LevelRun]:
    runs: list[LevelRun] = []
    async with target_of(engine) as target:
        await measure_levels(target, levels, runs, lambda _: None)
    return runs


async def test_every_level_has_its_rounds_and_as_many_at_once_as_it_says() -> None:
    engine = PretendEngine()
    runs = await measure(
        engine,
        Level(concurrency=1, rounds=2, requests=3),
        Level(concurrency=4, rounds=2, requests=5),
    )
    assert engine.most_at_once == 4
    assert [[len(one.samples) for one in run.rounds] for run in runs] == [[3, 3], [5, 5]]
    figures = derive_figures(runs[1])
    assert figures is not None
    assert (figures.completed, figures.output_tokens, figures.input_tokens) == (10, 6, 40)


async def test_no_two_prompts_of_a_run_are_alike_and_warming_up_is_not_measured() -> None:
    engine = PretendEngine()
    (run,) = await measure(engine, Level(concurrency=3, rounds=2, requests=4))
    # One to learn the size of prompts, one of each client to warm up, and the measured ones.
    assert len(engine.asked) == 1 + 3 + 8
    assert len({body["prompt"] for body in engine.asked}) == len(engine.asked)
    assert sum(len(one.samples) for one in run.rounds) == 8
    assert all(body["ignore_eos"] and body["temperature"] == 0 for body in engine.asked)


async def test_prompts_get_as_many_words_as_the_tokenizer_needs() -> None:
    engine = PretendEngine(tokens_per_word=2)
    await measure(engine, Level(concurrency=1, rounds=1, requests=1))
    assert len(engine.asked[-1]["prompt"].split()) == 20


async def test_an_engine_that_cannot_ignore_the_end_of_a_text_is_asked_without() -> None:
    engine = PretendEngine(knows_ignore_eos=False)
    (run,) = await measure(engine, Level(concurrency=1, rounds=1, requests=2))
    assert [sample.outcome for sample in run.rounds[0].samples] == ["done", "done"]
    assert "ignore_eos" not in engine.asked[-1]


async def test_a_duration_cuts_what_is_under_way_and_keeps_what_came() -> None:
    # The size, two to warm up, two that are answered; the next two never end.
    engine = PretendEngine(hold_after=5)
    (run,) = await measure(engine, Level(concurrency=2, rounds=1, seconds=0.3))
    (one,) = run.rounds
    assert 0.29 < one.seconds < 5
    outcomes = sorted(sample.outcome for sample in one.samples)
    assert outcomes == ["cut", "cut", "done", "done"]
    assert all(s.output_tokens == 1 for s in one.samples if s.outcome == "cut")


async def test_an_interruption_keeps_what_was_measured_and_what_was_under_way() -> None:
    # The size, one to warm up, two measured; two to warm up, and then two that never end.
    engine = PretendEngine(hold_after=1 + 1 + 2 + 2)
    runs: list[LevelRun] = []
    levels = tuple(Level(concurrency=n, rounds=1, requests=2) for n in (1, 2))
    async with target_of(engine) as target:
        measuring = asyncio.create_task(measure_levels(target, levels, runs, lambda _: None))
        for _ in range(2):
            await engine.held.acquire()
        measuring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await measuring
    outcomes = [[sample.outcome for sample in run.rounds[0].samples] for run in runs]
    assert outcomes == [["done", "done"], ["cut", "cut"]]
    assert runs[1].rounds[0].ended > runs[1].rounds[0].started


async def test_429_is_counted_apart_and_its_wait_is_honoured() -> None:
    engine = PretendEngine(retry_after="0.05")
    runs: list[LevelRun] = []
    async with target_of(engine) as target:
        # Warming up may be refused, too; that is not counted.
        engine.busy = 1 + 2
        await measure_levels(
            target, (Level(concurrency=1, rounds=1, requests=4),), runs, lambda _: None
        )
    figures = derive_figures(runs[0])
    assert figures is not None
    assert (figures.completed, figures.rejected, figures.errors) == (2, 2, 0)
    assert [sample.retry_after for sample in runs[0].rounds[0].samples[:2]] == [0.05, 0.05]
    assert runs[0].rounds[0].seconds > 0.1


async def test_a_server_that_only_fails_ends_the_run_with_its_words() -> None:
    engine = PretendEngine()
    async with target_of(engine) as target:
        engine.failing = True
        with pytest.raises(KaitoError, match=r"every request failed: .*500.*out of memory"):
            await measure_levels(
                target, (Level(concurrency=2, rounds=1, requests=50),), [], lambda _: None
            )


async def test_a_load_beyond_the_context_is_refused_before_anything_is_asked() -> None:
    engine = PretendEngine(context=32)
    with pytest.raises(UsageError, match="do not fit the context of 'phi-4', which is 32"):
        async with target_of(engine):
            """Not reached."""
    assert engine.asked == []


async def test_a_key_is_sent_and_a_wrong_one_is_named() -> None:
    engine = PretendEngine(api_key="right")
    async with target_of(engine):
        assert engine.keys == {"right"}
    async with (
        running_pretend_engine(engine) as url,
        open_endpoint(Endpoint(url=url, api_key="wrong")) as asker,
    ):
        with pytest.raises(Refused, match="does not know this API key"):
            await asker.models()
    async with running_pretend_engine(engine) as url, open_endpoint(Endpoint(url=url)) as asker:
        with pytest.raises(Refused, match="no API key came") as refused:
            await asker.models()
    assert refused.value.hint == "give one with --api-key or in $KAITO_API_KEY"
